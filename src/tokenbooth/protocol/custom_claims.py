"""Claims that an operator adds to tokens: static JSON under names that mean nothing else here.

A name that a standard or this service gives a meaning to is refused (RFC 9068 §2.2, RFC 7519 §4.1).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tokenbooth.protocol import strict_json
from tokenbooth.protocol.bounded_json import check_value
from tokenbooth.protocol.errors import ProtocolError

MAX_NAME = 200  # characters; a name may be a URL
MAX_BYTES = 2048  # of all claims of one API or client as JSON: every request carries them
MAX_DEPTH = 8

RESERVED = frozenset(
    (
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti"),  # RFC 7519 §4.1
        *("client_id", "scope", "act", "cnf", "azp", "auth_time", "acr", "amr"),  # RFC 9068 §2.2
        *("active", "username", "token_type", "authorization_details"),  # RFC 7662 §2.2, RFC 9396
        *("credential_id", "sid", "gen", "dpop", "rests_on"),  # ours
    )
)


class ClaimsRefused(ProtocolError):
    """Claims that cannot be added to a token; the text says why."""


def read_claims(texts: Iterable[str]) -> dict[str, Any]:
    """Read claims that are written `name=JSON`; raises ClaimsRefused."""
    claims: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ClaimsRefused('Write a claim as name=JSON, say tier="gold" or limits={"rate":5}.')
        if name in claims:
            raise ClaimsRefused(f"The claim {name[:80]!r} is given twice.")
        try:
            # Inside an object, where the strict reader looks for repeated members and surrogates.
            (claims[name],) = strict_json.parse_object(b'{"":' + value.encode() + b"}").values()
        except ValueError as error:
            raise ClaimsRefused(
                f"The value of the claim {name[:80]!r} is not JSON. A text needs its quotes: "
                """'tier="gold"'."""
            ) from error
    check_claims(claims)
    return claims


def check_claims(claims: Mapping[str, Any]) -> None:
    """Refuse reserved names, and what is too large or too deep; raises ClaimsRefused."""
    for name, value in claims.items():
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise ClaimsRefused(f"A claim's name is 1 to {MAX_NAME} printable characters.")
        if name in RESERVED:
            raise ClaimsRefused(f"The claim {name} has a meaning of its own; choose another name.")
        if name == "may_act" and not _is_identity(value):  # RFC 8693 §4.4
            raise ClaimsRefused('The claim may_act is an object of texts, say {"sub":"gateway"}.')
        try:
            check_value(value, MAX_DEPTH)
        except ValueError as error:
            raise ClaimsRefused(f"The claim {name[:80]!r} cannot be: {error}.") from error
    if len(msgspec.json.encode(claims)) > MAX_BYTES:
        raise ClaimsRefused(f"The claims are more than {MAX_BYTES} bytes of JSON together.")


def merged(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the claims of all layers, later ones first; never one that is reserved."""
    return {
        name: value
        for layer in layers
        for name, value in layer.items()
        if name not in RESERVED  # whoever wrote them, however
    }


def _is_identity(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(each, str) and each for each in value.values())
    )
