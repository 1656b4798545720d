"""Our own TLS: the service's certificate, and which certificates of clients are let in.

A trust store that TLS uses can only grow while the service runs, and a registered certificate in
it could vouch for others. So TLS alone decides nothing: what a client showed is compared with what
is registered, and a name in a certificate counts only if the chain ends at an authority that the
operator named.
"""

import asyncio
import contextlib
import hashlib
import signal
import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Never, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tokenbooth.protocol.certificate import (
    CertificateRefused,
    ClientCertificate,
    read_certificate,
)
from tokenbooth.server.logs import Logger
from tokenbooth.server.settings import Settings, SettingsRefused

_DER = 2  # OpenSSL's number for the encoding, which the ssl module keeps to itself before 3.13


class TlsListener:
    """The TLS context of one process, and what it was told to trust."""

    def __init__(self, *, certificate: str, key: str, client_ca: str | None, asks: bool) -> None:
        self._certificate, self._key, self._client_ca = certificate, key, client_ca
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._authorities: frozenset[bytes] = frozenset()
        self._authority_names: frozenset[str] = frozenset()
        self._let_in: set[str] = set()
        if asks:
            self.context.verify_mode = ssl.CERT_OPTIONAL
            # A registered certificate is found as it is, also when others have the same subject.
            self.context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            # A resumed connection no longer knows the chain on which its certificate rested.
            self.context.options |= ssl.OP_NO_TICKET
            self.context.num_tickets = 0
        self.reload()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the listener that the settings describe; raises SettingsRefused."""
        return cls(
            certificate=settings.tls_cert or "",
            key=settings.tls_key or "",
            client_ca=settings.tls_client_ca,
            asks=settings.asks_for_certificates,
        )

    def reload(self) -> None:
        """Read the files anew, for connections to come; raises SettingsRefused, changing nothing.

        What is no longer in the file of authorities counts no more, though TLS lets it in.
        """
        authorities = self._read_authorities()
        try:
            # A pair that does not fit would spoil the context for good, so it is tried apart.
            for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.context):
                context.load_cert_chain(self._certificate, self._key, password=_refuse_password)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise SettingsRefused(
                f"TOKENBOOTH_TLS_CERT and TOKENBOOTH_TLS_KEY ({self._certificate}, {self._key}) "
                f"cannot be used: {why}"
            ) from error
        for authority in authorities:
            self.context.load_verify_locations(cadata=authority.der)
        self._authorities = frozenset(_digest(authority.der) for authority in authorities)
        self._authority_names = frozenset(map(_name_of, authorities))

    def let_in(self, certificates: Iterable[ClientCertificate]) -> None:
        """Let these registered certificates pass TLS from now on, to be compared afterwards."""
        for certificate in certificates:
            if _name_of(certificate) in self._authority_names:
                continue  # TLS could take it for the authority, and refuse all of its clients
            if certificate.thumbprint not in self._let_in:
                self._let_in.add(certificate.thumbprint)
                # What OpenSSL cannot read could not connect either.
                with contextlib.suppress(ssl.SSLError):
                    self.context.load_verify_locations(cadata=certificate.der)

    def vouches_for(self, ssl_object: ssl.SSLObject) -> bool:
        """Whether an authority that the operator named vouches for this connection's client."""
        root = _root_of(ssl_object)
        return root is not None and _digest(root) in self._authorities

    @contextlib.contextmanager
    def reloading(self, log: Logger) -> Iterator[None]:
        """Read the files anew whenever SIGHUP comes, while inside."""

        def reload() -> None:
            try:
                self.reload()
                log.info("tls_reloaded")
            except SettingsRefused as refused:
                # What served so far goes on: a half-written file must not end the service.
                log.warning("tls_not_reloaded", reason=str(refused))

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, reload)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)

    def _read_authorities(self) -> list[ClientCertificate]:
        if self._client_ca is None:
            return []
        try:
            found = x509.load_pem_x509_certificates(Path(self._client_ca).read_bytes())
            return [read_certificate(each.public_bytes(Encoding.DER)) for each in found]
        except (OSError, ValueError, CertificateRefused) as error:
            why = error.strerror if isinstance(error, OSError) else "it holds no PEM certificates"
            raise SettingsRefused(f"TOKENBOOTH_TLS_CLIENT_CA ({self._client_ca}): {why}") from error


def _root_of(ssl_object: Any) -> bytes | None:  # noqa: ANN401 - its public face depends on Python
    if hasattr(ssl_object, "get_verified_chain"):  # Python >= 3.13
        chain = ssl_object.get_verified_chain()
        return chain[-1] if chain else None
    chain = ssl_object._sslobj.get_verified_chain()  # noqa: SLF001 - not public before 3.13
    return chain[-1].public_bytes(_DER) if chain else None


def _refuse_password() -> Never:
    # OpenSSL would otherwise ask for it on the terminal, where nobody sits.
    raise ValueError("the private key is encrypted")


def _name_of(certificate: ClientCertificate) -> str:
    # As loosely as OpenSSL compares names: without regard to case and repeated spaces.
    return " ".join(certificate.subject_dn.casefold().split())


def _digest(der: bytes) -> bytes:
    return hashlib.sha256(der).digest()
