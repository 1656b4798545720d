"""private_key_jwt: the client signed an assertion with a key of its own (RFC 7523 §2.2 and §3)."""

import asyncio
from dataclasses import replace

from tokenbooth.protocol.assertion import check_client_assertion
from tokenbooth.protocol.errors import InvalidClient, TemporarilyUnavailable, TokenRefused
from tokenbooth.protocol.jwt import UnverifiedJwt, VerifiedClaims, verify_jwt
from tokenbooth.protocol.keys import VerificationKey
from tokenbooth.protocol.presented_assertion import PresentedAssertion
from tokenbooth.remote.key_set import RemoteKeySet
from tokenbooth.server.authenticated import REFUSAL, AuthenticatedClient, with_registered_method
from tokenbooth.server.client_keys import candidates
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.proofs.decoys import check_against_nothing
from tokenbooth.server.proofs.single_use import use_of
from tokenbooth.server.records import Credential
from tokenbooth.server.registry import KnownClient
from tokenbooth.server.service import Service


async def prove(
    presented: PresentedAssertion, issuer: IssuerView, service: Service, now: float
) -> AuthenticatedClient:
    """Return the client whose key signed; raises InvalidClient or TemporarilyUnavailable."""
    client_id = presented.client_id
    remembered = service.registry.remembered(issuer.name, client_id)
    known = remembered or await service.registry.client(issuer.name, client_id)
    try:
        verified, credential, claims = await _verified(known, presented.unverified, service)
        refuse_unless_usable(verified, credential, now)
    except TokenRefused as refused:
        if remembered is not None:
            # Timing: an unknown client costs a look into the store, so every refusal does.
            await service.registry.ask_store(issuer.name, client_id)
        raise InvalidClient(REFUSAL, reason=refused.reason) from refused
    try:
        spendable = check_client_assertion(
            claims,
            typ=presented.unverified.typ,
            issuer=issuer.url,
            client_id=client_id,
            now=now,
        )
    except TokenRefused as refused:
        raise explained(refused, issuer) from refused
    caller = with_registered_method(verified, credential, presented.method, proof="signature")
    use = use_of(spendable.jti, client_id, issuer, spendable.expires_at)
    return replace(caller, uses=(use,))


def refuse_unless_usable(known: KnownClient, credential: Credential, now: float) -> None:
    """Raise TokenRefused for a credential that has ended, and for a disabled client."""
    if not credential.is_valid_at(now):
        raise TokenRefused("expired_credential")
    if not known.client.enabled:
        raise TokenRefused("client_disabled")


def explained(refused: TokenRefused, issuer: IssuerView) -> InvalidClient:
    """Return the refusal of an assertion whose signature is right: its maker may be told."""
    fixes = {
        "wrong_audience": f"its aud must be exactly {issuer.url} and nothing else",
        "expired": "it has expired; check this machine's clock",
        "not_yet_valid": "it is from the future; check this machine's clock",
        "lives_too_long": "it expires too late; give it a few minutes",
        "wrong_type": "its typ is that of another kind of token",
        "wrong_client": "its iss and sub must both be the client ID",
    }
    # What is not listed names a claim, never what stands there.
    what = fixes.get(refused.reason, str(refused))
    return InvalidClient(f"The assertion is refused: {what}.", reason=f"assertion_{refused.reason}")


async def _verified(
    known: KnownClient | None, unverified: UnverifiedJwt, service: Service
) -> tuple[KnownClient, Credential, VerifiedClaims]:
    """Return the claims and the credential that signed them; raises TokenRefused."""
    if known is None:
        # Timing: a signature is checked even when there is no key to check it with.
        check_against_nothing(unverified)
        raise TokenRefused("unknown_client")
    found = await _keys(known, unverified, service)
    for credential, key in found:
        try:
            return known, credential, verify_jwt(unverified, key)
        except TokenRefused as refused:
            if refused.reason != "bad_signature":
                raise
    if not found:
        check_against_nothing(unverified)
        raise TokenRefused("unknown_key")
    raise TokenRefused("bad_signature")


async def _keys(
    known: KnownClient, unverified: UnverifiedJwt, service: Service
) -> list[tuple[Credential, VerificationKey]]:
    kid, alg = unverified.kid, unverified.alg
    found = [(each.credential, each.key) for each in candidates(known.keys, kid, alg)]
    for place in () if found else known.key_places:
        keys = await fetched_keys(service.remote_keys.at(place.url), unverified)
        found += [(place.credential, key) for key in keys]
    return found


async def fetched_keys(
    published: RemoteKeySet, unverified: UnverifiedJwt
) -> tuple[VerificationKey, ...]:
    """Return the published keys of that name, fetched if need be."""
    keys = published.keys_now(unverified.kid, unverified.alg)
    if keys:
        return keys
    is_up_to_date = await asyncio.shield(asyncio.wrap_future(published.refresh()))
    keys = published.keys_now(unverified.kid, unverified.alg)
    if not keys and not is_up_to_date:
        # Neither good nor bad: the client must not take an outage for a refusal.
        raise TemporarilyUnavailable(
            "The keys for this assertion cannot be fetched now; try again.",
            reason="keys_unreachable",
            retry_after=5,
        )
    return keys
