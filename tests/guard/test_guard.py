import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.guard.tiny_issuer import AUDIENCE, bearer
from tokenbooth.guard import Guard, Refusal
from tokenbooth.protocol.dialects import Dialect, DialectRefused, GuardShape


def refused(guard, headers, url="/orders", **more):
    with pytest.raises(Refusal) as caught:
        guard.verify_sync(headers, "GET", url, **more)
    return caught.value


@pytest.mark.parametrize("headers", [{}, [], {"Accept": "*/*"}], ids=str)
def test_without_a_token_the_challenge_is_bare(guard, headers):
    refusal = refused(guard, headers)

    assert refusal.status == 401
    assert refusal.headers["WWW-Authenticate"] == "Bearer"
    assert "error" not in refusal.body
    assert refusal.body["error_description"] == "No Authorization header reached this API."


def test_a_realm_is_named_in_every_challenge(make_guard):
    guard = make_guard(realm='the "orders"')

    assert refused(guard, {}).headers["WWW-Authenticate"] == "Bearer realm=\"the 'orders'\""


def test_another_scheme_is_no_token(guard):
    assert refused(guard, {"Authorization": "Digest abc"}).headers["WWW-Authenticate"] == "Bearer"


def test_a_bad_token_is_invalid(issuer, guard):
    refusal = refused(guard, bearer("nonsense"))

    assert refusal.status == 401
    assert refusal.body["error"] == "invalid_token"
    assert refusal.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token", ')
    assert refusal.headers["Cache-Control"] == "no-store"


def test_a_lacking_scope_is_named(issuer, guard):
    refusal = refused(guard, bearer(issuer.token()), scopes=["orders:read", "orders:admin"])

    assert refusal.status == 403
    assert refusal.body == {
        "error": "insufficient_scope",
        "error_description": "The token lacks the scope orders:admin.",
    }
    assert refusal.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_scope", '
        'error_description="The token lacks the scope orders:admin.", '
        'scope="orders:read orders:admin"'
    )


@pytest.mark.parametrize(
    "scopes", ["orders:read", "orders:write orders:read", ("orders:write",), ()], ids=str
)
def test_a_token_with_every_scope_passes(issuer, guard, scopes):
    assert guard.verify_sync(bearer(issuer.token()), scopes=scopes).client_id == "shop"


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer a"), ("authorization", "Bearer a")],
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer a b"},
        {"Authorization": "Bearer a, Bearer b"},
        {"Authorization": ""},
    ],
    ids=str,
)
def test_a_malformed_or_repeated_header_is_an_invalid_request(guard, headers):
    refusal = refused(guard, headers)

    assert (refusal.status, refusal.body["error"]) == (400, "invalid_request")


def test_a_token_in_the_query_is_not_taken(issuer, guard):
    refusal = refused(guard, {}, url=f"/orders?access_token={issuer.token()}")

    assert refusal.status == 401
    assert refusal.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_in_header_and_query_is_two_methods(issuer, guard):
    refusal = refused(guard, bearer(issuer.token()), url="/orders?access_token=x")

    assert (refusal.status, refusal.body["error"]) == (400, "invalid_request")


def test_a_dialect_words_every_bad_token_its_own_way(issuer, make_guard):
    guard = make_guard(dialect="self-service")
    words = "Invalid Token: token not found, expired or invalid"

    for token in ["nonsense", issuer.token(exp=1), issuer.token(aud="x")]:
        refusal = refused(guard, bearer(token))
        assert refusal.body == {"error": "invalid_token", "error_description": words}
        assert f'error_description="{words}"' in refusal.headers["WWW-Authenticate"]


