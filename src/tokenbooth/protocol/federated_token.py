"""Tokens of other issuers as proof of who is calling (RFC 7523 §3, and JWT-SVID).

What is checked here needs no rules and no keys; the claims of the same token tell the rest.
"""

from collections.abc import Mapping
from typing import Any

from tokenbooth.protocol.assertion import MAX_JTI_LENGTH, check_times
from tokenbooth.protocol.claims import text_claim
from tokenbooth.protocol.errors import TokenRefused

# Kubernetes leaves it out, SPIFFE allows two.
_ACCEPTED_TYPES = frozenset({None, "jwt", "jose"})
MAX_LIFETIME = 86_400.0  # seconds; a token for longer is a password


def check_validity(claims: Mapping[str, Any], *, typ: str | None, now: float) -> float:
    """Return when the token expires; raises TokenRefused unless it is of that kind and valid."""
    if typ not in _ACCEPTED_TYPES:  # RFC 8725 §3.11
        raise TokenRefused("wrong_type")
    return check_times(claims, now=now, max_lifetime=MAX_LIFETIME)


def single_use_id(claims: Mapping[str, Any]) -> str | None:
    """Return the id by which the token counts once, None where it has none."""
    if "jti" not in claims:
        return None
    return text_claim(claims, "jti", max_length=MAX_JTI_LENGTH)
