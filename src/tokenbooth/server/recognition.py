"""Which of our tokens is this? Checks signature or seal, issuer and expiry, and asks no store."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tokenbooth.protocol.access_token import check_access_token
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.jwt import VerifiedClaims, read_jwt, verify_jwt
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.sealing import ACCESS_PREFIX, REFRESH_PREFIX, SealingKey

_MOST_VERIFIED = 10_000  # tokens of an issuer, about 1.5 kB each


@dataclass(frozen=True, slots=True, kw_only=True)
class OurToken:
    """A token that this issuer made and that has not expired; it may have been revoked."""

    kind: Literal["access_token", "refresh_token"]
    client_id: str
    audience: tuple[str, ...]
    token_id: str
    family: str | None
    expires_at: float
    claims: Mapping[str, Any] = field(repr=False)

    @property
    def issued_at(self) -> float:
        """When it was issued, in whole seconds rounded down."""
        return float(self.claims["iat"])


def recognise(
    unverified_token: Secret, issuer: IssuerView, now: float, *, leeway: float = 0.0
) -> OurToken:
    """Return the token; raises TokenRefused with the reason why it is not a good one of ours.

    `leeway`: by how many seconds the clock may be wrong.
    """
    text = unverified_token.reveal()
    if text.startswith(ACCESS_PREFIX):
        return _sealed("access_token", ACCESS_PREFIX, text, issuer, now - leeway)
    if text.startswith(REFRESH_PREFIX):
        return _sealed("refresh_token", REFRESH_PREFIX, text, issuer, now - leeway)
    return _signed(text, issuer, now, leeway)


def recognise_refresh_token(unverified_token: Secret, issuer: IssuerView, now: float) -> OurToken:
    """Return the refresh token; raises TokenRefused, also for an access token."""
    return _sealed("refresh_token", REFRESH_PREFIX, unverified_token.reveal(), issuer, now)


def _signed(text: str, issuer: IssuerView, now: float, leeway: float) -> OurToken:
    claims, typ = _verified(text, issuer)
    token = check_access_token(
        claims, typ=typ, issuer=issuer.url, audience=None, now=now, leeway=leeway
    )
    return OurToken(
        kind="access_token",
        client_id=token.client_id,
        audience=token.audience,
        token_id=token.jti,
        family=token.claims.get("sid"),
        expires_at=token.expires_at,
        claims=token.claims,
    )


def _verified(text: str, issuer: IssuerView) -> tuple[VerifiedClaims, str | None]:
    """Check the signature, once for as long as the keys of the issuer stay as they are."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    seen = issuer.verified.get(digest)
    if seen is not None:
        return seen
    unverified = read_jwt(text)
    key = issuer.keys.verification(unverified.kid, unverified.alg)
    if key is None:
        raise TokenRefused("unknown_key")
    verified = verify_jwt(unverified, key), unverified.typ
    if len(issuer.verified) >= _MOST_VERIFIED:
        del issuer.verified[next(iter(issuer.verified))]
    issuer.verified[digest] = verified
    return verified


def _sealed(
    kind: Literal["access_token", "refresh_token"],
    prefix: str,
    text: str,
    issuer: IssuerView,
    now: float,
) -> OurToken:
    claims = _open(prefix, text, issuer.keys.opening)
    # The seal proves that the service wrote these claims, so their shape needs no check.
    if claims["iss"] != issuer.url:
        raise TokenRefused("wrong_issuer")
    if now >= claims["exp"]:
        raise TokenRefused("expired")
    audience = claims["aud"]
    return OurToken(
        kind=kind,
        client_id=claims["client_id"],
        audience=(audience,) if isinstance(audience, str) else tuple(audience),
        token_id=claims["jti"],
        family=claims.get("sid"),
        expires_at=claims["exp"],
        claims=claims,
    )


def _open(prefix: str, text: str, keys: tuple[SealingKey, ...]) -> dict[str, Any]:
    refusal = TokenRefused("unknown_key")
    for key in keys:
        try:
            return key.open(prefix, text)
        except TokenRefused as error:
            refusal = error
            if error.reason != "unknown_key":
                break
    raise refusal
