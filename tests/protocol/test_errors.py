import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol import errors
from tokenbooth.protocol.errors import (
    OAUTH_CODES,
    BearerError,
    GuardUnavailable,
    InsufficientScope,
    InvalidRequest,
    MalformedRequest,
    MethodNotAllowed,
    OAuthError,
    ProtocolError,
    RequestTooLarge,
    TemporarilyUnavailable,
    TokenRefused,
    printable,
)

ALLOWED = {c for c in map(chr, range(0x20, 0x7F)) if c not in '"\\'}


@given(st.text(max_size=600), st.integers(min_value=3, max_value=500))
def test_whatever_is_shown_keeps_to_the_allowed_characters(text, limit):
    shown = printable(text, limit)

    assert set(shown) <= ALLOWED
    assert len(shown) <= limit
    assert printable(shown, limit) == shown


@pytest.mark.parametrize("hostile", ['a"b', "a\\b", "a\r\nSet-Cookie: x", "a\x00", "a\u202eb", "é"])
def test_a_description_takes_no_hostile_character_along(hostile):
    for refused in (InvalidRequest(hostile), MalformedRequest(hostile)):
        assert set(refused.description) <= ALLOWED
        assert set(str(refused)) <= ALLOWED


def test_every_error_is_a_protocol_error():
    classes = [
        c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__
    ]

    assert all(issubclass(c, ProtocolError) for c in classes)
    assert all(c.__name__ in errors.__doc__ for c in classes)


def test_every_wire_code_of_the_token_service_is_listed():
    listed = {c.code for c in OAuthError.__subclasses__()}

    assert listed == OAUTH_CODES


def test_the_private_reason_is_not_in_the_public_description():
    refused = InvalidRequest("Send it once.", reason="repeated")

    assert refused.reason == "repeated"
    assert "repeated" not in refused.description


def test_errors_carry_what_the_answer_needs():
    assert (MethodNotAllowed("x", allow="GET").status, MethodNotAllowed("x").allow) == (405, "POST")
    assert (RequestTooLarge("x").status, RequestTooLarge("x").code) == (413, "invalid_request")
    for error in (TemporarilyUnavailable, GuardUnavailable):
        refused = error("Later.", reason="store", retry_after=7)
        assert (refused.status, refused.reason, refused.retry_after) == (503, "store", 7)
    assert InsufficientScope("x", needed="persons:read").needed == "persons:read"


def test_the_reason_is_the_code_unless_given():
    assert InvalidRequest("x").reason == "invalid_request"
    assert BearerError().reason == "no_token"
    assert str(TokenRefused("expired")) == "expired"
