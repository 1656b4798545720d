"""Client assertions: a client signs who it is instead of showing a secret (RFC 7523 §2.2 and §3).

The audience rule is that of its successor, still a draft: the issuer, and nobody else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenbooth.protocol.claims import text_claim, time_claim
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.jwt import VerifiedClaims, sign_jwt
from tokenbooth.protocol.keys import SigningKey
from tokenbooth.protocol.secret import Secret

JWT_BEARER_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SPIFFE_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"

PRIVATE_KEY_JWT = "private_key_jwt"
TYP = "client-authentication+jwt"
# RFC 8725 §3.11: an access token or DPoP proof of the same key is no assertion.
_ACCEPTED_TYPES = frozenset({None, "jwt", TYP})

# What a registered key may sign with; each key has one of them (RFC 8725 §3.1).
ASSERTION_ALGORITHMS = (
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
    "PS256",
    "PS384",
    "PS512",
    "RS256",
    "RS384",
    "RS512",
)

MAX_CLOCK_SKEW = 60.0  # seconds that the client's clock may be ahead of ours
MAX_LIFETIME = 3600.0  # what Authlib asks for; each unspent one must be remembered that long
MAX_JTI_LENGTH = 256
OWN_LIFETIME = 60  # of those we make: Keycloak takes no longer ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Spendable:
    """A good assertion, to be used once until it expires. Seconds since 1970 UTC."""

    jti: str
    expires_at: float


def make_client_assertion(
    key: SigningKey, *, client_id: str, audience: str, jti: str, now: float
) -> Secret:
    """Return a new assertion for one request; `audience` is the issuer identifier."""
    issued_at = int(now)
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": issued_at,
        "exp": issued_at + OWN_LIFETIME,
        "jti": jti,
    }
    return Secret(sign_jwt(claims, key, typ=TYP))


def check_client_assertion(
    claims: VerifiedClaims, *, typ: str | None, issuer: str, client_id: str, now: float
) -> Spendable:
    """Check everything but the signature (RFC 7523 §3); raises TokenRefused with the reason."""
    if typ not in _ACCEPTED_TYPES:
        raise TokenRefused("wrong_type")
    for name in ("iss", "sub"):
        if text_claim(claims, name) != client_id:
            raise TokenRefused("wrong_client", name)
    check_sole_audience(claims, issuer)
    jti = text_claim(claims, "jti", max_length=MAX_JTI_LENGTH)
    return Spendable(jti=jti, expires_at=check_times(claims, now=now, max_lifetime=MAX_LIFETIME))


def check_sole_audience(claims: Mapping[str, Any], audience: str) -> None:
    """Refuse a token that is also, or only, for somebody else.

    One for two servers could be taken from the one to the other (CVE-2025-27370).
    """
    named = claims.get("aud")
    if named is None:
        raise TokenRefused("claim_missing", "aud")
    if named not in (audience, [audience]):
        raise TokenRefused("wrong_audience")


def check_times(claims: Mapping[str, Any], *, now: float, max_lifetime: float) -> float:
    """Return when the token expires; refuses it before, after and too far from that."""
    expires_at = time_claim(claims, "exp")
    if now >= expires_at:
        raise TokenRefused("expired")
    if expires_at - now > max_lifetime + MAX_CLOCK_SKEW:
        raise TokenRefused("lives_too_long")
    for name in ("iat", "nbf"):
        if name in claims and time_claim(claims, name) > now + MAX_CLOCK_SKEW:
            raise TokenRefused("not_yet_valid", name)
    return expires_at
