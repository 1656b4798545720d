"""What is no longer valid: tokens by their own id, their family, credential, client or issuer."""

from collections.abc import Mapping, Sequence
from typing import Any

from tokenbooth.protocol.revocation_feed import revocation_keys, signing_key_name
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.recognition import OurToken
from tokenbooth.server.records import Client, Credential, Revocation
from tokenbooth.server.stores.contract import RevocationStore

# No access or refresh token lives longer, whatever the policies of its issuer and client are
# now or were when it was issued.
_LONGEST_LIFETIME = 400 * 86_400
# A clock that is wrong by less is set right some day, and what it took for expired is good again.
CLOCK_MAY_BE_OFF = 86_400.0
# Every node has taken over a change after so long, and issues nothing more on the old terms.
_TAKEOVER_SECONDS = 1.0


async def is_revoked(token: OurToken, issuer: IssuerView, store: RevocationStore) -> bool:
    """Whether the token was revoked, as of now on any node; raises StoreUnavailable."""
    return await are_revoked(token.claims, token.issued_at, issuer.name, store)


async def are_revoked(
    claims: Mapping[str, Any], issued_at: float, issuer: str, store: RevocationStore
) -> bool:
    """Whether the token that makes these checked claims was revoked; raises StoreUnavailable."""
    found = await store.find_revoked(issuer, revocation_keys(claims))
    return any(before is None or issued_at <= before for before in found.values())


async def revoke(token: OurToken, issuer: IssuerView, store: RevocationStore, now: float) -> None:
    """Revoke the token; with a refresh token, everything of its family (RFC 7009 §2.1)."""
    if token.kind == "refresh_token" and token.family is not None:
        await revoke_family(token.family, issuer, store, now)
    else:
        until = token.expires_at
        if until <= now:  # expired, unless the clock is wrong
            until += CLOCK_MAY_BE_OFF
        revoked = Revocation(issuer=issuer.name, key=f"jti:{token.token_id}", expires_at=until)
        await store.revoke([revoked])


async def revoke_family(
    family: str, issuer: IssuerView, store: RevocationStore, now: float
) -> None:
    """Revoke every token that came from one first refresh token."""
    await store.revoke([_revocation(issuer.name, f"sid:{family}", now)])


def earlier_keys(tokens: Sequence[OurToken]) -> tuple[str, ...]:
    """Return by what a token ends together with those it was exchanged for."""
    keys = (key for token in tokens for key in revocation_keys(token.claims) if key != "issuer:")
    return tuple(dict.fromkeys(keys))


def of_issuer(issuer: str, now: float) -> Revocation:
    """Return what ends every token that the issuer issued so far."""
    return _revocation(issuer, "issuer:", now, before=now)


def of_client(client: Client, now: float) -> Revocation:
    """Return what ends every token that the client got so far; it may go on getting new ones."""
    return _revocation(client.issuer, f"client:{client.client_id}", now, before=now)


def of_credential(credential: Credential, now: float) -> Revocation:
    """Return what ends every token that the credential was used to get so far."""
    return _revocation(credential.issuer, f"credential:{credential.id}", now, before=now)


def of_stopped_client(client: Client, now: float) -> Revocation:
    """Return what ends the tokens of a client that is disabled or deleted in the same step."""
    until = now + _TAKEOVER_SECONDS
    return _revocation(client.issuer, f"client:{client.client_id}", now, before=until)


def of_removed_credentials(credentials: Sequence[Credential], now: float) -> list[Revocation]:
    """Return what ends the tokens of credentials that are removed in the same step, for good."""
    return [_revocation(each.issuer, f"credential:{each.id}", now) for each in credentials]


def of_pulled_key(issuer: str, kid: str, now: float) -> Revocation:
    """Return what ends whatever the key signed, and whoever has it will sign, for good.

    Only guards need it: they remember the key for minutes, and a thief writes any `iat`.
    """
    return _revocation(issuer, signing_key_name(kid), now)


def _revocation(issuer: str, key: str, now: float, *, before: float | None = None) -> Revocation:
    return Revocation(issuer=issuer, key=key, expires_at=now + _LONGEST_LIFETIME, before=before)
