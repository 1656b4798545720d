"""Which client is calling: exactly one method, and one indistinguishable refusal."""

import hmac
from dataclasses import dataclass

from tokenbooth.protocol.assertion import PRIVATE_KEY_JWT
from tokenbooth.protocol.certificate import ShownCertificate
from tokenbooth.protocol.client_auth import (
    Presented,
    PresentedCertificate,
    PresentedNothing,
    PresentedSecret,
)
from tokenbooth.protocol.errors import InvalidClient
from tokenbooth.protocol.presented_assertion import PresentedAssertion
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.attempts import Attempt
from tokenbooth.server.authenticated import AuthenticatedClient, with_registered_method
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.profiles import refuse_by_profile
from tokenbooth.server.proofs import assertion, certificate, federation
from tokenbooth.server.proofs.single_use import spend
from tokenbooth.server.records import Credential
from tokenbooth.server.refused_secret import refusal_of
from tokenbooth.server.registry import KnownClient
from tokenbooth.server.secrets import SecretOffice
from tokenbooth.server.service import Service


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a proof was not good: for the audit log alone."""

    reason: str


_WRONG_SECRET = Failure("wrong_secret")


async def authenticate(
    presented: Presented,
    *,
    issuer: IssuerView,
    service: Service,
    outcome: Outcome,
    now: float,
    shown: ShownCertificate | None = None,
    spends: bool = True,
) -> AuthenticatedClient:
    """Return the client that proved itself; raises InvalidClient and others, StoreUnavailable.

    `spends` uses its assertion up now; otherwise whoever asked does so before anything happens.

    `shown` is the certificate of the connection, whatever the client proves itself with.
    """
    refuse_by_profile(presented, issuer.record)
    attempt = Attempt(issuer, presented, service, outcome)
    try:
        caller = await _proved(presented, issuer=issuer, service=service, now=now)
    except InvalidClient as refused:
        attempt.failed(refused)
        raise
    await attempt.succeeded(caller)
    certificate.refuse_second_method(caller, shown)
    if spends:
        await spend(caller.uses, service.replays, now)
    return caller


async def _proved(
    presented: Presented, *, issuer: IssuerView, service: Service, now: float
) -> AuthenticatedClient:
    if isinstance(presented, PresentedAssertion):
        own = presented.method == PRIVATE_KEY_JWT
        prove = assertion.prove if own else federation.prove
        return await prove(presented, issuer, service, now)
    if isinstance(presented, PresentedCertificate):
        return await certificate.prove(presented, issuer, service, now)
    if isinstance(presented, PresentedNothing):
        raise InvalidClient(
            "No client authentication in the request. Send the client ID and secret "
            "by HTTP Basic, or as client_id and client_secret in the body.",
            reason="no_credentials",
        )
    registry, secrets = service.registry, service.secrets
    failure = Failure("unknown_client")
    for client_id, secret in _readings(presented):
        remembered = registry.remembered(issuer.name, client_id)
        registry.hits += remembered is not None
        known = remembered or await registry.client(issuer.name, client_id)
        outcome = _check(known, secret, secrets=secrets, now=now)
        if known is not None and known.imported and outcome == _WRONG_SECRET:
            outcome = await _check_imported(known, secret, service=service, now=now)
        if isinstance(outcome, Credential) and known is not None:
            return with_registered_method(known, outcome, presented.method, proof="secret")
        if isinstance(outcome, Failure) and outcome.reason != "unknown_client":
            failure = outcome
        if remembered is not None:
            # Timing: an unknown client costs a look into the store, so every refusal does.
            await registry.ask_store(issuer.name, client_id)
    raise refusal_of(presented.secret, failure.reason, issuer=issuer, registry=registry)


def _readings(presented: PresentedSecret) -> tuple[tuple[str, Secret], ...]:
    first = (presented.client_id, presented.secret)
    return (first,) if presented.raw_reading is None else (first, presented.raw_reading)


def _check(
    known: KnownClient | None, secret: Secret, *, secrets: SecretOffice, now: float
) -> Credential | Failure:
    # Timing: digest even when the client is unknown, compare with every secret there is.
    digest = secrets.digest_bytes(secret)
    matching = None
    for candidate in known.secrets if known is not None else ():
        if hmac.compare_digest(candidate.digest, digest):
            matching = candidate.credential
    if known is None:
        return Failure("unknown_client")
    return _WRONG_SECRET if matching is None else _usable(known, matching, now)


async def _check_imported(
    known: KnownClient, secret: Secret, *, service: Service, now: float
) -> Credential | Failure:
    matching = await service.imported_secrets.find(secret, known.imported)
    if matching is None:
        return _WRONG_SECRET
    outcome = _usable(known, matching, now)
    if isinstance(outcome, Credential):
        service.imported_secrets.replace(matching, known.client, secret)
    return outcome


def _usable(known: KnownClient, matching: Credential, now: float) -> Credential | Failure:
    if not matching.is_valid_at(now):
        return Failure("expired_secret")
    if not known.client.enabled:
        return Failure("client_disabled")
    return matching
