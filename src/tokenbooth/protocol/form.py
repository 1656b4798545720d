"""Form bodies: application/x-www-form-urlencoded in UTF-8 (RFC 6749 §3.2 and appendix B)."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote_plus, unquote_to_bytes

from tokenbooth.protocol.errors import InvalidRequest

CONTENT_TYPE = "application/x-www-form-urlencoded"

MAX_PARAMETERS = 64
REPEATABLE = frozenset({"resource", "audience"})  # RFC 8707 §2, RFC 8693 §2.1

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Form:
    """The parameters of one request; one without a value is absent (RFC 6749 §3.2)."""

    __slots__ = ("_repeated", "_single")

    def __init__(self, single: dict[str, str], repeated: dict[str, tuple[str, ...]]) -> None:
        self._single = single
        self._repeated = repeated

    def get(self, name: str) -> str | None:
        """Return the value, or None when absent."""
        return self._single.get(name)

    def get_all(self, name: str) -> tuple[str, ...]:
        """Return every value of a repeatable parameter, in order."""
        return self._repeated.get(name, ())

    def __contains__(self, name: object) -> bool:
        return name in self._single or name in self._repeated

    def __iter__(self) -> Iterator[str]:
        yield from self._single
        yield from self._repeated


def parse_form(body: bytes, content_type: str | None) -> Form:
    """Read a form body; raises InvalidRequest that says how to send it rightly."""
    if content_type != CONTENT_TYPE:
        _check_content_type(content_type)
    if b"%" in body and _BROKEN_ESCAPE.search(body):
        raise InvalidRequest("The body has a % that is not followed by two hexadecimal digits.")
    if body.count(b"&") >= MAX_PARAMETERS:
        raise InvalidRequest(f"The body has more than {MAX_PARAMETERS} parameters.")
    single: dict[str, str] = {}
    repeated: dict[str, tuple[str, ...]] = {}
    seen: set[str] = set()
    text = _utf8(body)
    is_escaped = "%" in text or "+" in text
    for unverified_field in filter(None, text.split("&")):
        name, _, value = unverified_field.partition("=")
        if is_escaped:
            name, value = _unescaped(name), _unescaped(value)
        if not name.isprintable() and _CONTROL.search(name):
            raise InvalidRequest("A parameter name contains a line break or control character.")
        if name in REPEATABLE:
            repeated[name] = (*repeated.get(name, ()), value) if value else repeated.get(name, ())
        elif name in seen:
            raise InvalidRequest("A parameter is repeated; send each one once.", reason="repeated")
        else:
            seen.add(name)
            if value:
                single[name] = value
    return Form(single, repeated)


def encode_form(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return the form body for these parameters."""
    return "&".join(f"{form_encode(name)}={form_encode(value)}" for name, value in pairs).encode()


def form_encode(text: str) -> str:
    """Return one name or value as appendix B of RFC 6749 writes it."""
    return quote_plus(text, safe="")


def _unescaped(text: str) -> str:
    return _utf8(unquote_to_bytes(text.replace("+", " ")))


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest("The body is not UTF-8.") from error


def _check_content_type(content_type: str | None) -> None:
    if content_type is None:
        raise InvalidRequest(
            f"The request has no Content-Type; send a body of type {CONTENT_TYPE}.",
            reason="wrong_content_type",
        )
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if media_type != CONTENT_TYPE:
        raise InvalidRequest(
            f"The body was {media_type}; send {CONTENT_TYPE}, "
            "for example curl -d grant_type=client_credentials.",
            reason="wrong_content_type",
        )
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(" \"'") not in ("utf-8", "utf8"):
            raise InvalidRequest("The body must be UTF-8.", reason="wrong_content_type")
