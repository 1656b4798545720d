"""What the issuer publishes of itself: metadata (RFC 8414) and key set (RFC 7517)."""

from hashlib import sha256

from tokenbooth.protocol.errors import MethodNotAllowed
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.service import Service
from tokenbooth.server.wire import JSON

MAX_AGE = 300  # seconds; keys are published ahead of use for longer than that
_CACHE = (b"cache-control", f"public, max-age={MAX_AGE}".encode())


async def metadata(
    exchange: Exchange, issuer: IssuerView, _service: Service, _outcome: Outcome
) -> None:
    """Answer with the authorization server metadata."""
    await _document(exchange, issuer.metadata, JSON)


async def key_set(
    exchange: Exchange, issuer: IssuerView, _service: Service, _outcome: Outcome
) -> None:
    """Answer with the public keys, current, next and retired."""
    await _document(exchange, issuer.keys.jwks, b"application/jwk-set+json")


async def _document(exchange: Exchange, document: bytes, content_type: bytes) -> None:
    if exchange.method not in ("GET", "HEAD"):
        raise MethodNotAllowed("This document is read with GET.", allow="GET, HEAD")
    etag = b'"' + sha256(document).hexdigest()[:32].encode() + b'"'
    headers = (_CACHE, (b"etag", etag), (b"access-control-allow-origin", b"*"))
    if exchange.header(b"if-none-match") == etag.decode():
        await exchange.answer(304, b"", content_type, headers)
    else:
        await exchange.answer(200, document, content_type, headers)
