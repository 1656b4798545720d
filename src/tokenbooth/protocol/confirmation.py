"""What a token is bound to: a key (RFC 9449 §6) or a certificate (RFC 8705 §3), as "cnf" says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenbooth.protocol.errors import TokenRefused

JKT = "jkt"
X5T = "x5t#S256"

_SHA256 = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")  # base64url of 32 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The key or certificate that must come along with the token; never neither."""

    jkt: str | None = None  # SHA-256 thumbprint of the DPoP key (RFC 7638)
    x5t: str | None = None  # base64url SHA-256 of the DER certificate

    def __post_init__(self) -> None:
        if self.jkt is None and self.x5t is None:
            raise ValueError("a confirmation names a key or a certificate")

    def to_claim(self) -> dict[str, str]:
        """Return the value of "cnf"."""
        named = ((JKT, self.jkt), (X5T, self.x5t))
        return {method: value for method, value in named if value is not None}


def read_confirmation(claims: Mapping[str, Any]) -> Confirmation | None:
    """Return what the token is bound to, None for a bearer token; raises TokenRefused.

    A method that is not known here could not be checked, so such a token is of no use at all.
    """
    if "cnf" not in claims:
        return None
    methods = claims["cnf"]
    if not isinstance(methods, dict) or not methods or not methods.keys() <= {JKT, X5T}:
        raise TokenRefused("unknown_confirmation")
    if not all(isinstance(v, str) and _SHA256.fullmatch(v) for v in methods.values()):
        raise TokenRefused("unknown_confirmation")
    return Confirmation(jkt=methods.get(JKT), x5t=methods.get(X5T))
