"""An API's audience, scopes and self-service change without anybody's change being lost."""

import pytest

from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.errors import BadInput, Conflict, NotAllowed, Outdated
from tokenbooth.management.rights import ROLES
from tokenbooth.management.service.api_changes import (
    change_api,
    count_users,
    lost_scopes,
    read_scopes,
    users_of_api,
)
from tokenbooth.management.service.apis import create_api, find_api, show_api
from tokenbooth.management.versions import version_of
from tokenbooth.server.actor import Actor
from tokenbooth.server.audit_records import EventFilter
from tokenbooth.server.records import Account, ApiScope

pytestmark = pytest.mark.anyio

MEMBER = Actor(kind="member", name="mia@example.com", rights=ROLES["member"], account="acme")


async def test_changes_what_is_given_and_leaves_the_rest(booth):
    await change_api(booth, "persons", self_service=True)
    scopes = (ApiScope(name="a", description="See persons"), ApiScope(name="z"))
    await change_api(booth, "persons", scopes=scopes)

    api = await find_api(booth, "persons", issuer="default")
    assert (api.self_service, api.scopes) == (True, scopes)
    assert api.audience == "https://a.example.com"


async def test_records_what_changed(booth):
    await change_api(booth, "persons", audience="https://new.example.com")

    (entry,) = await booth.store.list_events(EventFilter(type="api_changed"))
    assert entry.event.details["changes"] == {
        "audience": ["https://a.example.com", "https://new.example.com"]
    }


async def test_refuses_an_audience_that_another_api_has(booth):
    with pytest.raises(Conflict):
        await change_api(booth, "persons", audience="https://b.example.com")


async def test_refuses_a_change_of_what_somebody_changed_meanwhile(booth):
    version = version_of(await find_api(booth, "persons", issuer="default"))
    await change_api(booth, "persons", self_service=True)

    with pytest.raises(Outdated):
        await change_api(booth, "persons", scopes=(ApiScope(name="q"),), version=version)
    assert (await show_api(booth, "persons")).scopes == ("a", "b")


async def test_members_change_no_api(booth):
    with pytest.raises(NotAllowed):
        await change_api(booth.acting_as(MEMBER), "persons", self_service=True)


async def test_lists_the_clients_with_access_and_to_an_account_only_its_own(booth):
    await booth.store.add_account(Account(name="acme", created_at=0.0))
    await create_client(booth, apis=["persons"], scope="a", client_id="ours", account="acme")
    await create_client(booth, apis=["orders", "persons"], client_id="theirs")
    await create_client(booth, apis=["orders"], client_id="other")

    users = await users_of_api(booth, "persons")
    assert users.is_whole
    assert [(each.client_id, each.scopes) for each in users.users] == [
        ("ours", ("a",)),
        ("theirs", ("a", "b")),
    ]
    own = await users_of_api(booth.acting_as(MEMBER), "persons")
    assert [each.client_id for each in own.users] == ["ours"]


async def test_says_when_not_every_client_is_listed(booth):
    for number in range(3):
        await create_client(booth, apis=["persons"], client_id=f"c{number}")

    users = await users_of_api(booth, "persons", limit=2)
    assert ([each.client_id for each in users.users], users.is_whole) == (["c0", "c1"], False)
    assert (await users_of_api(booth, "persons", limit=3)).is_whole


async def test_counts_the_clients_of_each_api(booth):
    await booth.store.add_account(Account(name="acme", created_at=0.0))
    await create_client(booth, apis=["persons", "orders"], account="acme")
    await create_client(booth, apis=["persons"])

    assert await count_users(booth) == {("default", "persons"): 2, ("default", "orders"): 1}
    assert (await count_users(booth.acting_as(MEMBER)))["default", "persons"] == 1


async def test_makes_an_api_with_descriptions(booth):
    await create_api(
        booth,
        name="bills",
        audience="https://c.example.com",
        scopes="bills:read",
        descriptions={"bills:read": "See bills"},
    )
    api = await find_api(booth, "bills", issuer="default")
    assert api.scopes == (ApiScope(name="bills:read", description="See bills"),)


def test_reads_one_scope_a_line_with_its_description():
    assert read_scopes("persons:read  See persons\n\n persons:write\r\n") == (
        ApiScope(name="persons:read", description="See persons"),
        ApiScope(name="persons:write"),
    )


@pytest.mark.parametrize("text", ["", "a\na", 'a"b', "a " + "x" * 201, "é", "a \x1b[2J"])
def test_refuses_scopes_that_cannot_be_granted(text):
    with pytest.raises(BadInput):
        read_scopes(text)


async def test_tells_which_scopes_would_go(booth):
    api = await find_api(booth, "persons", issuer="default")
    assert lost_scopes(api, (ApiScope(name="b"), ApiScope(name="c"))) == ("a",)
