import asyncio
import base64
import json
import threading

import pytest

from tests.guard.tiny_issuer import METADATA, bearer
from tokenbooth.guard import Refusal
from tokenbooth.protocol.keys import SIGNING_ALGORITHMS, generate_key

FORGED = generate_key("ES256")


def refused(guard, token, **more):
    with pytest.raises(Refusal) as caught:
        guard.verify_sync(bearer(token), "GET", "/orders", **more)
    return caught.value


def segment(members):
    text = members if isinstance(members, bytes) else json.dumps(members).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def test_a_good_token_names_its_caller(issuer, guard):
    caller = guard.verify_sync(bearer(issuer.token()))

    assert caller.client_id == "shop"
    assert caller.subject == "shop"
    assert str(caller.scope) == "orders:read orders:write"
    assert caller.issuer == issuer.url
    assert caller.audience == (guard.audience,)
    assert caller.token_id == "a-1"
    assert caller.expires_at == issuer.clock.now() + 3600
    assert caller.claims["iss"] == issuer.url


@pytest.mark.parametrize("alg", SIGNING_ALGORITHMS)
def test_a_token_of_any_algorithm_that_issuers_sign_with_is_good(issuer, guard, alg):
    key = generate_key(alg)
    issuer.published.append(key)

    assert guard.verify_sync(bearer(issuer.token(key=key))).client_id == "shop"


async def test_async_and_sync_say_the_same(issuer, guard):
    token = issuer.token()

    assert await guard.verify(bearer(token)) == guard.verify_sync(bearer(token))


def test_the_caller_holds_no_token_and_cannot_be_changed(issuer, guard):
    token = issuer.token()

    caller = guard.verify_sync(bearer(token))

    assert token not in repr(caller) + str(dict(caller.claims))
    with pytest.raises(TypeError):
        caller.claims["scope"] = "everything"


def test_one_of_several_audiences_may_be_this_api(issuer, guard):
    token = issuer.token(aud=["https://other.example.com", guard.audience])

    assert guard.verify_sync(bearer(token)).audience[1] == guard.audience


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "https://orders.example.com/"}, "wrong_audience"),
        ({"aud": "https://other.example.com"}, "wrong_audience"),
        ({"aud": ["https://orders.example.com.evil.example"]}, "wrong_audience"),
        ({"aud": []}, "claim_missing"),
        ({"aud": None}, "claim_missing"),
        ({"aud": 7}, "claim_missing"),
        ({"sub": None}, "claim_missing"),
        ({"client_id": None}, "claim_missing"),
        ({"jti": None}, "claim_missing"),
        ({"iat": None}, "claim_missing"),
        ({"exp": None}, "claim_missing"),
        ({"exp": 1_799_999_999}, "expired"),
        ({"exp": 1_800_000_000}, "expired"),
        ({"exp": True}, "claim_invalid"),
        ({"exp": "1900000000"}, "claim_invalid"),
        ({"nbf": 1_800_000_100}, "not_yet_valid"),
        ({"iat": 1_800_000_100}, "not_yet_valid"),
        ({"scope": ["orders:read"]}, "claim_invalid"),
        ({"cnf": {"jkt": "x"}}, "bound_token"),
        ({"cnf": {"x5t#S256": "x"}}, "bound_token"),
        ({"typ": "JWT"}, "wrong_type"),
        ({"typ": "client-authentication+jwt"}, "wrong_type"),
        ({"typ": "dpop+jwt"}, "wrong_type"),
        ({"key": FORGED}, "unknown_key"),
    ],
)
def test_refuses_every_token_that_fails_one_check(issuer, guard, changes, reason):
    refusal = refused(guard, issuer.token(**changes))

    assert refusal.reason == reason
    assert refusal.status == 401
    assert refusal.body["error"] == "invalid_token"
    assert 'error="invalid_token"' in refusal.headers["WWW-Authenticate"]


