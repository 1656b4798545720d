"""The management API among the APIs of the default issuer."""

import pytest

from tokenbooth.management.clients.access import grant, withdraw
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.lookup import find_client
from tokenbooth.management.errors import Conflict
from tokenbooth.management.rest.rights import (
    NAME,
    SCOPES,
    ensure_management_api,
    rights_of,
)
from tokenbooth.management.service.apis import create_api, show_api

BASE_URL = "https://auth.example.com"


async def test_the_api_is_made_once_with_all_its_scopes(booth):
    await ensure_management_api(booth, BASE_URL)
    await ensure_management_api(booth, BASE_URL)

    api = await show_api(booth, NAME)

    assert (api.audience, api.scopes) == (f"{BASE_URL}/api/v1", tuple(SCOPES))


async def test_the_api_follows_a_new_address_and_clients_keep_their_access(booth):
    await ensure_management_api(booth, BASE_URL)
    await create_client(booth, client_id="ops", apis=[NAME], scope="clients:read")

    await ensure_management_api(booth, "https://new.example.com")

    assert (await show_api(booth, NAME)).audience == "https://new.example.com/api/v1"
    assert rights_of((await find_client(booth, "ops")).client) == ("clients:read",)


async def test_an_api_that_has_the_name_already_is_not_touched(booth):
    await create_api(booth, name=NAME, audience="https://mine.example", scopes="a")

    with pytest.raises(Conflict, match="The name 'management' is taken"):
        await ensure_management_api(booth, BASE_URL)

    assert (await show_api(booth, NAME)).audience == "https://mine.example"


async def test_an_api_that_has_the_audience_already_is_named(booth):
    await create_api(booth, name="other", audience=f"{BASE_URL}/api/v1", scopes="a")

    with pytest.raises(Conflict, match="belongs to the API 'other'"):
        await ensure_management_api(booth, BASE_URL)


async def test_access_to_other_apis_is_no_right_here(booth):
    await ensure_management_api(booth, BASE_URL)
    await create_client(booth, client_id="app", apis=["persons"])
    before = rights_of((await find_client(booth, "app")).client)

    await grant(booth, "app", api=NAME, scope="keys:read")

    assert before == ()
    assert rights_of((await find_client(booth, "app")).client) == ("keys:read",)


async def test_a_client_takes_nothing_back_that_was_withdrawn_from_it(desk):
    """Its token was issued before, and still names the right."""
    await desk.client("former", scope="clients:read clients:write")
    assert (await desk.call("GET", "/clients/former", by="former")).status_code == 200

    await withdraw(desk.booth, "former", api=NAME)
    again = await desk.call("PUT", "/clients/former/access/management", {}, by="former")
    seen = await desk.call("GET", "/clients/former", by="former")

    assert (again.status_code, seen.status_code) == (403, 403)
    assert rights_of((await find_client(desk.booth, "former")).client) == ()
