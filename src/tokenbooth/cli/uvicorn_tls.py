"""uvicorn with our TLS: it hands the client's certificate to the application (RFC 8705 §2)."""

import asyncio
import functools
import os
import ssl
from collections.abc import Callable

import uvicorn

from tokenbooth.cli.uvicorn_repeats import RepeatingProtocol
from tokenbooth.server.settings import Settings
from tokenbooth.server.shown_certificate import DER_KEY, VERIFIED_KEY
from tokenbooth.server.tls_listener import TlsListener


@functools.cache
def listener() -> TlsListener:
    """Return this process' TLS, made from the environment that its parent left."""
    return TlsListener.of(Settings.load(os.environ))


def make_context(_config: uvicorn.Config, _default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Return the context in which uvicorn serves."""
    return listener().context


class CertificateProtocol(RepeatingProtocol):
    """HTTP/1.1 over TLS that remembers which certificate the connection was made with.

    It leans on `app_state`, which uvicorn keeps to itself and copies into every request's scope;
    pyproject.toml pins the versions, and a test holds it.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the certificate before the first request is read."""
        ssl_object = transport.get_extra_info("ssl_object")
        der = ssl_object.getpeercert(binary_form=True) if ssl_object else None
        is_verified = der is not None and listener().vouches_for(ssl_object)
        self.app_state = {**self.app_state, DER_KEY: der, VERIFIED_KEY: is_verified}
        super().connection_made(transport)
        if der is not None:  # what it says is not in the bytes of a request
            self.repeat = None
