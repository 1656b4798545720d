from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.client.cache import hold, margin
from tokenbooth.client.credentials import secret_reader
from tokenbooth.client.errors import ConfigurationRefused, Failure, SecretUnavailable
from tokenbooth.client.exchange import Proof, failure_of, lifetime
from tokenbooth.client.pacing import Pacing, retry_after_seconds, seconds_since_1970
from tokenbooth.client.rejection import challenge_errors, names_a_bad_token
from tokenbooth.client.token import Token
from tokenbooth.protocol.errors import printable
from tokenbooth.protocol.jwt import sign_jwt
from tokenbooth.protocol.keys import generate_key
from tokenbooth.protocol.scope import Scope
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.token_answer import TokenAnswer, TokenRefusal
from tokenbooth.remote.fetch import Response

NOW = 1_800_000_000.0


def answered(**headers: str) -> Response:
    return Response(status=200, headers=headers, body=b"")


def jwt(**claims: object) -> TokenAnswer:
    token = sign_jwt(claims, generate_key("ES256"), typ="at+jwt")
    return TokenAnswer(access_token=Secret(token), token_type="Bearer")


def test_the_answers_own_word_on_the_lifetime_goes_first() -> None:
    answer = TokenAnswer(access_token=Secret("t"), token_type="Bearer", expires_in=12.0)
    assert lifetime(answer, answered(), now=NOW) == 12.0


def test_else_the_tokens_expiry_counts() -> None:
    assert lifetime(jwt(exp=NOW + 500), answered(), now=NOW) == 500


def test_the_issuers_clock_goes_before_this_machines() -> None:
    skewed = answered(date=formatdate(NOW + 7200, usegmt=True))
    assert lifetime(jwt(exp=NOW + 7200 + 500), skewed, now=NOW) == 500


@pytest.mark.parametrize("claims", [{}, {"exp": "soon"}, {"exp": True}])
def test_else_five_minutes_are_assumed(claims) -> None:
    assert lifetime(jwt(**claims), answered(), now=NOW) == 300


def test_an_opaque_token_without_a_lifetime_is_assumed_to_live_five_minutes() -> None:
    answer = TokenAnswer(access_token=Secret("opaque"), token_type="Bearer")
    assert lifetime(answer, answered(), now=NOW) == 300


@pytest.mark.parametrize(("life", "expected"), [(3600, 60), (300, 60), (299, 59.8), (30, 6)])
def test_the_margin_is_sixty_seconds_or_a_fifth(life, expected) -> None:
    assert margin(life) == pytest.approx(expected)


@given(st.floats(-1e9, 1e9), st.floats(0, 60))
def test_a_held_token_is_served_for_a_second_at_least_and_never_past_its_end_for_long(
    life, took
) -> None:
    token = Token(access_token="t", expires_at=0.0, scope=Scope())
    held = hold(token, lifetime=life, asked_at=100.0, received_at=100.0 + took)
    assert held.renew_at >= 101.0 + took - 1e-6
    assert held.good_until >= held.renew_at
    assert held.good_until <= max(100.0 + life, 105.0 + took) + 1e-6


def test_pauses_grow_and_differ_so_that_clients_do_not_come_back_together() -> None:
    pacing, down = Pacing(), Failure(text="down", reason="status", is_transient=True)

    for pause_after in (pacing.before_try, pacing.before_go):
        first, third = ([pause_after(n, down) for _ in range(50)] for n in (1, 3))
        assert len(set(first)) > 10
        assert max(first) < min(third)
    asked = Failure(text="later", reason="status", is_transient=True, retry_after=7.0)
    assert pacing.before_try(1, asked) == pacing.before_go(1, asked) == 7.0


def test_a_fleet_that_started_together_renews_apart() -> None:
    drawn = [Pacing(spread=0.1).ahead(3600) for _ in range(200)]

    assert 0 <= min(drawn) < 120
    assert 240 < max(drawn) <= 360
    assert Pacing().ahead(3600) == 0
    token = Token(access_token="t", expires_at=0.0, scope=Scope())
    held = hold(token, lifetime=3600, asked_at=0.0, received_at=1.0, ahead=300)
    assert (held.renew_at, held.good_until) == (3240, 3600)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("7", 7.0), (" 120 ", 120.0), ("-1", None), ("soon", None), ("", None), ("1.5", None)],
)
def test_reads_retry_after_in_seconds(value, expected) -> None:
    assert retry_after_seconds(value, now=NOW) == expected


