import asyncio
import base64
import threading
import time

import pytest

from tests.guard.tiny_issuer import METADATA, bearer
from tests.remote.local_server import Reply, as_json
from tokenbooth.guard import Refusal
from tokenbooth.remote.fetch import FetchFailed, HttpFetch


def refused(guard, token, **more):
    with pytest.raises(Refusal) as caught:
        guard.verify_sync(bearer(token), **more)
    return caught.value


def eventually(holds):
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_opaque_token_is_asked_about_with_the_guards_own_credentials(issuer, asking_guard):
    caller = asking_guard.verify_sync(bearer(issuer.opaque_token()))

    assert caller.client_id == "shop"
    assert str(caller.scope) == "orders:read orders:write"
    assert caller.claims["active"] is True
    (seen,) = issuer.server.seen_at("/introspect")
    assert seen.method == "POST"
    assert seen.form["token"] == ["tbo_opaque"]
    sent = base64.b64decode(seen.headers["authorization"].removeprefix("Basic "))
    assert sent == b"orders-api:tbs_orders"


async def test_async_and_sync_say_the_same(issuer, asking_guard):
    token = issuer.opaque_token()

    assert await asking_guard.verify(bearer(token)) == asking_guard.verify_sync(bearer(token))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"active": False}, "inactive"),
        ({"aud": "https://other.example.com"}, "wrong_audience"),
        ({"aud": None}, "claim_missing"),
        ({"aud": [7]}, "claim_missing"),
        ({"iss": "https://evil.example"}, "wrong_issuer"),
        ({"iss": ["x"]}, "wrong_issuer"),
        ({"client_id": None}, "claim_missing"),
        ({"client_id": 7}, "claim_missing"),
        ({"sub": 7}, "claim_invalid"),
        ({"exp": "soon"}, "claim_invalid"),
        ({"exp": True}, "claim_invalid"),
        ({"exp": 1e300}, "claim_invalid"),
        ({"exp": 1_800_000_000}, "expired"),
        ({"nbf": 1_800_000_010}, "not_yet_valid"),
        ({"scope": 7}, "claim_invalid"),
        ({"scope": " "}, "claim_invalid"),
        ({"cnf": {"jkt": "x"}}, "bound_token"),
        ({"token_type": "DPoP"}, "bound_token"),
    ],
)
def test_refuses_what_is_not_meant_for_this_api_now(issuer, asking_guard, changes, reason):
    refusal = refused(asking_guard, issuer.opaque_token(**changes))

    assert (refusal.status, refusal.reason) == (401, reason)


def test_a_token_without_subject_and_end_is_its_clients(issuer, asking_guard):
    token = issuer.opaque_token(sub=None, exp=None, iss=None, jti=None, scope=None)

    caller = asking_guard.verify_sync(bearer(token))

    assert (caller.subject, caller.expires_at, caller.token_id) == ("shop", None, None)
    assert not caller.scope


def test_a_good_token_is_asked_about_once_in_30_seconds(issuer, asking_guard):
    token = issuer.opaque_token()
    for _ in range(5):
        asking_guard.verify_sync(bearer(token))
    assert issuer.calls("/introspect") == 1

    issuer.clock.travel(30)
    asking_guard.verify_sync(bearer(token))

    assert issuer.calls("/introspect") == 2


def test_a_revoked_token_is_refused_at_the_next_question(issuer, asking_guard):
    token = issuer.opaque_token()
    asking_guard.verify_sync(bearer(token))
    del issuer.opaque[token]

    issuer.clock.travel(30)

    assert refused(asking_guard, token).reason == "inactive"


def test_an_answer_never_outlives_the_token(issuer, asking_guard):
    token = issuer.opaque_token(exp=int(issuer.clock.now()) + 10)
    asking_guard.verify_sync(bearer(token))

    issuer.clock.travel(10)

    assert refused(asking_guard, token).reason == "expired"
    assert issuer.calls("/introspect") == 1


def test_a_bad_token_is_asked_about_once_in_5_seconds(issuer, asking_guard):
    for _ in range(5):
        refused(asking_guard, "unknown")
    assert issuer.calls("/introspect") == 1

    issuer.clock.travel(5)
    refused(asking_guard, "unknown")

    assert issuer.calls("/introspect") == 2


def test_a_flood_of_bad_tokens_leaves_the_good_ones_remembered(issuer, make_guard):
    guard = make_guard(client_id="orders-api", secret=lambda: "tbs_orders", cache_size=2)
    token = issuer.opaque_token()
    guard.verify_sync(bearer(token))
    for number in range(5):
        refused(guard, f"unknown-{number}")
    asked = issuer.calls("/introspect")

    guard.verify_sync(bearer(token))

    assert issuer.calls("/introspect") == asked


