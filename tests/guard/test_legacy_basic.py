import base64
import threading

import pytest

from tests.guard.tiny_issuer import AUDIENCE
from tests.remote.local_server import Reply, as_json
from tokenbooth.guard import Refusal

SECRET = "s3cr+t%41é"


def basic(client_id="shop", secret=SECRET, scheme="Basic"):
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"Authorization": f"{scheme} {pair}"}


def refused(guard, headers, **more):
    with pytest.raises(Refusal) as caught:
        guard.verify_sync(headers, **more)
    return caught.value


@pytest.fixture
def basic_guard(make_guard):
    return make_guard(accept_basic_credentials=True)


def test_credentials_are_exchanged_for_a_token_for_this_api(issuer, basic_guard):
    issuer.grant(issuer.token())

    caller = basic_guard.verify_sync(basic(), scopes="orders:read")

    assert caller.client_id == "shop"
    (seen,) = issuer.server.seen_at("/token")
    assert seen.form == {"grant_type": ["client_credentials"], "resource": [AUDIENCE]}
    assert seen.headers["authorization"] == basic()["Authorization"]


async def test_async_and_sync_say_the_same(issuer, basic_guard):
    issuer.grant(issuer.token())

    assert await basic_guard.verify(basic()) == basic_guard.verify_sync(basic())


def test_a_dialect_that_wants_credentials_in_the_body_gets_them_there(issuer, make_guard):
    guard = make_guard(accept_basic_credentials=True, dialect="trulioo-platform")
    issuer.token_answer = as_json({"Token": issuer.token(), "TokenType": "bearer", "ExpiresIn": 9})

    guard.verify_sync(basic())

    (seen,) = issuer.server.seen_at("/token")
    assert "authorization" not in seen.headers
    assert seen.form["client_secret"] == [SECRET]
    assert seen.form["client_id"] == ["shop"]
    assert seen.form["scope"] == ["workflow.studio.api"]


def test_one_exchange_serves_a_minute(issuer, basic_guard):
    issuer.grant(issuer.token())
    for _ in range(5):
        basic_guard.verify_sync(basic())
    basic_guard.verify_sync(basic(scheme="bAsIc"))
    assert issuer.calls("/token") == 1

    issuer.clock.travel(60)
    basic_guard.verify_sync(basic())

    assert issuer.calls("/token") == 2


def test_an_exchange_serves_no_longer_than_its_token(issuer, basic_guard):
    issuer.grant(issuer.token(exp=int(issuer.clock.now()) + 10))
    basic_guard.verify_sync(basic())
    issuer.clock.travel(10)
    issuer.grant(issuer.token())

    basic_guard.verify_sync(basic())

    assert issuer.calls("/token") == 2


def test_bad_credentials_get_both_challenges_and_are_asked_about_once(issuer, basic_guard):
    for _ in range(5):
        refusal = refused(basic_guard, basic(secret="wrong"))

    assert refusal.status == 401
    assert refusal.body["error"] == "invalid_client"
    assert refusal.headers["WWW-Authenticate"] == (
        f'Bearer, Basic realm="{AUDIENCE}", charset="UTF-8"'
    )
    assert issuer.calls("/token") == 1


def test_new_credentials_work_soon_after_being_refused(issuer, basic_guard):
    refused(basic_guard, basic())
    issuer.grant(issuer.token())

    issuer.clock.travel(5)

    assert basic_guard.verify_sync(basic()).client_id == "shop"


def test_another_secret_is_another_question(issuer, basic_guard):
    issuer.grant(issuer.token())
    basic_guard.verify_sync(basic())
    issuer.token_answer = None

    assert refused(basic_guard, basic(secret="other")).status == 401


def test_the_vendors_words_and_status_are_understood(issuer, make_guard):
    guard = make_guard(accept_basic_credentials=True, dialect="self-service")
    issuer.token_answer = as_json({"error": "invalid_client"}, status=400)

    refusal = refused(guard, basic())

    assert refusal.body == {"error": "invalid_client", "error_description": "Bad credentials"}


