"""Rich authorization requests at the token endpoint (RFC 9396)."""

import json
from dataclasses import replace

import pytest

from tests.server.booths import ORDERS, PERSONS, payload_of
from tokenbooth.protocol.authorization_details import DetailType
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS
from tokenbooth.protocol.token_exchange import ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE
from tokenbooth.server.records import ApiPolicy, ClientPolicy

LOOK = DetailType(type="look", actions=("read", "list"), fields=("person",))
ORDER = DetailType(type="order", actions=("place",), fields=("limit",))
READ_7 = {"type": "look", "actions": ["read"], "person": 7}
PLACE = {"type": "order", "actions": ["place"], "limit": {"eur": 100}}
BOTH = {"persons": "persons:read", "orders": "orders:read"}


async def register(town, issuer="default"):
    kinds = {"persons": (LOOK,), "orders": (ORDER,)}
    for api in await town.store.list_apis(issuer):
        policy = ApiPolicy(authorization_details=kinds[api.name])
        await town.store.replace_api(replace(api, policy=policy))
    await town.registry.refresh()


@pytest.fixture
async def ada(town):
    await register(town)
    policy = ClientPolicy(authorization_details=("look", "order"))
    return await town.add_client(access=BOTH, policy=policy)


async def asks(town, secret, *details, **form):
    return await town.token(secret, authorization_details=json.dumps(details), **form)


async def granted(town, secret, *details, **form):
    answer = await asks(town, secret, *details, **form)
    assert answer.status_code == 200, answer.text
    return payload_of(answer.json()["access_token"])


def refused(answer, code="invalid_authorization_details"):
    assert (answer.status_code, answer.json()["error"]) == (400, code), answer.text


async def test_details_are_in_the_answer_the_token_and_introspection(town, ada):
    answer = (await asks(town, ada, READ_7)).json()

    assert answer["authorization_details"] == [READ_7]
    assert payload_of(answer["access_token"])["authorization_details"] == [READ_7]
    shown = (await town.introspect(ada, answer["access_token"])).json()
    assert shown["authorization_details"] == [READ_7]


async def test_an_opaque_token_holds_them_as_well(town, ada):
    await town.change_client("ada", token_format="opaque")

    token = (await asks(town, ada, READ_7)).json()["access_token"]

    assert (await town.introspect(ada, token)).json()["authorization_details"] == [READ_7]


async def test_who_asks_for_details_alone_gets_no_scope_beside(town, ada):
    answer = (await asks(town, ada, READ_7)).json()

    assert "scope" not in answer
    assert "scope" not in payload_of(answer["access_token"])


async def test_scope_and_details_can_be_asked_for_together(town, ada):
    claims = await granted(town, ada, READ_7, scope="persons:read")

    assert (claims["scope"], claims["authorization_details"]) == ("persons:read", [READ_7])


async def test_the_type_leads_to_its_api(town, ada):
    assert (await granted(town, ada, PLACE))["aud"] == ORDERS
    assert set((await granted(town, ada, PLACE, READ_7))["aud"]) == {PERSONS, ORDERS}


@pytest.mark.parametrize("form", [{"resource": ORDERS}, {"resource": [ORDERS]}])
async def test_a_type_of_another_api_than_the_resource_is_refused(town, ada, form):
    refused(await asks(town, ada, READ_7, **form))


async def test_a_scope_of_another_api_than_the_details_is_refused(town, ada):
    refused(await asks(town, ada, READ_7, scope="orders:read"), "invalid_scope")


@pytest.mark.parametrize(
    "detail",
    [
        {"type": "unknown"},
        {"type": "look", "actions": ["delete"]},
        {"type": "look", "locations": [ORDERS]},
        {"type": "look", "admin": True},
        {"actions": ["read"]},
    ],
)
async def test_what_the_api_does_not_know_is_refused(town, ada, detail):
    refused(await asks(town, ada, detail))
    refused(await asks(town, ada, READ_7, detail))


