"""JWT access tokens and their checks, in the order in which they are made (RFC 9068)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenbooth.protocol.claims import text_claim, time_claim
from tokenbooth.protocol.errors import InvalidScope, TokenRefused
from tokenbooth.protocol.jwt import VerifiedClaims
from tokenbooth.protocol.scope import Scope

TYP = "at+jwt"  # RFC 9068 §2.1

MAX_CLOCK_SKEW = 60.0  # seconds that an issuer's clock may be ahead of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What a good access token says. Times are seconds since 1970 UTC."""

    issuer: str
    audience: tuple[str, ...]
    subject: str
    client_id: str
    scope: Scope
    issued_at: float
    expires_at: float
    jti: str
    claims: Mapping[str, Any] = field(repr=False)


def check_access_token(
    claims: VerifiedClaims,
    *,
    typ: str | None,
    issuer: str,
    audience: str | None,
    now: float,
    leeway: float = 0.0,
) -> AccessToken:
    """Check every claim that RFC 9068 §4 demands; raises TokenRefused with the reason.

    `audience` None leaves the audience to the caller: the issuer itself accepts all of its own.
    """
    if typ != TYP:  # RFC 8725 §3.11: an assertion or ID token is no access token
        raise TokenRefused("wrong_type")
    token = _read(claims)
    if token.issuer != issuer:
        raise TokenRefused("wrong_issuer", f"iss is {token.issuer!r}, expected {issuer!r}")
    if audience is not None and audience not in token.audience:
        raise TokenRefused(
            "wrong_audience", f"aud is {' '.join(token.audience)!r}, this API is {audience!r}"
        )
    if now >= token.expires_at + leeway:
        raise TokenRefused("expired", f"{now - token.expires_at:.0f} s ago")
    not_before = token.issued_at - MAX_CLOCK_SKEW
    if "nbf" in claims:
        not_before = max(not_before, time_claim(claims, "nbf"))
    if now < not_before - leeway:
        raise TokenRefused("not_yet_valid", f"for another {not_before - now:.0f} s")
    return token


def _read(claims: VerifiedClaims) -> AccessToken:
    return AccessToken(
        issuer=text_claim(claims, "iss"),
        audience=_audience(claims),
        subject=text_claim(claims, "sub"),
        client_id=text_claim(claims, "client_id"),
        scope=_scope(claims),
        issued_at=time_claim(claims, "iat"),
        expires_at=time_claim(claims, "exp"),
        jti=text_claim(claims, "jti"),
        claims=claims,
    )


def _audience(claims: VerifiedClaims) -> tuple[str, ...]:
    audience = claims.get("aud")
    if isinstance(audience, str):
        return (audience,)
    if not isinstance(audience, list) or not audience:
        raise TokenRefused("claim_missing", "aud")
    if not all(isinstance(member, str) for member in audience):
        raise TokenRefused("claim_invalid", "aud")
    return tuple(audience)


def _scope(claims: VerifiedClaims) -> Scope:
    value = claims.get("scope", "")
    if not isinstance(value, str):
        raise TokenRefused("claim_invalid", "scope")
    try:
        return Scope.parse(value)
    except InvalidScope as error:
        raise TokenRefused("claim_invalid", "scope") from error
