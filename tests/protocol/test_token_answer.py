import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.dialects import built_in_dialects, dialect_named
from tokenbooth.protocol.scope import Scope
from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.token_answer import (
    AnswerUnreadable,
    TokenAnswer,
    TokenRefusal,
    read_token_answer,
)


def read(document: object, *, status: int = 200, dialect: str = "standard"):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_token_answer(status=status, body=body, dialect=dialect_named(dialect))


def test_reads_the_standard_answer() -> None:
    assert read(
        {"access_token": "abc", "token_type": "Bearer", "expires_in": 3600, "scope": "b a"}
    ) == TokenAnswer(
        access_token=Secret("abc"), token_type="Bearer", expires_in=3600, scope=Scope(("a", "b"))
    )


def test_reads_a_vendors_own_member_names() -> None:
    document = {
        "Token": "authenticationtoken",
        "TokenType": "bearer",
        "ExpiresIn": 3599,
        "scope": "workflow.studio.api",
    }
    answer = read(document, dialect="trulioo-platform")
    assert isinstance(answer, TokenAnswer)
    assert answer.access_token == Secret("authenticationtoken")
    assert answer.expires_in == 3599
    assert str(answer.scope) == "workflow.studio.api"


def test_reads_standard_names_in_a_dialect_that_has_its_own() -> None:
    answer = read({"access_token": "abc", "expires_in": 5}, dialect="trulioo-platform")
    assert isinstance(answer, TokenAnswer)
    assert answer.expires_in == 5


def test_names_the_dialect_that_fits_foreign_member_names() -> None:
    with pytest.raises(AnswerUnreadable, match='dialect="trulioo-platform"'):
        read({"Token": "hunter2", "TokenType": "bearer"})


def test_reads_a_refresh_token_and_its_lifetime() -> None:
    document = {"access_token": "a", "refresh_token": "r", "refresh_expires_in": 1800}
    answer = read(document, dialect="truphone")
    assert isinstance(answer, TokenAnswer)
    assert answer.refresh_token == Secret("r")
    assert answer.refresh_expires_in == 1800


@pytest.mark.parametrize(
    ("sent", "understood"),
    [
        (5, 5.0),
        (0, 0.0),
        (-1, -1.0),
        (3599.5, 3599.5),
        ("3600", 3600.0),
        (" 3600 ", 3600.0),
        ("1799.5", 1799.5),
        (None, None),
        (True, None),
        ("soon", None),
        ("inf", None),
        ("", None),
        ([], None),
        (10**400, 315_360_000.0),
        (1e300, 315_360_000.0),
    ],
)
def test_reads_lifetimes_as_servers_send_them(sent: object, understood: float | None) -> None:
    answer = read({"access_token": "a", "expires_in": sent})
    assert isinstance(answer, TokenAnswer)
    assert answer.expires_in == understood


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER", None])
def test_takes_the_token_type_in_any_case(token_type: str | None) -> None:
    answer = read({"access_token": "a", "token_type": token_type})
    assert isinstance(answer, TokenAnswer)
    assert answer.token_type == "Bearer"


@pytest.mark.parametrize("token_type", ["DPoP", "mac", "", 7])
def test_refuses_a_token_of_another_type(token_type: object) -> None:
    with pytest.raises(AnswerUnreadable, match="bearer"):
        read({"access_token": "a", "token_type": token_type})


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX-Evil: 1", "é", 7, ["a"], "x" * 70_000])
def test_refuses_a_token_that_does_not_fit_into_a_header(token: object) -> None:
    with pytest.raises(AnswerUnreadable):
        read({"access_token": token})


@pytest.mark.parametrize("scope", [["a", "b"], "a  b", " b a "])
def test_reads_scopes_as_servers_send_them(scope: object) -> None:
    answer = read({"access_token": "t", "scope": scope})
    assert isinstance(answer, TokenAnswer)
    assert answer.scope == Scope(("a", "b"))


@pytest.mark.parametrize("scope", [7, None, 'a"b', [1]])
def test_an_unreadable_scope_is_as_if_not_sent(scope: object) -> None:
    answer = read({"access_token": "t", "scope": scope})
    assert isinstance(answer, TokenAnswer)
    assert answer.scope is None


def test_a_refusal_is_a_value() -> None:
    document = {"error": "invalid_client", "error_description": "Bad credentials"}
    assert read(document, status=401) == TokenRefusal(
        status=401, code="invalid_client", description="Bad credentials"
    )


def test_an_error_with_status_200_is_a_refusal() -> None:
    refusal = read({"error": "invalid_client"})
    assert isinstance(refusal, TokenRefusal)
    assert refusal.code == "invalid_client"


@pytest.mark.parametrize("body", [b"<html>Bad gateway", b"", b"[]", b'{"error": 7}', b"\xff"])
def test_a_refusal_that_is_no_oauth_error_has_no_code(body: bytes) -> None:
    assert read(body, status=502) == TokenRefusal(status=502)


def test_a_refusals_text_cannot_forge_log_lines() -> None:
    refusal = read({"error": "a\nb", "error_description": "x\r\ny\x1b[31m"}, status=400)
    assert isinstance(refusal, TokenRefusal)
    assert refusal.code.isprintable()
    assert refusal.description.isprintable()


@pytest.mark.parametrize("body", [b"<html>hunter2", b"", b"[]", b"null", b"{}", b"[" * 100_000])
def test_a_success_without_a_token_says_what_to_check_and_quotes_nothing(body: bytes) -> None:
    with pytest.raises(AnswerUnreadable, match="Check") as caught:
        read(body)
    assert "hunter2" not in str(caught.value)


def test_shows_no_token_in_repr() -> None:
    assert "hunter2" not in repr(read({"access_token": "hunter2", "refresh_token": "hunter2"}))


DIALECTS = st.sampled_from(list(built_in_dialects().values()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = [
    "access_token",
    "Token",
    "token_type",
    "TokenType",
    "expires_in",
    "ExpiresIn",
    "scope",
    "refresh_token",
    "refresh_expires_in",
    "error",
    "error_description",
]


@given(st.integers(100, 599), st.binary(max_size=100), DIALECTS)
def test_bytes_of_any_kind_are_read_or_refused(status, body, dialect) -> None:
    try:
        answer = read_token_answer(status=status, body=body, dialect=dialect)
    except AnswerUnreadable:
        assert 200 <= status <= 299
    else:
        assert isinstance(answer, TokenRefusal)


@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.sampled_from([200, 400]), DIALECTS)
def test_members_of_any_kind_are_read_or_refused(members, status, dialect) -> None:
    try:
        answer = read_token_answer(
            status=status, body=json.dumps(members).encode(), dialect=dialect
        )
    except AnswerUnreadable:
        return
    if isinstance(answer, TokenAnswer):
        assert answer.access_token.reveal().isprintable()
        assert answer.expires_in is None or abs(answer.expires_in) < 1e9
    else:
        assert answer.code.isascii()
