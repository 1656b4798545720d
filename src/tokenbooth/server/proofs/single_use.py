"""An assertion counts once: on all nodes, across restarts, until it expires (RFC 7523 §3)."""

import hashlib
from collections.abc import Iterable

from tokenbooth.protocol import base64url
from tokenbooth.protocol.errors import InvalidClient, OAuthError
from tokenbooth.server.authenticated import AssertionUse
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.replays import Claims


def use_of(jti: str, owner: str, issuer: IssuerView, expires_at: float) -> AssertionUse:
    """Return what using the assertion means; `owner` is within whom its jti is unique."""
    unique = f"{owner}\0{jti}".encode("utf-8", "surrogatepass")
    digest = base64url.encode(hashlib.sha256(unique).digest()).decode()
    return AssertionUse(key=f"assertion:{issuer.name}:{digest}", expires_at=expires_at)


async def spend(
    uses: Iterable[AssertionUse],
    store: Claims,
    now: float,
    *,
    refusal: type[OAuthError] = InvalidClient,
) -> None:
    """Use them up; raises the refusal when one was used before."""
    for use in uses:
        claim = await store.claim(use.key, now=now, expires_at=use.expires_at)
        if not claim.won:
            raise refusal(
                "This assertion was used before; "
                "make a new one with its own jti for every request.",
                reason="assertion_replayed",
            )