@pytest.mark.parametrize("issuer_claim", ["list", "slash", "prefix", "missing"])
def test_the_issuer_is_compared_as_one_exact_text(issuer, guard, issuer_claim):
    claims = {
        "list": [issuer.url],
        "slash": issuer.url + "/",
        "prefix": issuer.url[:-1],
        "missing": None,
    }
    guard.verify_sync(bearer(issuer.token()))

    assert refused(guard, issuer.token(iss=claims[issuer_claim])).status == 401


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "HS256", "ES384", "RS256", "", "ES256 "])
def test_the_header_cannot_choose_another_algorithm(issuer, guard, alg):
    _, payload, signature = issuer.token().split(".")
    header = segment({"alg": alg, "typ": "at+jwt", "kid": issuer.key.kid})

    assert refused(guard, f"{header}.{payload}.{signature}").status == 401


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "../../etc/passwd"},
        {"kid": "' OR 1=1 --"},
        {"kid": "a\x00b"},
        {"kid": "x" * 1000},
        {"kid": 70_007_007},
        {"kid": '"\r\nSet-Cookie: a=b'},
        {"crit": ["exp"]},
        {"b64": False},
        {"zip": "DEF"},
    ],
)
def test_a_hostile_header_is_data_and_reaches_neither_answer_nor_log(issuer, guard, header, caplog):
    caplog.set_level("INFO", "tokenbooth.guard")
    _, payload, signature = issuer.token().split(".")
    start = segment({"alg": "ES256", "typ": "at+jwt", "kid": issuer.key.kid, **header})

    refusal = refused(guard, f"{start}.{payload}.{signature}")

    assert refusal.status == 401
    answer = str(refusal.headers) + str(refusal.body) + caplog.text
    assert not any(str(value) in answer for value in header.values() if value is not False)


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
def test_keys_that_come_with_the_token_are_neither_used_nor_fetched(issuer, guard, member):
    value = FORGED.public.to_jwk() if member == "jwk" else f"{issuer.url}/evil"
    forged = issuer.token(key=FORGED)
    _, payload, signature = forged.split(".")
    header = segment({"alg": "ES256", "typ": "at+jwt", "kid": FORGED.kid, member: value})

    assert refused(guard, f"{header}.{payload}.{signature}").status == 401
    assert issuer.calls("/evil") == 0


DAMAGES = {
    "signature": lambda t: t[:-4] + ("AAAA" if t[-4:] != "AAAA" else "BBBB"),
    "empty segment": lambda t: t.replace(".", "..", 1),
    "padding": lambda t: t + "=",
    "no signature": lambda t: t.rsplit(".", 1)[0] + ".",
    "no header": lambda t: "ey." + t.split(".", 1)[1],
    "repeated member": lambda t: with_payload(t, b'{"iss":1,"iss":2}'),
    "deep nesting": lambda t: with_payload(t, b"[" * 10_000),
    "not a number": lambda t: with_payload(t, b'{"exp":NaN}'),
}


def with_payload(token, payload):
    header, _, signature = token.split(".")
    return f"{header}.{segment(payload)}.{signature}"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_token_is_invalid_and_breaks_nothing(issuer, guard, damage):
    refusal = refused(guard, DAMAGES[damage](issuer.token()))

    assert (refusal.status, refusal.body["error"]) == (401, "invalid_token")


def test_an_expired_token_is_told_since_when(issuer, guard):
    token = issuer.token(exp=int(issuer.clock.now()) + 10)
    guard.verify_sync(bearer(token))

    issuer.clock.travel(52)

    description = refused(guard, token).body["error_description"]
    assert description == "The token expired 42 s ago; request a new one."


def test_a_token_for_another_api_is_told_both_names(issuer, guard):
    refusal = refused(guard, issuer.token(aud='acc"ount\n'))

    assert refusal.body["error_description"] == (
        "The token is for aud=acc'ount?; this API is aud=https://orders.example.com."
    )
    assert "acc'ount?;" in refusal.headers["WWW-Authenticate"]


def test_leeway_lets_a_token_live_a_little_longer(issuer, make_guard):
    guard = make_guard(leeway=5)
    token = issuer.token(exp=int(issuer.clock.now()) + 10)
    guard.verify_sync(bearer(token))

    issuer.clock.travel(14)
    assert guard.verify_sync(bearer(token)).client_id == "shop"

    issuer.clock.travel(1)
    assert refused(guard, token).reason == "expired"


def test_algorithms_can_be_narrowed(issuer, make_guard):
    assert refused(make_guard(algorithms=["EdDSA"]), issuer.token()).reason == "wrong_algorithm"


