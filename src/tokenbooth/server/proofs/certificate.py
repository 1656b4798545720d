"""tls_client_auth and self_signed_tls_client_auth: the client showed its certificate (RFC 8705)."""

from dataclasses import replace

from tokenbooth.protocol.certificate import (
    TLS,
    TLS_METHODS,
    CertificateRefused,
    ClientCertificate,
    ShownCertificate,
    read_certificate,
    thumbprint,
)
from tokenbooth.protocol.client_auth import PresentedCertificate
from tokenbooth.protocol.confirmation import Confirmation
from tokenbooth.protocol.errors import InvalidClient, InvalidRequest
from tokenbooth.server.authenticated import REFUSAL, AuthenticatedClient, with_registered_method
from tokenbooth.server.client_certificates import KnownCertificate
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.policy import Decision
from tokenbooth.server.registry import KnownClient
from tokenbooth.server.service import Service


async def prove(
    presented: PresentedCertificate, issuer: IssuerView, service: Service, now: float
) -> AuthenticatedClient:
    """Return the client that the certificate is registered for; raises InvalidClient."""
    try:
        certificate = read_certificate(presented.certificate.der)
    except CertificateRefused as refused:
        raise InvalidClient(str(refused), reason="certificate_unreadable") from refused
    client_id = presented.client_id
    remembered = service.registry.remembered(issuer.name, client_id)
    known = remembered or await service.registry.client(issuer.name, client_id)
    found = _matching(known, certificate, presented.certificate, now)
    if isinstance(found, str) or known is None:
        if remembered is not None:
            # Timing: an unknown client costs a look into the store, so every refusal does.
            await service.registry.ask_store(issuer.name, client_id)
        raise InvalidClient(REFUSAL, reason=str(found))
    return with_registered_method(known, found.credential, found.method, proof="certificate")


def refuse_second_method(caller: AuthenticatedClient, shown: ShownCertificate | None) -> None:
    """Raise InvalidRequest when a client that proves itself by certificate also did otherwise."""
    if shown is None or caller.method in TLS_METHODS:
        return
    if not set(TLS_METHODS).isdisjoint(caller.client.auth_methods):  # RFC 6749 §2.3
        raise InvalidRequest(
            "Use one: the TLS certificate or another client authentication. Received both.",
            reason="two_methods",
        )


def bind_to_certificate(
    decision: Decision, shown: ShownCertificate | None, caller: AuthenticatedClient
) -> Decision:
    """Bind what will be issued to the certificate of the connection (RFC 8705 §3).

    So it is for clients that authenticate by certificate, unless they are exempt, and for those
    that get bound tokens only, however they authenticate.
    """
    wanted = caller.client.policy.certificate_bound
    if wanted is None:
        wanted = caller.method in TLS_METHODS
    if not wanted:
        return decision
    if shown is None:
        raise InvalidRequest(
            "This client gets certificate-bound tokens only: connect with a TLS certificate.",
            reason="no_certificate",
        )
    jkt = decision.confirmation.jkt if decision.confirmation else None
    return replace(decision, confirmation=Confirmation(jkt=jkt, x5t=thumbprint(shown.der)))


def _matching(
    known: KnownClient | None,
    certificate: ClientCertificate,
    shown: ShownCertificate,
    now: float,
) -> KnownCertificate | str:
    """Return by what the certificate was recognised, or the reason why it was not."""
    if known is None:
        return "unknown_client"
    matching = [each for each in known.certificates if each.matches(certificate)]
    if not matching:
        return "wrong_certificate"
    # Anybody can write any name into a certificate: a name counts if an authority vouches for it.
    trusted = [each for each in matching if shown.is_verified or each.method != TLS]
    if not trusted:
        return "unverified_certificate"
    valid = [each for each in trusted if each.credential.is_valid_at(now)]
    if not valid:
        return "expired_credential"
    if not certificate.is_valid_at(now):
        return "certificate_out_of_date"
    if not known.client.enabled:
        return "client_disabled"
    usable = (each for each in valid if each.method in known.client.auth_methods)
    return next(usable, valid[0])