def test_a_vendor_that_says_nothing_but_the_code_is_followed(issuer, make_guard):
    guard = make_guard(accept_basic_credentials=True, dialect="trulioo-normalized")

    assert refused(guard, basic()).body == {"error": "invalid_client"}


def test_an_audience_that_is_no_uri_cannot_be_asked_for(issuer, make_guard):
    guard = make_guard(accept_basic_credentials=True, audience="orders")
    issuer.grant(issuer.token(aud="orders"))

    guard.verify_sync(basic())

    (seen,) = issuer.server.seen_at("/token")
    assert "resource" not in seen.form


@pytest.mark.parametrize("code", ["invalid_target", "invalid_scope", "unauthorized_client"])
def test_a_client_without_access_to_this_api_is_forbidden(issuer, basic_guard, code):
    issuer.token_answer = as_json({"error": code}, status=400)

    assert refused(basic_guard, basic()).status == 403


def test_a_token_for_another_api_opens_nothing(issuer, basic_guard):
    issuer.grant(issuer.token(aud="https://other.example.com"))

    refusal = refused(basic_guard, basic())

    assert (refusal.status, refusal.reason) == (403, "token_wrong_audience")


def test_scopes_count_for_basic_too(issuer, basic_guard):
    issuer.grant(issuer.token(scope="orders:read"))

    refusal = refused(basic_guard, basic(), scopes="orders:write")

    assert refusal.status == 403
    assert 'scope="orders:write"' in refusal.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=503),
        Reply(status=429),
        Reply(status=404),
        Reply(body=b"<html>"),
        as_json({"error": "unsupported_grant_type"}, status=400),
    ],
    ids=str,
)
def test_trouble_with_the_token_service_gives_503(issuer, basic_guard, reply):
    issuer.token_answer = reply

    assert refused(basic_guard, basic()).status == 503


def test_an_opaque_token_is_introspected_with_the_callers_own_credentials(issuer, basic_guard):
    issuer.grant(issuer.opaque_token())

    assert basic_guard.verify_sync(basic()).client_id == "shop"
    (seen,) = issuer.server.seen_at("/introspect")
    assert seen.headers["authorization"] == basic()["Authorization"]


@pytest.mark.parametrize("value", ["", "!!!", "Og==", "c2hvcA==", "c2hvcDphCg==", "/w=="])
def test_malformed_basic_is_told_what_is_off_and_asks_nobody(issuer, basic_guard, value):
    refusal = refused(basic_guard, {"Authorization": f"Basic {value}"})

    assert (refusal.status, refusal.body["error"]) == (400, "invalid_request")
    assert "not valid Basic" in refusal.body["error_description"]
    assert issuer.server.seen == []


def test_basic_is_not_taken_unless_asked_for(issuer, guard):
    refusal = refused(guard, basic())

    assert refusal.status == 401
    assert refusal.headers["WWW-Authenticate"] == "Bearer"
    assert issuer.server.seen == []


def test_the_secret_is_nowhere_in_memory_or_log(issuer, basic_guard, caplog):
    caplog.set_level("DEBUG")
    issuer.grant(issuer.token())
    basic_guard.verify_sync(basic())
    issuer.token_answer = None
    refused(basic_guard, basic(secret="wrong-secret"))

    kept = repr(basic_guard._basic._good._values)
    kept += repr(basic_guard._basic._bad._values)

    pair = basic()["Authorization"].removeprefix("Basic ")
    assert not any(text in kept + caplog.text for text in (SECRET, "wrong-secret", pair))


def test_a_crowd_exchanges_once(issuer, basic_guard):
    issuer.grant(issuer.token())
    names = []

    threads = [
        threading.Thread(target=lambda: names.append(basic_guard.verify_sync(basic()).client_id))
        for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert names == ["shop"] * 30
    assert issuer.calls("/token") == 1
