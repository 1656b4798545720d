"""Bearer tokens on the wire: the Authorization header in, the challenge out (RFC 6750 §2, §3)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from tokenbooth.protocol.errors import InvalidToken, MalformedRequest, NoToken, printable

BEARER = "bearer"
BASIC = "basic"
DPOP = "dpop"

MAX_HEADER_LENGTH = 20_000  # a token of the greatest length, and room for the scheme

# token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" (RFC 9110 §11.2)
_TOKEN68 = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_IN_TOKEN68 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
_ATTRIBUTE = re.compile(r"[a-z_]+")


def authorization_values(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[str]:
    """Return every Authorization header among `headers`, whatever the case of its name."""
    return header_values(headers, "authorization")


def header_values(headers: Mapping[str, str] | Iterable[tuple[str, str]], wanted: str) -> list[str]:
    """Return every header of that lower-case name."""
    # The first question answers the second for most, at a fifth of the time.
    if type(headers) is dict or isinstance(headers, Mapping):
        headers = headers.items()
    return [value for name, value in headers if name.lower() == wanted]


def read_authorization(values: Sequence[str]) -> tuple[str, str]:
    """Return the scheme in lower case and the unverified credentials.

    Raises NoToken when there is no header and MalformedRequest when there are several, for
    one of them could be checked and another believed (RFC 6750 §2).
    """
    if not values:
        raise NoToken("No Authorization header reached this API.", reason="no_header")
    if len(values) > 1:
        raise MalformedRequest("Send one Authorization header.", reason="repeated_header")
    value = values[0]
    if len(value) > MAX_HEADER_LENGTH:
        raise MalformedRequest("The Authorization header is too long.", reason="too_long")
    scheme, _, credentials = value.strip(" \t").partition(" ")
    if not scheme:
        raise MalformedRequest("The Authorization header is empty.", reason="empty_header")
    return scheme.lower(), credentials.lstrip(" ")


def bearer_token(unverified_credentials: str, scheme: str = "Bearer") -> str:
    """Return what stands behind the scheme if it can be a token at all.

    Raises MalformedRequest unless it is one word and InvalidToken unless it is a token68.
    """
    if _is_token68(unverified_credentials):
        return unverified_credentials
    if not unverified_credentials:
        raise MalformedRequest(
            f"The Authorization header says {scheme}, and then no token follows.",
            reason="empty_token",
        )
    if " " in unverified_credentials:
        raise MalformedRequest(
            f"Send exactly one token after {scheme}, without spaces.", reason="several_words"
        )
    raise InvalidToken("The token has characters that no token has.", reason="no_token68")


def _is_token68(unverified: str) -> bool:
    # Half the time of the expression, for a text without padding.
    if unverified and unverified.isascii():
        rest = unverified.encode("ascii").translate(None, _IN_TOKEN68)
        return not rest or _TOKEN68.fullmatch(unverified) is not None
    return False


def has_token_in_query(unverified_url: str) -> bool:
    """Whether the URL carries a token, which is never read from there (OAuth 2.1 §5.1)."""
    _, question_mark, query = unverified_url.partition("?")
    if not question_mark or "access" not in query:
        return False
    try:
        pairs = parse_qsl(urlsplit(unverified_url).query, keep_blank_values=True)
    except ValueError:
        return False
    return any(name == "access_token" for name, _ in pairs)


def challenge(scheme: str, parameters: Iterable[tuple[str, str]] = ()) -> str:
    """Return one WWW-Authenticate challenge; whatever the values hold, they stay inside quotes."""
    written: dict[str, str] = {}
    for name, value in parameters:
        if not _ATTRIBUTE.fullmatch(name) or name in written:  # RFC 6750 §3: each at most once
            raise ValueError(f"{name!r} cannot be a challenge's attribute here")
        written[name] = f'{name}="{printable(value, limit=4096)}"'
    return f"{scheme} {', '.join(written.values())}" if written else scheme