def test_a_key_that_left_the_key_set_takes_its_tokens_along(issuer, guard):
    token = issuer.token()
    guard.verify_sync(bearer(token))
    issuer.published = [generate_key("ES256")]

    issuer.clock.travel(601)
    guard.verify_sync(bearer(token))  # refreshed behind the back of this request
    guard._keys.refresh().result()

    assert refused(guard, token).reason == "unknown_key"


def test_a_new_key_is_found_at_its_first_token(issuer, guard):
    guard.verify_sync(bearer(issuer.token()))
    issuer.clock.travel(31)
    new = generate_key("EdDSA")
    issuer.published.append(new)

    assert guard.verify_sync(bearer(issuer.token(key=new))).client_id == "shop"


def test_no_key_is_trusted_for_longer_than_wanted_without_asking(issuer, make_guard):
    guard = make_guard(key_set_seconds=5.0)
    token, new = issuer.token(), generate_key("ES256")
    guard.verify_sync(bearer(token))
    issuer.published = [new]

    issuer.clock.travel(4)
    guard.verify_sync(bearer(token))
    issuer.clock.travel(2)

    assert refused(guard, token).reason == "unknown_key"
    assert guard.verify_sync(bearer(issuer.token(key=new))).client_id == "shop"


def test_unknown_keys_cause_one_fetch_in_the_cooldown(issuer, guard):
    for _ in range(20):
        assert refused(guard, issuer.token(key=generate_key("ES256"))).reason == "unknown_key"

    assert issuer.calls("/jwks") == 1


def test_a_strangers_token_causes_no_fetch(issuer, guard):
    refused(guard, issuer.token(key=FORGED, iss="https://evil.example"))

    assert issuer.calls("/jwks") == 0


def test_known_keys_keep_working_while_the_issuer_is_down(issuer, guard):
    guard.verify_sync(bearer(issuer.token()))
    issuer.fall_silent()

    issuer.clock.travel(3000)
    fresh = issuer.token(jti="a-2")

    assert guard.verify_sync(bearer(fresh)).token_id == "a-2"


def test_keys_too_old_to_trust_give_503_and_no_401(issuer, guard):
    guard.verify_sync(bearer(issuer.token()))
    issuer.fall_silent()

    issuer.clock.travel(25 * 3600)

    assert refused(guard, issuer.token()).status == 503


def test_unknown_keys_give_503_while_the_issuer_is_down(issuer, guard, caplog):
    issuer.fall_silent()

    refusal = refused(guard, issuer.token())

    assert refusal.status == 503
    assert int(refusal.headers["Retry-After"]) > 0
    assert refusal.body["error"] == "temporarily_unavailable"
    assert "WWW-Authenticate" not in refusal.headers
    assert "keys_unavailable" in caplog.text

    issuer.come_back()
    issuer.clock.travel(31)
    assert guard.verify_sync(bearer(issuer.token())).client_id == "shop"


def test_metadata_of_another_issuer_is_not_believed(issuer, guard):
    issuer.metadata["issuer"] = "https://evil.example"

    assert refused(guard, issuer.token()).status == 503


def test_a_crowd_of_threads_and_tasks_costs_one_fetch(issuer, guard):
    token = issuer.token()
    names = []

    async def in_tasks():
        callers = await asyncio.gather(*(guard.verify(bearer(token)) for _ in range(20)))
        names.extend(caller.client_id for caller in callers)

    threads = [
        *(threading.Thread(target=lambda: asyncio.run(in_tasks())) for _ in range(3)),
        *(
            threading.Thread(
                target=lambda: names.append(guard.verify_sync(bearer(token)).client_id)
            )
            for _ in range(20)
        ),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert names == ["shop"] * 80
    assert issuer.calls("/jwks") == 1
    assert issuer.calls(METADATA) == 1


async def test_a_waiting_request_leaves_the_event_loop_free(issuer, guard):
    held = threading.Event()
    answer = issuer.server.answers["/jwks"]
    issuer.server.on("/jwks", lambda seen: (held.wait(5), answer(seen))[1])

    waiting = asyncio.create_task(guard.verify(bearer(issuer.token())))
    given_up = asyncio.create_task(guard.verify(bearer(issuer.token())))
    await asyncio.sleep(0.1)
    given_up.cancel()
    held.set()

    assert (await waiting).client_id == "shop"
    assert issuer.calls("/jwks") == 1
