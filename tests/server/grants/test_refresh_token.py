"""Refresh tokens: rotated at every use, and dead with their whole family when used twice."""

import asyncio

import pytest

from tests.server.booths import payload_of
from tokenbooth.server.records import ApiAccess

PATH = "/truphone/oauth2/token"
REFRESH_LIFETIME = 1800


@pytest.fixture
async def phone(town):
    """The service with an issuer that gives refresh tokens."""
    await town.add_issuer("truphone", dialect="truphone", token_lifetime=300, refresh_tokens=True)
    await town.add_api("connect", "urn:connect", "connect:read connect:write", issuer="truphone")
    await town.add_api("billing", "urn:billing", "billing:read", issuer="truphone")
    return town


@pytest.fixture
async def secret(phone):
    return await phone.add_client(
        access={"connect": "connect:read connect:write", "billing": "billing:read"},
        issuer="truphone",
    )


async def first(town, secret, **form):
    answer = await town.token(secret, path=PATH, **form)
    assert answer.status_code == 200
    return answer.json()


async def refresh(town, secret, token, **form):
    form = {"grant_type": "refresh_token", "refresh_token": token} | form
    return await town.token(secret, path=PATH, **form)


async def is_active(town, secret, token):
    answer = await town.introspect(secret, token, path="/truphone/oauth2/introspect")
    return answer.json()["active"]


def assert_refused(answer, code="invalid_grant"):
    assert (answer.status_code, answer.json()["error"]) == (400, code)


async def test_a_refresh_token_gives_new_tokens_of_the_same_family(phone, secret):
    old = await first(phone, secret)

    new = (await refresh(phone, secret, old["refresh_token"])).json()

    assert new["refresh_token"] != old["refresh_token"]
    assert (new["expires_in"], new["refresh_expires_in"]) == (300, REFRESH_LIFETIME)
    before, after = payload_of(old["access_token"]), payload_of(new["access_token"])
    assert (after["sid"], after["aud"], after["scope"]) == (
        before["sid"],
        before["aud"],
        before["scope"],
    )
    assert after["jti"] != before["jti"]


async def test_the_access_token_from_before_stays_valid(phone, secret):
    old = await first(phone, secret)
    await refresh(phone, secret, old["refresh_token"])

    assert await is_active(phone, secret, old["access_token"])


async def test_a_refresh_token_expires(phone, secret, clock):
    old = await first(phone, secret)

    clock.travel(REFRESH_LIFETIME)

    assert_refused(await refresh(phone, secret, old["refresh_token"]))


async def test_a_lost_answer_is_given_again_within_the_grace(phone, secret, clock, settings):
    old = await first(phone, secret)
    await refresh(phone, secret, old["refresh_token"])
    clock.travel(settings.refresh_grace_seconds)

    again = await refresh(phone, secret, old["refresh_token"])

    assert again.status_code == 200
    newest = await refresh(phone, secret, again.json()["refresh_token"])
    assert newest.status_code == 200


async def test_a_late_second_use_kills_the_whole_family(phone, secret, clock, settings):
    old = await first(phone, secret)
    new = (await refresh(phone, secret, old["refresh_token"])).json()
    clock.travel(settings.refresh_grace_seconds + 0.1)

    assert_refused(await refresh(phone, secret, old["refresh_token"]))

    assert_refused(await refresh(phone, secret, new["refresh_token"]))
    for token in (old["access_token"], new["access_token"], new["refresh_token"]):
        assert not await is_active(phone, secret, token)


async def test_another_family_lives_on(phone, secret, clock, settings):
    old, other = await first(phone, secret), await first(phone, secret)
    await refresh(phone, secret, old["refresh_token"])
    clock.travel(settings.refresh_grace_seconds + 1)
    await refresh(phone, secret, old["refresh_token"])

    assert (await refresh(phone, secret, other["refresh_token"])).status_code == 200


async def test_a_clock_that_is_set_back_does_not_let_a_used_token_pass(phone, secret, clock):
    clock.travel(120)
    old = await first(phone, secret)
    clock.travel(120)
    await refresh(phone, secret, old["refresh_token"])

    clock.step(-100)

    assert_refused(await refresh(phone, secret, old["refresh_token"]))


async def test_many_uses_at_once_are_one_use(phone, secret, clock, settings):
    old = await first(phone, secret)

    answers = await asyncio.gather(
        *(refresh(phone, secret, old["refresh_token"]) for _ in range(8))
    )

    assert {answer.status_code for answer in answers} == {200}
    clock.travel(settings.refresh_grace_seconds + 1)
    survivors = [await refresh(phone, secret, answer.json()["refresh_token"]) for answer in answers]
    # All are the same generation: the first of them spends it for all within the grace.
    assert {answer.status_code for answer in survivors} == {200}


async def test_a_revoked_refresh_token_takes_its_family_along(phone, secret):
    old = await first(phone, secret)
    new = (await refresh(phone, secret, old["refresh_token"])).json()

    await phone.revoke(secret, new["refresh_token"], path="/truphone/oauth2/revoke")

    assert_refused(await refresh(phone, secret, new["refresh_token"]))
    assert not await is_active(phone, secret, old["access_token"])