def test_a_crowd_asks_once(issuer, asking_guard):
    token = issuer.opaque_token()
    issuer.server.on("/introspect", Reply(body=b'{"active":false}', delay=0.2))
    statuses = []

    async def in_tasks():
        outcomes = await asyncio.gather(
            *(asking_guard.verify(bearer(token)) for _ in range(20)), return_exceptions=True
        )
        statuses.extend(outcome.status for outcome in outcomes)

    threads = [threading.Thread(target=lambda: asyncio.run(in_tasks())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [401] * 60
    assert issuer.calls("/introspect") == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=503),
        Reply(status=500),
        Reply(status=429, headers={"Retry-After": "7"}),
        as_json({"error": "invalid_client"}, status=401),
        Reply(status=302, headers={"Location": "/elsewhere"}),
        Reply(body=b"<html>"),
        Reply(body=b"[]"),
        Reply(body=b"{}"),
        as_json({"active": "false"}),
        as_json({"active": 1}),
        Reply(body=b"x" * 2_000_000),
    ],
    ids=str,
)
def test_trouble_with_the_issuer_gives_503_and_no_401(issuer, asking_guard, reply):
    issuer.server.on("/introspect", reply)

    refusal = refused(asking_guard, issuer.opaque_token())

    assert refusal.status == 503
    assert refusal.headers["Retry-After"] == ("7" if reply.status == 429 else "5")


def test_trouble_is_not_remembered_as_a_verdict(issuer, asking_guard):
    token = issuer.opaque_token()
    issuer.fall_silent()
    assert refused(asking_guard, token).status == 503

    issuer.come_back()
    issuer.clock.travel(3)

    assert asking_guard.verify_sync(bearer(token)).client_id == "shop"


def test_an_issuer_that_does_not_answer_is_left_alone_for_a_moment(issuer, make_guard):
    calls = []

    def dead(request):
        calls.append(request.url)
        raise FetchFailed("unreachable", "gone", is_transient=True)

    guard = make_guard(client_id="a", secret=lambda: "b", fetch=dead)
    for number in range(10):
        assert refused(guard, f"token-{number}").status == 503
    assert len(calls) == 1

    issuer.clock.travel(2)
    refused(guard, "token")
    assert len(calls) == 2


def test_without_introspection_endpoint_nothing_can_be_said(issuer, asking_guard):
    del issuer.metadata["introspection_endpoint"]

    assert refused(asking_guard, issuer.opaque_token()).status == 503


def test_a_secret_that_cannot_be_read_gives_503(issuer, make_guard, monkeypatch):
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    guard = make_guard(client_id="orders-api", secret="env:NO_SUCH_SECRET")

    assert refused(guard, issuer.opaque_token()).reason == "own_secret_unavailable"


def test_without_credentials_only_jwts_are_taken(issuer, guard):
    refusal = refused(guard, issuer.opaque_token())

    assert (refusal.status, refusal.reason) == (401, "opaque_without_introspection")
    assert issuer.server.seen == []


@pytest.mark.parametrize("prefix", ["tbs_", "tbr_"])
def test_a_secret_or_refresh_token_is_recognised_and_sent_nowhere(issuer, asking_guard, prefix):
    refusal = refused(asking_guard, f"{prefix}abcdef")

    assert refusal.reason == "no_access_token"
    assert "not an access token" in refusal.body["error_description"]
    assert "abcdef" not in str(refusal.body)
    assert issuer.server.seen == []


def test_jwts_can_be_introspected_too_so_that_a_revocation_counts_at_once(issuer, make_guard):
    guard = make_guard(
        client_id="orders-api", secret=lambda: "tbs_orders", introspect_jwts=True, cache_seconds=0
    )
    token = issuer.token()
    issuer.opaque[token] = {"active": True, **issuer.claims()}
    assert guard.verify_sync(bearer(token)).client_id == "shop"

    del issuer.opaque[token]

    assert refused(guard, token).reason == "inactive"


def test_metadata_is_read_every_ten_minutes_and_kept_while_it_cannot_be(issuer, asking_guard):
    for number in range(3):
        asking_guard.verify_sync(bearer(issuer.opaque_token(f"token-{number}")))
    assert issuer.calls(METADATA) == 1

    issuer.server.on(METADATA, Reply(status=404))
    issuer.clock.travel(600)
    for number in range(3):
        asking_guard.verify_sync(bearer(issuer.opaque_token(f"later-{number}")))
    eventually(lambda: issuer.calls(METADATA) == 2)

    issuer.come_back()

    def is_read_again():
        # A pause counts from when the failure was noticed, which may be a moment after the call.
        issuer.clock.travel(30)
        asking_guard.verify_sync(bearer(issuer.opaque_token(f"much-later-{issuer.clock.now()}")))
        return issuer.calls(METADATA) == 3

    eventually(is_read_again)


def test_an_endpoint_that_does_not_answer_is_left_alone_for_a_moment(issuer, make_guard):
    over_http = HttpFetch()
    calls = []

    def fetch(request):
        if not request.url.endswith("/introspect"):
            return over_http(request)
        calls.append(request.url)
        raise FetchFailed("timeout", "slow", is_transient=True)

    guard = make_guard(client_id="a", secret=lambda: "b", fetch=fetch)
    reasons = [refused(guard, f"token-{number}").reason for number in range(4)]
    over_http.close()

    assert reasons == ["issuer_timeout", "issuer_silent", "issuer_silent", "issuer_silent"]
    assert len(calls) == 1