def test_a_dialect_may_say_nothing_but_the_code(make_guard):
    guard = make_guard(dialect=Dialect(name="terse", guard=GuardShape(invalid_token="")))

    refusal = refused(guard, bearer("nonsense"))

    assert refusal.body == {"error": "invalid_token"}
    assert refusal.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_the_log_has_the_reason_and_never_the_token(issuer, guard, caplog):
    caplog.set_level(logging.DEBUG)
    tokens = [issuer.token(aud="x"), issuer.token(exp=1), "nonsense-token"]
    for token in tokens:
        refused(guard, bearer(token), url=f"/orders?access_token_of={token}")

    records = [record for record in caplog.records if record.name == "tokenbooth.guard"]

    assert [record.reason for record in records][:2] == ["wrong_audience", "expired"]
    assert {record.status for record in records} == {401}
    assert "refused GET /orders: 401 expired" in caplog.text
    assert not any(token in caplog.text for token in tokens)


def test_no_line_break_gets_into_the_log(guard, caplog):
    caplog.set_level(logging.INFO, "tokenbooth.guard")

    refused(guard, {}, url="/a\nroot: all is well")

    assert "\nroot" not in caplog.records[0].getMessage()


def test_neither_guard_nor_refusal_shows_a_token_or_secret(issuer, make_guard):
    guard = make_guard(client_id="a", secret=lambda: "tbs_hidden")
    token = issuer.token(aud="x")

    refusal = refused(guard, bearer(token))

    shown = repr(guard) + repr(refusal) + str(refusal) + str(refusal.body) + str(vars(guard))
    assert token not in shown
    assert "tbs_hidden" not in shown


def test_tokens_are_remembered_by_digest_alone(issuer, guard):
    token = issuer.token()
    guard.verify_sync(bearer(token))

    kept = guard._jwts._seen._values

    assert len(kept) == 1
    assert token not in repr(kept)
    assert token.rsplit(".", 1)[1] not in repr(kept)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_whatever_stands_behind_bearer_is_refused_in_order(guard, text):
    refusal = refused(guard, {"Authorization": f"Bearer {text}"})

    assert refusal.status in (400, 401)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"issuer": "http://auth.example.com"}, "https"),
        ({"issuer": "https://auth.example.com?x=1"}, "query"),
        ({"issuer": "https://auth.example.com#x"}, "issuer"),
        ({"issuer": "auth.example.com"}, "issuer"),
        ({"audience": ""}, "audience"),
        ({"audience": " orders "}, "audience"),
        ({"leeway": 61}, "leeway"),
        ({"leeway": -1}, "leeway"),
        ({"client_id": "a"}, "together"),
        ({"secret": "env:A"}, "together"),
        ({"client_id": "a", "secret": "hunter2"}, "env:NAME"),
        ({"introspect_jwts": True}, "client_id"),
        ({"cache_seconds": -1}, "cache_seconds"),
        ({"cache_size": 0}, "cache_size"),
        ({"key_set_seconds": 0.1}, "key_set_seconds"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": []}, "algorithms"),
    ],
    ids=str,
)
def test_a_guard_that_could_not_work_safely_is_not_built(options, words):
    with pytest.raises(ValueError, match=words) as caught:
        Guard(**{"issuer": "https://auth.example.com", "audience": AUDIENCE, **options})

    assert "hunter2" not in str(caught.value)


def test_plain_http_off_loopback_needs_an_ugly_name():
    guard = Guard("http://auth.example.com", AUDIENCE, allow_plain_http_for_development=True)

    assert guard.issuer == "http://auth.example.com"


def test_a_dialect_may_come_from_a_file_of_the_apis_own(make_guard, tmp_path):
    (tmp_path / "acme.toml").write_text('name = "acme"\n[guard]\ninvalid_token = "Not so"\n')
    guard = make_guard(dialect=str(tmp_path / "acme.toml"))

    assert refused(guard, bearer("nonsense")).body["error_description"] == "Not so"


def test_an_unknown_dialect_is_named():
    with pytest.raises(DialectRefused, match="klingon"):
        Guard("https://auth.example.com", AUDIENCE, dialect="klingon")
