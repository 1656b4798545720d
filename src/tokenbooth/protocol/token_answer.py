"""What a token endpoint answered, in any dialect (RFC 6749 §5.1 and §5.2)."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from tokenbooth.protocol.dialects import AnswerShape, Dialect, built_in_dialects
from tokenbooth.protocol.errors import InvalidScope, ProtocolError, printable
from tokenbooth.protocol.scope import Scope
from tokenbooth.protocol.secret import Secret

BEARER = "Bearer"
LONGEST_LIFETIME = 10 * 365 * 86400.0  # seconds; more is taken for this

# What goes into a header must not end it: no spaces, control or non-ASCII characters.
_TOKEN = re.compile(r"[\x21-\x7E]{1,65536}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_STANDARD = AnswerShape(refresh_expires_in="refresh_expires_in")

Members = Mapping[str, object]


class AnswerUnreadable(ProtocolError):
    """A success that carries no usable token; the text starts with the fix, and quotes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswer:
    """A token as the endpoint handed it out; what it did not say is None."""

    access_token: Secret
    token_type: str
    expires_in: float | None = None
    scope: Scope | None = None
    refresh_token: Secret | None = None
    refresh_expires_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefusal:
    """A refusal; `code` is empty where the answer is not an OAuth error."""

    status: int
    code: str = ""
    description: str = ""


def read_token_answer(
    *, status: int, body: bytes, dialect: Dialect, token_type: str = BEARER
) -> TokenAnswer | TokenRefusal:
    """Read an answer by the dialect's member names or the standard ones.

    Raises AnswerUnreadable for a success without a token that can be used, and for one of another
    type than `token_type`.
    """
    members = _members(body)
    code = members.get("error") if members is not None else None
    if not 200 <= status <= 299 or (isinstance(code, str) and code):
        return _refusal(status, members or {})
    if members is None:
        raise AnswerUnreadable(
            f"Check the token URL: it answered {status} with something that is no JSON object."
        )
    return _token(members, dialect, token_type)


def _members(body: bytes) -> Members | None:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _refusal(status: int, members: Members) -> TokenRefusal:
    code, description = members.get("error"), members.get("error_description")
    return TokenRefusal(
        status=status,
        code=printable(code, 100) if isinstance(code, str) else "",
        description=printable(description) if isinstance(description, str) else "",
    )


def _token(members: Members, dialect: Dialect, wanted: str) -> TokenAnswer:
    shapes = (dialect.answer, _STANDARD)
    text = _first(members, *(shape.access_token for shape in shapes))
    if text is None:
        raise AnswerUnreadable(_what_is_missing(members, dialect))
    if not isinstance(text, str) or not _TOKEN.fullmatch(text):
        raise AnswerUnreadable("Tell the vendor: the token is no text that fits into a header.")
    token_type = _first(members, *(shape.token_type for shape in shapes))
    if token_type is None:
        token_type = BEARER
    # RFC 6749 §7.1: a token of an unknown type must not be used. RFC 9449 §5: nor must one that
    # anybody can use take the place of a bound one.
    if not isinstance(token_type, str) or token_type.strip().lower() != wanted.lower():
        raise AnswerUnreadable(
            "Ask for a bearer token: the answer holds one of another type."
            if wanted == BEARER
            else f"Ask a service that knows {wanted}: the answer holds a token of another type."
        )
    return TokenAnswer(
        access_token=Secret(text),
        token_type=wanted,
        expires_in=_seconds(_first(members, *(shape.expires_in for shape in shapes))),
        scope=_scope(_first(members, *(shape.scope for shape in shapes))),
        refresh_token=_refresh(_first(members, *(shape.refresh_token for shape in shapes))),
        refresh_expires_in=_seconds(
            _first(members, *(shape.refresh_expires_in for shape in shapes))
        ),
    )


def _first(members: Members, *names: str) -> object:
    """Return the first of these members that says anything."""
    return next((members[name] for name in names if members.get(name) is not None), None)


def _what_is_missing(members: Members, dialect: Dialect) -> str:
    for other in built_in_dialects().values():
        shape = other.answer
        if isinstance(members.get(shape.access_token), str) and other.name != dialect.name:
            return (
                f'Use dialect="{other.name}": the token is in the member '
                f"{shape.access_token!r}, not in {dialect.answer.access_token!r}."
            )
    return (
        "Check the token URL and the dialect: the answer has no member "
        f"{dialect.answer.access_token!r}."
    )


def _seconds(value: object) -> float | None:
    """Return a lifetime, None where it says nothing usable; some servers send texts."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return float(max(min(value, LONGEST_LIFETIME), -LONGEST_LIFETIME))


def _scope(value: object) -> Scope | None:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = " ".join(value)
    if not isinstance(value, str):
        return None
    try:
        return Scope.parse(" ".join(value.split()))
    except InvalidScope:
        return None


def _refresh(value: object) -> Secret | None:
    if isinstance(value, str) and _TOKEN.fullmatch(value):
        return Secret(value)
    return None
