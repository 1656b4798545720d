"""Which API a token is for: resource indicators at the token endpoint (RFC 8707)."""

import pytest

from tests.server.booths import ORDERS, PERSONS, payload_of


@pytest.fixture
async def both(town):
    """A client with access to both APIs, `persons` being its default."""
    return await town.add_client(access={"persons": "persons:read", "orders": "orders:read"})


async def asks(town, secret, **form):
    answer = await town.token(secret, **form)
    assert answer.status_code == 200, answer.text
    return payload_of(answer.json()["access_token"])


@pytest.mark.parametrize(
    ("resource", "scope"), [(PERSONS, "persons:read"), (ORDERS, "orders:read")]
)
async def test_a_resource_alone_becomes_the_audience_with_its_own_scopes(
    town, both, resource, scope
):
    claims = await asks(town, both, resource=resource)

    assert (claims["aud"], claims["scope"]) == (resource, scope)


async def test_without_a_resource_the_clients_first_api_is_the_audience(town, both):
    assert (await asks(town, both))["aud"] == PERSONS


async def test_without_a_resource_the_scope_leads_to_its_api(town, both):
    assert (await asks(town, both, scope="orders:read"))["aud"] == ORDERS


async def test_scopes_of_different_apis_need_requests_of_their_own(town, both):
    answer = await town.token(both, scope="persons:read orders:read")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


async def test_several_resources_become_several_audiences(town, both):
    claims = await asks(town, both, resource=[ORDERS, PERSONS])

    assert set(claims["aud"]) == {ORDERS, PERSONS}
    assert set(claims["scope"].split()) == {"orders:read", "persons:read"}


async def test_a_resource_named_twice_is_one_audience(town, both):
    assert (await asks(town, both, resource=[ORDERS, ORDERS]))["aud"] == ORDERS


async def test_a_scope_of_another_api_than_the_resources_is_refused(town, both):
    answer = await town.token(both, resource=ORDERS, scope="persons:read")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    "resource",
    [
        "persons",
        "/persons",
        "//persons.example.com",
        "https:",
        f"{PERSONS}#part",
        f"{PERSONS}#",
        "https://[persons",
        f"{PERSONS}/",
        PERSONS.upper(),
        f"{PERSONS}?tenant=1",
        "https://unknown.example.com",
        "\u00e9",
        "a" * 5000,
    ],
)
async def test_a_malformed_or_unknown_resource_is_an_invalid_target(town, both, resource):
    answer = await town.token(both, resource=resource)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


async def test_one_bad_resource_spoils_the_request(town, both):
    answer = await town.token(both, resource=[PERSONS, "https://unknown.example.com"])

    assert answer.json()["error"] == "invalid_target"


async def test_an_api_of_others_is_refused_like_an_unknown_one(town):
    secret = await town.add_client(access={"persons": "persons:read"})

    of_others = await town.token(secret, resource=ORDERS)
    unknown = await town.token(secret, resource="https://unknown.example.com")

    assert of_others.status_code == 400
    assert of_others.json() == unknown.json()


async def test_so_many_resources_are_not_looked_at(town, both):
    answer = await town.token(both, resource=[f"{PERSONS}/{number}" for number in range(9)])

    assert answer.json()["error"] == "invalid_target"


async def test_a_token_for_one_api_is_no_token_for_another_apis_server(town, both):
    server = await town.add_client("orders-server", resource_server_for=("orders",), access={})
    token = (await town.token(both, resource=PERSONS)).json()["access_token"]

    answer = await town.introspect(server, token, client_id="orders-server")

    assert answer.json() == {"active": False}
