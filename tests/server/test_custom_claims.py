"""Claims that an operator adds to the tokens of an API or a client."""

from dataclasses import replace

import pytest

from tests.server.booths import ORDERS, PERSONS, payload_of
from tokenbooth.server.records import ApiPolicy, ClientPolicy


@pytest.fixture
async def claimed(town):
    for api in await town.store.list_apis("default"):
        claims = {"api": api.name, "tier": "bronze", "aud": "https://elsewhere.example.com"}
        await town.store.replace_api(replace(api, policy=ApiPolicy(claims=claims)))
    await town.registry.refresh()
    policy = ClientPolicy(claims={"tier": "gold", "limits": {"rate": 5}, "scope": "all"})
    return await town.add_client(
        access={"persons": "persons:read", "orders": "orders:read"}, policy=policy
    )


async def claims_of(town, secret, **form):
    return payload_of((await town.token(secret, **form)).json()["access_token"])


async def test_a_token_carries_the_claims_of_its_api_and_of_its_client(town, claimed):
    claims = await claims_of(town, claimed)

    assert (claims["api"], claims["tier"], claims["limits"]) == ("persons", "gold", {"rate": 5})


async def test_each_api_has_its_own_claims(town, claimed):
    assert (await claims_of(town, claimed, resource=ORDERS))["api"] == "orders"
    assert (await claims_of(town, claimed, resource=[ORDERS, PERSONS]))["api"] == "orders"


async def test_no_claim_of_the_standards_is_overruled_even_by_a_row_in_the_database(town, claimed):
    claims = await claims_of(town, claimed)

    assert (claims["aud"], claims["scope"]) == (PERSONS, "persons:read")


async def test_introspection_shows_them_and_nothing_of_ours(town, claimed):
    token = (await town.token(claimed)).json()["access_token"]

    shown = (await town.introspect(claimed, token)).json()

    assert (shown["tier"], shown["limits"]) == ("gold", {"rate": 5})
    assert not {"credential_id", "rests_on", "sid"} & shown.keys()


async def test_a_changed_claim_is_in_the_next_token(town, claimed):
    await claims_of(town, claimed)
    await town.change_client("ada", policy=ClientPolicy(claims={"tier": "silver"}))

    claims = await claims_of(town, claimed)

    assert claims["tier"] == "silver"
    assert "limits" not in claims