def test_reads_retry_after_as_a_date() -> None:
    assert retry_after_seconds(formatdate(NOW + 90, usegmt=True), now=NOW) == 90
    assert retry_after_seconds(formatdate(NOW - 90, usegmt=True), now=NOW) == 0


@given(st.text(max_size=60))
def test_dates_of_any_kind_are_read_or_ignored(text) -> None:
    assert isinstance(seconds_since_1970(text), float | None)
    assert (retry_after_seconds(text, now=NOW) or 0) >= 0


@pytest.mark.parametrize(
    ("status", "challenges", "is_bad"),
    [
        (401, [], True),
        (401, ["Bearer"], True),
        (401, ['Bearer realm="api"'], True),
        (401, ['Bearer realm="x", error="invalid_token"'], True),
        (401, ["bearer error=invalid_token"], True),
        (401, ['Basic realm="x", Bearer error="invalid_token"'], True),
        (401, ['Basic realm="x"', 'Bearer error = "invalid_token"'], True),
        (401, ['Bearer error="insufficient_scope"'], False),
        (401, ['Bearer error="invalid_request"'], False),
        (401, ['Basic realm="Bearer"'], False),
        (401, ['Basic realm="x \\" Bearer error=invalid_token"'], False),
        (401, ["Negotiate"], False),
        (403, ['Bearer error="insufficient_scope"'], False),
        (403, ['Bearer error="invalid_token"'], False),
        (200, [], False),
        (500, [], False),
    ],
)
def test_tells_a_bad_token_from_other_refusals(status, challenges, is_bad) -> None:
    assert names_a_bad_token(status, challenges) is is_bad


@given(st.lists(st.text(max_size=80), max_size=3))
def test_challenges_of_any_kind_are_read(challenges) -> None:
    errors = challenge_errors(challenges, "bearer")
    assert errors is None or all(isinstance(each, str) for each in errors)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_line_break_at_the_end_is_no_part_of_a_secret(end, tmp_path, monkeypatch) -> None:
    file = tmp_path / "secret"
    file.write_bytes(f" s e é{end}".encode())
    monkeypatch.setenv("A_SECRET", f" s e é{end}")
    for source in (f"file:{file}", "env:A_SECRET", lambda: f" s e é{end}", Secret(f" s e é{end}")):
        assert secret_reader(source)() == Secret(" s e é")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 70_000])
def test_refuses_a_file_that_holds_no_secret(content, tmp_path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(SecretUnavailable) as caught:
        secret_reader(f"file:{file}")()
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("path", ["/no/such/file", "/tmp", "a\0b", "~no-such-user/x"])
def test_says_which_file_cannot_be_read(path) -> None:
    with pytest.raises(SecretUnavailable, match="Make the file"):
        secret_reader(f"file:{path}")()


def test_a_functions_own_error_is_named_but_not_quoted() -> None:
    def broken() -> str:
        raise KeyError("hunter2")

    with pytest.raises(SecretUnavailable, match="KeyError") as caught:
        secret_reader(broken)()
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("result", [None, b"bytes", "", "\ud800"])
def test_refuses_a_function_that_returns_no_secret(result) -> None:
    with pytest.raises(SecretUnavailable):
        secret_reader(lambda: result)()


def test_refuses_an_async_function() -> None:
    async def later() -> str:
        return "s"

    with pytest.raises(ConfigurationRefused, match="not async"):
        secret_reader(later)


@pytest.mark.parametrize("before", range(360, 400, 3))
def test_no_part_of_an_echoed_secret_is_shown_where_the_answer_was_cut_off(before) -> None:
    secret = "tbs_tagtag_0123456789ab_ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    refusal = TokenRefusal(status=401, code="x", description=printable("y" * before + secret))
    proof = Proof(method="client_secret_post", secret=Secret(secret))
    answer = Response(status=401, headers={}, body=b"")

    told = failure_of(refusal, answer, proof, url="https://auth.example.com/token", now=0.0)

    assert "tbs_" not in told.text
