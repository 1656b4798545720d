"""The client's TLS certificate: on token requests, and on the calls it makes (RFC 8705)."""

import logging
import ssl
import threading
from pathlib import Path
from typing import Never

from tokenbooth.client.errors import ConfigurationRefused
from tokenbooth.remote.fetch import Fetch, Request, Response
from tokenbooth.remote.per_process import PerProcess

# The files of certificate chain and private key, or the one file that holds both.
CertificateSource = str | tuple[str, str]

_log = logging.getLogger("tokenbooth.client")


class ClientCertificate:
    """Certificate and key from files, read anew when these change.

    What is shown is a TLS context: connections that are open keep their certificate.
    """

    def __init__(self, source: CertificateSource, context: ssl.SSLContext) -> None:
        files = (source, None) if isinstance(source, str) else tuple(source)
        if len(files) != 2 or not all(isinstance(each, str | None) for each in files):
            raise ConfigurationRefused(
                'Give certificate=("cert.pem", "key.pem"), or one file that holds both.'
            )
        self._certificate, self._key = (
            None if each is None else str(Path(each).expanduser()) for each in files
        )
        self.context = context
        self._lock = PerProcess(threading.Lock)
        self._stamp = self._stamp_now()
        self._load()

    def refresh(self) -> None:
        """Read the files anew if they changed; a damaged new one leaves the old in use."""
        with self._lock.get():
            stamp = self._stamp_now()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                self._load()
            except ConfigurationRefused as refused:
                _log.warning("the TLS certificate is not renewed: %s", refused)

    def _load(self) -> None:
        try:
            # A pair that does not fit would spoil the context for good, so it is tried apart.
            for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), self.context):
                context.load_cert_chain(
                    self._certificate or "", self._key, password=_refuse_password
                )
        except (OSError, ValueError) as error:
            files = " and ".join(filter(None, (self._certificate, self._key)))
            why = getattr(error, "strerror", None) if not isinstance(error, ssl.SSLError) else None
            raise ConfigurationRefused(
                f"Give a certificate and its unencrypted private key as PEM: {files} cannot be "
                f"used ({why or type(error).__name__})."
            ) from error

    def _stamp_now(self) -> tuple[tuple[int, int] | None, ...]:
        found: list[tuple[int, int] | None] = []
        for name in filter(None, (self._certificate, self._key)):
            try:
                status = Path(name).stat()
                found.append((status.st_mtime_ns, status.st_size))
            except OSError:
                found.append(None)
        return tuple(found)


class CertifiedFetch:
    """Sends requests over connections with the certificate of now."""

    def __init__(self, fetch: Fetch, certificate: ClientCertificate) -> None:
        self._fetch = fetch
        self._certificate = certificate

    def __call__(self, request: Request) -> Response:
        self._certificate.refresh()
        return self._fetch(request)


def _refuse_password() -> Never:
    # OpenSSL would otherwise ask for it on the terminal, and a service would hang.
    raise ValueError("the private key is encrypted")
