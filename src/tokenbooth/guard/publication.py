"""The guard's own document: which issuer and scopes its API takes (RFC 9728)."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from tokenbooth.protocol.dpop import PROOF_ALGORITHMS
from tokenbooth.protocol.resource_metadata import (
    ResourceRefused,
    resource_document,
    resource_metadata_url,
)
from tokenbooth.protocol.scope import Scope

MAX_AGE = 300  # seconds

_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Publication:
    """The document, where it belongs, and an ASGI application that answers with it."""

    def __init__(
        self,
        *,
        resource: str,
        issuer: str,
        scopes: Scope,
        name: str | None,
        is_dpop_required: bool,
    ) -> None:
        try:
            self.url = resource_metadata_url(resource)
        except ResourceRefused as error:
            raise ValueError(str(error)) from error
        self.path = urlsplit(self.url).path
        self.members: Mapping[str, Any] = resource_document(
            resource=resource,
            issuer=issuer,
            scopes=scopes.names,
            name=name,
            dpop_algorithms=PROOF_ALGORITHMS,
            is_dpop_required=is_dpop_required,
        )
        self._body = json.dumps(self.members).encode()

    async def __call__(
        self, scope: MutableMapping[str, Any], _receive: _Receive, send: _Send
    ) -> None:
        """Answer one request, to whoever asks: it comes before any token."""
        method = scope["method"]
        is_read = method in ("GET", "HEAD")
        body = self._body if is_read else b'{"error": "invalid_request"}'
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"access-control-allow-origin", b"*"),
            (b"cache-control", f"public, max-age={MAX_AGE}".encode() if is_read else b"no-store"),
            *(() if is_read else ((b"allow", b"GET, HEAD"),)),
        ]
        status = 200 if is_read else 405
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