async def test_a_revoked_family_stays_dead_for_as_long_as_any_of_its_tokens(phone, clock):
    month = 31 * 86_400
    secret = await phone.add_client(
        "long", access={"connect": "connect:read"}, issuer="truphone", token_lifetime=month
    )
    old = (await phone.token(secret, path=PATH, client_id="long")).json()
    path = "/truphone/oauth2/revoke"
    await phone.revoke(secret, old["refresh_token"], client_id="long", path=path)

    clock.travel(month - 1)
    await phone.store.forget_expired(clock.now())

    answer = await phone.introspect(
        secret, old["access_token"], client_id="long", path="/truphone/oauth2/introspect"
    )
    assert answer.json() == {"active": False}


async def test_another_clients_refresh_token_is_refused(phone, secret):
    old = await first(phone, secret)
    bob = await phone.add_client("bob", access={"connect": "connect:read"}, issuer="truphone")

    answer = await refresh(phone, bob, old["refresh_token"], client_id="bob")

    assert_refused(answer)
    assert (await refresh(phone, secret, old["refresh_token"])).status_code == 200


async def test_a_refresh_token_alone_is_not_enough(phone, secret):
    old = await first(phone, secret)

    answer = await phone.http.post(
        PATH, data={"grant_type": "refresh_token", "refresh_token": old["refresh_token"]}
    )

    assert answer.status_code == 401


async def test_an_access_token_is_no_refresh_token(phone, secret):
    old = await first(phone, secret)

    assert_refused(await refresh(phone, secret, old["access_token"]))


async def test_the_parameter_is_required(phone, secret):
    answer = await phone.token(secret, path=PATH, grant_type="refresh_token")

    assert_refused(answer, "invalid_request")


@pytest.mark.parametrize("token", ["tbr_", "tbr_AAAA", "garbage", "\u00e9"])
async def test_garbage_is_refused(phone, secret, token):
    assert_refused(await refresh(phone, secret, token))


async def test_the_scope_can_be_narrowed(phone, secret):
    old = await first(phone, secret)

    new = (await refresh(phone, secret, old["refresh_token"], scope="connect:read")).json()

    assert new["scope"] == "connect:read"


async def test_a_narrowed_access_token_does_not_narrow_the_next_refresh_token(phone, secret):
    old = await first(phone, secret)
    new = (await refresh(phone, secret, old["refresh_token"], scope="connect:read")).json()

    newest = (await refresh(phone, secret, new["refresh_token"])).json()

    assert newest["scope"] == "connect:read connect:write"


@pytest.mark.parametrize("scope", ["connect:write", "billing:read", "connect:read billing:read"])
async def test_the_scope_cannot_be_widened(phone, secret, scope):
    old = await first(phone, secret, scope="connect:read")

    assert_refused(await refresh(phone, secret, old["refresh_token"], scope=scope), "invalid_scope")


async def test_a_tolerated_scope_does_not_widen_the_scope(phone, secret):
    old = await first(phone, secret, scope="connect:read")

    new = (await refresh(phone, secret, old["refresh_token"], scope="profile")).json()

    assert new["scope"] == "connect:read"


async def test_the_audience_cannot_be_changed(phone, secret):
    old = await first(phone, secret)

    answer = await refresh(phone, secret, old["refresh_token"], resource="urn:billing")

    assert_refused(answer, "invalid_target")


async def test_one_of_two_audiences_can_be_asked_for_and_the_other_later(phone, secret):
    old = await first(phone, secret, resource=["urn:connect", "urn:billing"])

    one = (
        await refresh(
            phone, secret, old["refresh_token"], resource="urn:billing", scope="billing:read"
        )
    ).json()
    other = (
        await refresh(
            phone, secret, one["refresh_token"], resource="urn:connect", scope="connect:read"
        )
    ).json()

    assert payload_of(one["access_token"])["aud"] == "urn:billing"
    assert payload_of(other["access_token"])["aud"] == "urn:connect"


async def test_withdrawn_access_ends_the_refreshing(phone, secret):
    old = await first(phone, secret)

    await phone.change_client(
        "ada",
        issuer="truphone",
        access=(ApiAccess(api="connect", scopes=("connect:read",)),),
    )

    assert_refused(await refresh(phone, secret, old["refresh_token"]))


async def test_refresh_tokens_that_were_turned_off_for_a_client_end(phone, secret):
    old = await first(phone, secret)

    await phone.change_client("ada", issuer="truphone", refresh_tokens=False)

    assert_refused(await refresh(phone, secret, old["refresh_token"]))


async def test_the_grant_does_not_exist_where_the_issuer_gives_no_refresh_tokens(town):
    secret = await town.add_client()

    answer = await town.token(secret, grant_type="refresh_token", refresh_token="tbr_x")

    assert_refused(answer, "unsupported_grant_type")
