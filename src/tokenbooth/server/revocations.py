"""What is no longer valid: single tokens by id, refreshed families by theirs."""

from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.recognition import OurToken
from tokenbooth.server.records import Revocation
from tokenbooth.server.stores.contract import RevocationStore

# No access or refresh token lives longer, whatever the policies of its issuer and client are
# now or were when it was issued.
_LONGEST_LIFETIME = 400 * 86_400


async def is_revoked(token: OurToken, issuer: IssuerView, store: RevocationStore) -> bool:
    """Whether the token was revoked, as of now on any node; raises StoreUnavailable."""
    return bool(await store.find_revoked(issuer.name, _keys(token)))


async def revoke(token: OurToken, issuer: IssuerView, store: RevocationStore, now: float) -> None:
    """Revoke the token; with a refresh token, everything of its family (RFC 7009 §2.1)."""
    if token.kind == "refresh_token" and token.family is not None:
        await revoke_family(token.family, issuer, store, now)
    else:
        await store.revoke(
            [
                Revocation(
                    issuer=issuer.name, key=f"jti:{token.token_id}", expires_at=token.expires_at
                )
            ]
        )


async def revoke_family(
    family: str, issuer: IssuerView, store: RevocationStore, now: float
) -> None:
    """Revoke every token that came from one first refresh token."""
    await store.revoke(
        [Revocation(issuer=issuer.name, key=f"sid:{family}", expires_at=now + _LONGEST_LIFETIME)]
    )


def _keys(token: OurToken) -> list[str]:
    keys = [f"jti:{token.token_id}"]
    if token.family is not None:
        keys.append(f"sid:{token.family}")
    return keys
