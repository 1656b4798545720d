"""What a refused caller is told: enough to help, and only what its own checked token says."""

from collections.abc import Sequence

from tokenbooth.protocol.errors import InvalidToken, TokenRefused
from tokenbooth.protocol.jwt import VerifiedClaims

_UNVERIFIED = {
    "too_long": "The token is too long.",
    "malformed": "The token is malformed.",
    "unknown_key": "The token is signed with a key that its issuer does not publish.",
    "wrong_algorithm": "The token's algorithm is not accepted here.",
}
_VERIFIED = {
    "wrong_type": "The token is no access token.",
    "not_yet_valid": "The token is not valid yet; the clocks of API and issuer may differ.",
    "claim_missing": "The token lacks a claim that access tokens must have.",
    "claim_invalid": "A claim of the token is malformed.",
}


def before_verification(refused: TokenRefused) -> InvalidToken:
    """Word a refusal of a token whose content is anybody's: nothing of it is repeated."""
    text = _UNVERIFIED.get(refused.reason, "The token's signature is not good.")
    return InvalidToken(text, reason=refused.reason)


def after_verification(
    refused: TokenRefused, claims: VerifiedClaims, *, audience: str, now: float
) -> InvalidToken:
    """Word a refusal of a token that the issuer signed: say what to change."""
    if refused.reason == "expired":
        return expired(now - float(claims["exp"]))
    if refused.reason == "wrong_audience":
        named = claims["aud"]
        return wrong_audience([named] if isinstance(named, str) else named, audience)
    text = _VERIFIED.get(refused.reason, "The token is from another issuer.")
    return InvalidToken(text, reason=refused.reason)


def expired(seconds_ago: float) -> InvalidToken:
    """Word the refusal of a token whose time is over."""
    return InvalidToken(
        f"The token expired {seconds_ago:.0f} s ago; request a new one.", reason="expired"
    )


def wrong_audience(named: Sequence[str], audience: str) -> InvalidToken:
    """Word the refusal of a token meant for other APIs."""
    return InvalidToken(
        f"The token is for aud={' '.join(named)}; this API is aud={audience}.",
        reason="wrong_audience",
    )


def oddly_bound() -> InvalidToken:
    """Word the refusal of a token whose binding cannot be checked (RFC 7800 §3.1)."""
    return InvalidToken(
        "The token is bound in a way that this API cannot check.", reason="bound_token"
    )
