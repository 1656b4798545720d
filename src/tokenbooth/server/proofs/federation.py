"""Workloads without secrets: a token of an issuer that the client trusts (RFC 7523 §2.1, §2.2)."""

from dataclasses import replace

from tokenbooth.protocol.errors import InvalidClient, TokenRefused
from tokenbooth.protocol.federated_token import check_validity, single_use_id
from tokenbooth.protocol.jwt import VerifiedClaims, unverified_claims, verify_jwt
from tokenbooth.protocol.metadata import MetadataRefused
from tokenbooth.protocol.presented_assertion import PresentedAssertion
from tokenbooth.protocol.spiffe import parse_bundle
from tokenbooth.remote.key_set import RemoteKeySet
from tokenbooth.remote.metadata import discover
from tokenbooth.server.authenticated import (
    REFUSAL,
    AssertionUse,
    AuthenticatedClient,
    with_registered_method,
)
from tokenbooth.server.federation import KnownTrust, StoredTrust
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.proofs.assertion import explained, fetched_keys
from tokenbooth.server.proofs.decoys import check_against_nothing
from tokenbooth.server.proofs.single_use import use_of
from tokenbooth.server.registry import KnownClient
from tokenbooth.server.remote_keys import RemoteKeys
from tokenbooth.server.service import Service


async def prove(
    presented: PresentedAssertion, issuer: IssuerView, service: Service, now: float
) -> AuthenticatedClient:
    """Return the client that trusts this token; raises InvalidClient or TemporarilyUnavailable."""
    try:
        # Needs no knowledge of clients, so whoever sent it may be told.
        claims = unverified_claims(presented.unverified)
        expires_at = check_validity(claims, typ=presented.unverified.typ, now=now)
        jti = single_use_id(claims)
    except TokenRefused as refused:
        raise explained(refused, issuer) from refused
    remembered = service.registry.remembered(issuer.name, presented.client_id)
    known = remembered or await service.registry.client(issuer.name, presented.client_id)
    try:
        trusting, trust, verified = await _verified(known, presented, issuer, service, now)
        copied = trust.copied(verified)
    except TokenRefused as refused:
        if remembered is not None:
            # Timing: an unknown client costs a look into the store, so every refusal does.
            await service.registry.ask_store(issuer.name, presented.client_id)
        # Whoever has a token of that issuer would otherwise learn which clients trust it.
        raise InvalidClient(REFUSAL, reason=refused.reason) from refused
    caller = with_registered_method(
        trusting, trust.credential, presented.method, proof="trusted token"
    )
    uses: tuple[AssertionUse, ...] = ()
    if jti is not None and trust.stored.single_use:
        # One token may speak for several clients, but for each of them once.
        owner = f"{presented.client_id} {presented.unverified_issuer}"
        uses = (use_of(jti, owner, issuer, expires_at),)
    return replace(caller, copied_claims=copied, uses=uses)


async def _verified(
    known: KnownClient | None,
    presented: PresentedAssertion,
    issuer: IssuerView,
    service: Service,
    now: float,
) -> tuple[KnownClient, KnownTrust, VerifiedClaims]:
    """Return the trust that the token fits; raises TokenRefused."""
    trusts = () if known is None else known.trusts
    named = [trust for trust in trusts if trust.is_named_by(presented)]
    refusal = "unknown_client" if known is None else "issuer_not_trusted"
    distrusted = issuer.record.policy.distrusted_issuers
    if any(trust.issuer in distrusted for trust in named):
        named, refusal = [], "issuer_distrusted"
    if known is None or not named:
        # Before any network call: whom nobody here trusts is not asked for keys.
        check_against_nothing(presented.unverified)
        raise TokenRefused(refusal)
    if not known.client.enabled:
        check_against_nothing(presented.unverified)
        raise TokenRefused("client_disabled")
    for trust in named:
        try:
            return known, trust, await _fitting(trust, presented, issuer, service, now)
        except TokenRefused as refused:
            refusal = refused.reason
    raise TokenRefused(refusal)


async def _fitting(
    trust: KnownTrust,
    presented: PresentedAssertion,
    issuer: IssuerView,
    service: Service,
    now: float,
) -> VerifiedClaims:
    # Timing: every refusal checks a signature, if only with nobody's key.
    if not trust.credential.is_valid_at(now):
        check_against_nothing(presented.unverified)
        raise TokenRefused("expired_credential")
    keys = await fetched_keys(_published(trust.stored, service.remote_keys), presented.unverified)
    if len(keys) != 1:
        check_against_nothing(presented.unverified)
        raise TokenRefused("unknown_key")
    claims = verify_jwt(presented.unverified, keys[0])
    trust.check(claims, issuer.url)
    return claims


def _published(stored: StoredTrust, remote_keys: RemoteKeys) -> RemoteKeySet:
    if stored.issuer is None:
        return remote_keys.at(str(stored.keys_at), kind="spiffe", parse=parse_bundle)
    if stored.keys_at is not None:
        return remote_keys.at(stored.keys_at)
    issuer = stored.issuer

    def locate() -> str:
        found = discover(issuer, remote_keys.fetch, timeout=5.0).jwks_uri
        if found is None:
            raise MetadataRefused("The metadata names no jwks_uri.")
        return found

    return remote_keys.at(issuer, kind="discovery", locate=locate)