@pytest.mark.parametrize("text", ["x", "{}", "[]", "[[]]", '["look"]', "[" * 5000])
async def test_what_is_no_array_of_details_is_refused(town, ada, text):
    refused(await town.token(ada, authorization_details=text))


async def test_a_client_asks_for_the_types_that_it_may_have(town, ada):
    policy = ClientPolicy(authorization_details=("order",))
    bob = await town.add_client("bob", access=BOTH, policy=policy)

    refused(await asks(town, bob, READ_7, client_id="bob"))


async def test_a_client_without_access_to_the_api_gets_none_of_its_details(town, ada):
    policy = ClientPolicy(authorization_details=("look", "order"))
    bob = await town.add_client("bob", access={"orders": "orders:read"}, policy=policy)

    refused(await asks(town, bob, READ_7, client_id="bob"))


async def test_details_of_one_request_are_not_in_the_next(town, ada):
    await granted(town, ada, READ_7)

    plain = payload_of((await town.token(ada)).json()["access_token"])
    other = await granted(town, ada, READ_7 | {"person": 8})

    assert "authorization_details" not in plain
    assert plain["scope"] == "persons:read"
    assert other["authorization_details"] == [READ_7 | {"person": 8}]


async def test_the_metadata_names_the_types(town):
    async def told():
        answer = await town.http.get("/.well-known/oauth-authorization-server")
        return answer.json().get("authorization_details_types_supported")

    assert await told() is None
    await register(town)

    assert await told() == ["look", "order"]


async def test_an_exchange_takes_no_details(town, ada):
    await town.change_client("ada", grant_types=(CLIENT_CREDENTIALS, TOKEN_EXCHANGE))
    form = {"subject_token": "a.b.c", "subject_token_type": ACCESS_TOKEN_TYPE}

    refused(await asks(town, ada, READ_7, grant_type=TOKEN_EXCHANGE, **form))


class TestRefreshing:
    PATH = "/fresh/oauth2/token"

    @pytest.fixture
    async def bob(self, town):
        await town.add_issuer("fresh", refresh_tokens=True)
        await town.add_api("persons", PERSONS, "persons:read", issuer="fresh")
        await register(town, "fresh")
        policy = ClientPolicy(authorization_details=("look",))
        return await town.add_client("bob", issuer="fresh", policy=policy)

    async def first(self, town, bob, *details):
        answer = await asks(town, bob, *details, path=self.PATH, client_id="bob")
        return answer.json()["refresh_token"]

    async def refresh(self, town, bob, token, *details):
        more = {"authorization_details": json.dumps(details)} if details else {}
        return await town.token(
            bob,
            path=self.PATH,
            client_id="bob",
            grant_type="refresh_token",
            refresh_token=token,
            **more,
        )

    async def test_a_refreshed_token_keeps_its_details_and_gains_no_scope(self, town, bob):
        answer = (await self.refresh(town, bob, await self.first(town, bob, READ_7))).json()
        again = (await self.refresh(town, bob, answer["refresh_token"])).json()

        for each in (answer, again):
            assert each["authorization_details"] == [READ_7]
            assert "scope" not in each

    async def test_a_refreshed_token_can_have_fewer_details_and_the_next_all_again(self, town, bob):
        more = READ_7 | {"person": 8}
        token = await self.first(town, bob, READ_7, more)

        fewer = (await self.refresh(town, bob, token, more)).json()
        assert fewer["authorization_details"] == [more]
        all_again = (await self.refresh(town, bob, fewer["refresh_token"])).json()
        assert all_again["authorization_details"] == [READ_7, more]

    async def test_a_refreshed_token_gains_no_details(self, town, bob):
        token = await self.first(town, bob, READ_7)

        refused(await self.refresh(town, bob, token, READ_7 | {"person": 8}))

    async def test_withdrawn_details_end_the_refresh_token(self, town, bob):
        token = await self.first(town, bob, READ_7)
        await town.change_client("bob", issuer="fresh", policy=ClientPolicy())

        refused(await self.refresh(town, bob, token), "invalid_grant")
