"""uvicorn for an API that takes certificate-bound tokens without a proxy in front (RFC 8705 §3).

uvicorn.run(app, http=CertificateProtocol, ssl_certfile=..., ssl_keyfile=...,
            ssl_cert_reqs=ssl.CERT_OPTIONAL, ssl_ca_certs=...)
"""

import asyncio

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
except ModuleNotFoundError as error:
    raise ImportError("Install uvicorn and httptools, which this needs.") from error

DER_KEY = "client_cert_der"


class CertificateProtocol(HttpToolsProtocol):
    """HTTP/1.1 that leaves the certificate of the connection where the guard looks for it.

    It leans on `app_state`, which uvicorn keeps to itself and copies into every request's scope.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the certificate before the first request is read."""
        ssl_object = transport.get_extra_info("ssl_object")
        der = ssl_object.getpeercert(binary_form=True) if ssl_object else None
        self.app_state = {**self.app_state, DER_KEY: der}
        super().connection_made(transport)  # type: ignore[arg-type] # uvicorn narrows asyncio's own type
