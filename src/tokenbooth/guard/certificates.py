"""Which TLS certificate did the caller show? For tokens that are bound to one (RFC 8705 §3)."""

import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tokenbooth.guard.caller import Caller
from tokenbooth.protocol.certificate import CertificateRefused, read_pem, thumbprint
from tokenbooth.protocol.errors import InvalidToken, MalformedRequest
from tokenbooth.protocol.forwarded_certificate import ForwardingHeader
from tokenbooth.protocol.networks import is_within, parse_networks

# The certificate in DER, or what finds it: asked for those tokens alone that are bound to one.
Certificate = bytes | Callable[[], bytes | None] | None

_DER_KEY = "client_cert_der"


class CertificatePlaces:
    """Where an ASGI request's certificate is: on the connection, or in a trusted proxy's header."""

    def __init__(self, trusted_proxies: Iterable[str], header: str) -> None:
        if isinstance(trusted_proxies, str):
            trusted_proxies = (trusted_proxies,)
        try:
            self._networks = parse_networks(",".join(trusted_proxies))
            self._header = ForwardingHeader.parse(header)
        except ValueError as error:
            message = f"trusted_proxies and client_certificate_header: {error}"
            raise ValueError(message) from error

    def find(self, scope: Mapping[str, Any]) -> bytes | None:
        """Return the certificate in DER; raises MalformedRequest when it cannot be read."""
        # Some servers put it into the state, others fill in the ASGI TLS extension.
        der: bytes | None = (scope.get("state") or {}).get(_DER_KEY)
        chain = ((scope.get("extensions") or {}).get("tls") or {}).get("client_cert_chain")
        try:
            if der is None and chain:
                der = read_pem(next(iter(chain)).encode())
            return self._forwarded(scope) if der is None else der
        except CertificateRefused as refused:
            raise MalformedRequest(str(refused), reason="certificate_unreadable") from refused

    def _forwarded(self, scope: Mapping[str, Any]) -> bytes | None:
        peer = scope.get("client")
        # RFC 9440 §4: what anybody else writes there is not even read.
        if not self._networks or peer is None or not is_within(peer[0], self._networks):
            return None
        name = self._header.name
        values = [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]
        return self._header.certificate(tuple(values))


def check_certificate(caller: Caller, certificate: Certificate) -> None:
    """Refuse a token that is bound to a certificate which the caller did not show (RFC 8705 §3)."""
    bound_to = caller.confirmation.x5t if caller.confirmation is not None else None
    if bound_to is None:
        return
    shown = certificate() if callable(certificate) else certificate
    if shown is None:
        raise InvalidToken(
            "The token is bound to a TLS certificate: connect with that certificate.",
            reason="no_certificate",
        )
    if not hmac.compare_digest(thumbprint(shown), bound_to):
        raise InvalidToken(
            "The token is bound to another TLS certificate than the one of this connection.",
            reason="wrong_certificate",
        )
