"""ID tokens: who signed in at an OpenID provider (OpenID Connect Core §3.1.3.7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenbooth.protocol.assertion import ASSERTION_ALGORITHMS, MAX_CLOCK_SKEW, check_times
from tokenbooth.protocol.claims import text_claim, time_claim
from tokenbooth.protocol.errors import TokenRefused

# RFC 8725 §3.11: an access token or logout token of the same provider is no ID token.
_ACCEPTED_TYPES = frozenset({None, "jwt"})
# Never "none", and nothing with a secret that many know (RFC 8725 §3.2).
ID_TOKEN_ALGORITHMS = frozenset(ASSERTION_ALGORITHMS)
MAX_SUBJECT_LENGTH = 255
_MAX_LIFETIME = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInElsewhere:
    """Who signed in at the provider; the email only if the provider has verified it."""

    issuer: str
    subject: str
    verified_email: str | None
    name: str

    @property
    def identity(self) -> str:
        """The one name that never changes, nor comes to mean somebody else."""
        return f"{self.issuer} {self.subject}"


def check_id_token(
    claims: Mapping[str, Any],
    *,
    typ: str | None,
    issuer: str,
    client_id: str,
    nonce: str,
    now: float,
    signed_in_after: float | None = None,
) -> SignedInElsewhere:
    """Check everything but the signature; raises TokenRefused with the reason.

    `signed_in_after` refuses a sign-in that happened before that moment.
    """
    if typ not in _ACCEPTED_TYPES:
        raise TokenRefused("wrong_type")
    if text_claim(claims, "iss") != issuer:
        raise TokenRefused("wrong_issuer")
    _check_audience(claims, client_id)
    check_times(claims, now=now, max_lifetime=_MAX_LIFETIME)
    if text_claim(claims, "nonce") != nonce:
        raise TokenRefused("wrong_nonce")
    if signed_in_after is not None:
        signed_in_at = time_claim(claims, "auth_time")
        if signed_in_at < signed_in_after - MAX_CLOCK_SKEW:
            raise TokenRefused("signed_in_too_long_ago")
    email, name = claims.get("email"), claims.get("name")
    # Only the very value true: a text "false" is true to many a program.
    is_verified = claims.get("email_verified") is True and isinstance(email, str)
    return SignedInElsewhere(
        issuer=issuer,
        subject=text_claim(claims, "sub", max_length=MAX_SUBJECT_LENGTH),
        verified_email=email if is_verified else None,
        name=name if isinstance(name, str) else "",
    )


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    audience = claims.get("aud")
    if audience is None:
        raise TokenRefused("claim_missing", "aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise TokenRefused("wrong_audience")
    # With several audiences one of them asked for it, and that must have been us.
    party = claims.get("azp", client_id if len(audiences) == 1 else None)
    if party != client_id:
        raise TokenRefused("wrong_party")
