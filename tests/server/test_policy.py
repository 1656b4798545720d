"""Which API, scopes and lifetime a request gets."""

from dataclasses import replace

import pytest

from tests.server.booths import ORDERS, PERSONS, payload_of
from tokenbooth.server.records import ApiAccess


async def asks(town, secret, **form):
    """The decision as seen in the token: audience and scope, or error code and text."""
    answer = (await town.token(secret, **form)).json()
    if "error" in answer:
        return answer["error"], answer["error_description"]
    claims = payload_of(answer["access_token"])
    assert answer["scope"] == claims["scope"]
    return claims["aud"], claims["scope"]


@pytest.fixture
async def secret(town):
    return await town.add_client(
        access={"persons": "persons:read persons:write", "orders": "orders:read"}
    )


async def test_without_a_scope_it_is_for_the_first_api_with_all_its_scopes(town, secret):
    assert await asks(town, secret) == (PERSONS, "persons:read persons:write")


async def test_an_empty_scope_is_none(town, secret):
    assert await asks(town, secret, scope="") == (PERSONS, "persons:read persons:write")


async def test_a_scope_picks_its_api(town, secret):
    assert await asks(town, secret, scope="orders:read") == (ORDERS, "orders:read")
    assert await asks(town, secret, scope="persons:write") == (PERSONS, "persons:write")


async def test_scopes_of_different_apis_are_refused(town, secret):
    error, text = await asks(town, secret, scope="persons:read orders:read")

    assert error == "invalid_scope"
    assert "separate requests" in text


async def test_a_resource_picks_its_api(town, secret):
    assert await asks(town, secret, resource=ORDERS) == (ORDERS, "orders:read")
    assert await asks(town, secret, audience=ORDERS) == (ORDERS, "orders:read")


async def test_a_token_for_one_resource_is_for_no_other(town, secret):
    error, text = await asks(town, secret, resource=ORDERS, scope="persons:read")

    assert error == "invalid_scope"
    assert "It may have: orders:read" in text


async def test_two_resources_give_one_token_for_both(town, secret):
    expected = ([PERSONS, ORDERS], "persons:read persons:write orders:read")

    assert await asks(town, secret, resource=[PERSONS, ORDERS]) == expected


async def test_a_resource_named_twice_counts_once(town, secret):
    assert await asks(town, secret, resource=ORDERS, audience=ORDERS) == (ORDERS, "orders:read")


@pytest.mark.parametrize(
    "resource",
    [
        "https://unknown.example.com",
        PERSONS + "/",
        PERSONS + "#fragment",
        "relative",
        "//persons.example.com",
        "https://[",
    ],
)
async def test_a_resource_that_is_not_for_this_client_is_an_invalid_target(town, secret, resource):
    error, _ = await asks(town, secret, resource=resource)

    assert error == "invalid_target"


async def test_says_which_resources_there_are(town, secret):
    _, text = await asks(town, secret, resource="https://unknown.example.com")

    assert f"It may call: {PERSONS} {ORDERS}" in text


async def test_says_which_scopes_there_are(town, secret):
    error, text = await asks(town, secret, scope="persons:delete")

    assert error == "invalid_scope"
    assert text.startswith("This client may not have the scope persons:delete.")
    assert "persons:read" in text


async def test_explains_commas_between_scopes(town, secret):
    _, text = await asks(town, secret, scope="persons:read,persons:write")

    assert "Separate scopes with spaces, not commas." in text


@pytest.mark.parametrize(
    "scope",
    ["q\0b", 'q"b', "q\\b", "q\tb", "q  b", " q", "q ", "\u00e9", "q\r\nb", "x" * 5000],
)
async def test_a_malformed_scope_is_refused_and_never_repeated(town, secret, scope):
    error, text = await asks(town, secret, scope=scope)

    assert error == "invalid_scope"
    assert scope not in text


async def test_one_client_gets_no_scope_of_another(town, secret):
    other = await town.add_client("bob", access={"persons": "persons:read"})

    error, _ = await asks(town, other, client_id="bob", scope="persons:write")

    assert error == "invalid_scope"


async def test_a_client_without_access_is_told_so(town):
    secret = await town.add_client(access={})

    assert (await asks(town, secret))[0] == "unauthorized_client"


async def test_a_client_may_use_its_own_grants_alone(town):
    secret = await town.add_client(grant_types=())

    error, text = await asks(town, secret)

    assert error == "unauthorized_client"
    assert "no grant at all" in text


async def test_a_scope_that_its_api_lost_is_no_longer_given(town, secret):
    assert await asks(town, secret) == (PERSONS, "persons:read persons:write")
    api = next(api for api in await town.store.list_apis() if api.name == "persons")
    await town.store.replace_api(replace(api, scopes=api.scopes[:1]))
    await town.registry.refresh()

    assert await asks(town, secret) == (PERSONS, "persons:read")


async def test_withdrawn_access_is_in_force_for_a_question_that_was_asked_before(town, secret):
    assert await asks(town, secret, scope="persons:write") == (PERSONS, "persons:write")

    await town.change_client("ada", access=(ApiAccess(api="persons", scopes=("persons:read",)),))

    assert (await asks(town, secret, scope="persons:write"))[0] == "invalid_scope"


async def test_many_different_questions_are_answered_each_for_itself(town):
    scopes = [f"s{number}" for number in range(40)]
    await town.add_api("many", "https://many.example.com", " ".join(scopes))
    secret = await town.add_client(access={"many": " ".join(scopes)})

    for scope in scopes * 2:
        assert (await asks(town, secret, scope=scope))[1] == scope


async def test_a_tolerated_scope_means_nothing(town):
    await town.add_issuer("truphone", dialect="truphone")
    await town.add_api("connect", "urn:connect", "connect:read", issuer="truphone")
    secret = await town.add_client(access={"connect": "connect:read"}, issuer="truphone")

    for scope in ("profile", "profile connect:read", "connect:read", None):
        form = {} if scope is None else {"scope": scope}
        answer = await town.token(secret, path="/truphone/oauth2/token", **form)
        assert answer.json()["scope"] == "connect:read"


async def test_lifetime_and_format_are_the_clients_before_the_issuers(town):
    plain = await town.add_client("plain")
    special = await town.add_client("special", token_lifetime=42, token_format="opaque")

    assert (await town.token(plain, client_id="plain")).json()["expires_in"] == 3600
    answer = (await town.token(special, client_id="special")).json()
    assert answer["expires_in"] == 42
    assert answer["access_token"].startswith("tbo_")
