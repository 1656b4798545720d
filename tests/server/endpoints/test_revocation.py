"""Revocation: durable when answered, and the same answer whatever the token was."""

import pytest

from tokenbooth.server.records import DEFAULT_ISSUER
from tokenbooth.server.stores.sql import open_store


@pytest.fixture(params=["jwt", "opaque"])
async def token(town, request):
    town.secret = await town.add_client(token_format=request.param)
    return (await town.token(town.secret)).json()["access_token"]


async def is_active(town, token):
    return (await town.introspect(town.secret, token)).json()["active"]


async def test_revokes_one_token_and_no_other(town, token):
    other = (await town.token(town.secret)).json()["access_token"]

    assert (await town.revoke(town.secret, token)).status_code == 200

    assert not await is_active(town, token)
    assert await is_active(town, other)


async def test_the_answer_is_the_same_for_good_revoked_unknown_and_malformed_tokens(town, token):
    answers = [
        await town.revoke(town.secret, each)
        for each in (token, token, "tbo_" + "A" * 100, "garbage", "\u00e9")
    ]

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"{}")}


async def test_another_clients_token_stays_valid(town, token):
    bob = await town.add_client("bob")

    answer = await town.revoke(bob, token, client_id="bob")

    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    assert await is_active(town, token)


async def test_an_api_may_not_revoke(town, token):
    api = await town.add_client("api", access={}, resource_server_for=("persons",))

    await town.revoke(api, token, client_id="api")

    assert await is_active(town, token)


@pytest.mark.parametrize("hint", ["refresh_token", "access_token", "unknown"])
async def test_a_wrong_hint_still_finds_the_token(town, token, hint):
    await town.revoke(town.secret, token, token_type_hint=hint)

    assert not await is_active(town, token)


async def test_the_token_and_the_proof_are_required(town, token):
    missing = await town.revoke(town.secret, "")
    anonymous = await town.http.post("/oauth2/revoke", data={"token": token})

    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")
    assert (anonymous.status_code, anonymous.json()["error"]) == (401, "invalid_client")
    assert await is_active(town, token)


async def test_takes_post_alone(town):
    answer = await town.http.get("/oauth2/revoke")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_is_kept_no_longer_than_the_token_lives(town, token, clock):
    await town.revoke(town.secret, token)

    clock.travel(3600 - 1)
    assert await town.store.forget_expired(clock.now()) == 0
    clock.travel(2)
    assert await town.store.forget_expired(clock.now()) == 1


async def test_a_clock_that_is_set_back_revives_nothing(town, token, clock):
    await town.revoke(town.secret, token)
    clock.travel(3700)
    await town.registry.refresh()

    clock.step(-3650)

    assert not await is_active(town, token)


async def test_a_revocation_is_seen_by_another_node_at_once(town, token, settings):
    other = await open_store(settings.database)
    jti = (await town.introspect(town.secret, token)).json()["jti"]
    await town.revoke(town.secret, token)

    assert f"jti:{jti}" in await other.find_revoked(DEFAULT_ISSUER, [f"jti:{jti}"])
    await other.close()


@pytest.mark.parametrize("wrong_by", [7200.0, -7200.0])
async def test_what_is_revoked_while_the_clock_is_wrong_stays_so_once_it_is_right(
    town, token, clock, wrong_by
):
    clock.step(wrong_by)  # the token seems over, or not to have begun
    assert (await town.revoke(town.secret, token)).status_code == 200

    clock.step(-wrong_by)

    assert not await is_active(town, token)
