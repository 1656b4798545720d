"""Which TLS certificate did the client show? From the connection, or a trusted proxy (RFC 9440)."""

from collections.abc import Mapping
from typing import Any

from tokenbooth.protocol.certificate import CertificateRefused, ShownCertificate, read_pem
from tokenbooth.protocol.errors import InvalidRequest
from tokenbooth.protocol.forwarded_certificate import ForwardingHeader
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.service import Service

# Where our own listener leaves the certificate of a connection, in the ASGI state.
DER_KEY = "client_cert_der"
VERIFIED_KEY = "client_cert_is_verified"


def shown_certificate(exchange: Exchange, service: Service) -> ShownCertificate | None:
    """Return the certificate behind this request; raises InvalidRequest for an unreadable one."""
    scope = exchange.scope
    state = scope.get("state")
    if state is not None and DER_KEY in state:
        if state[DER_KEY] is not None:
            return ShownCertificate(der=state[DER_KEY], is_verified=state.get(VERIFIED_KEY) is True)
    elif scope.get("extensions"):
        shown = _from_extension(scope["extensions"].get("tls") or {})
        if shown is not None:
            return shown
    header = service.forwarding_header
    if header is None or not exchange.is_from(service.trusted_proxies):
        # RFC 9440 §4: whatever anybody else writes there is not even read.
        return None
    return _forwarded(exchange, header, is_verified=service.settings.proxied_certificates_verified)


def _forwarded(
    exchange: Exchange, header: ForwardingHeader, *, is_verified: bool
) -> ShownCertificate | None:
    try:
        der = header.certificate(exchange.headers(header.name))
    except CertificateRefused as refused:
        raise InvalidRequest(str(refused), reason="certificate_header") from refused
    return None if der is None else ShownCertificate(der=der, is_verified=is_verified)


def _from_extension(tls: Mapping[str, Any]) -> ShownCertificate | None:
    """Read the ASGI TLS extension, which other servers than ours have."""
    chain = tuple(tls.get("client_cert_chain") or ())
    if not chain:
        return None
    try:
        der = read_pem(chain[0].encode())
    except CertificateRefused as refused:
        raise InvalidRequest(str(refused), reason="certificate_unreadable") from refused
    return ShownCertificate(der=der, is_verified=not tls.get("client_cert_error"))
