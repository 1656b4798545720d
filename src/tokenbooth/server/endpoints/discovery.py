"""What the issuer publishes of itself: metadata (RFC 8414) and key set (RFC 7517)."""

from hashlib import sha256
from typing import Any

import msgspec

from tokenbooth.protocol.errors import MethodNotAllowed
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.service import Service
from tokenbooth.server.signing import SignerUnavailable, sign_jwt
from tokenbooth.server.wire import JSON

_METADATA = "metadata"
# RFC 8725 §3.11: it never passes for an access token.
_TYP = "server-metadata+jwt"
MAX_AGE = 300  # seconds; keys are published ahead of use for longer than that
_CACHE = (b"cache-control", f"public, max-age={MAX_AGE}".encode())


async def metadata(
    exchange: Exchange, issuer: IssuerView, service: Service, _outcome: Outcome
) -> None:
    """Answer with the authorization server metadata, plain and signed."""
    await _document(exchange, await _with_signature(issuer, service.clock.now()), JSON)


async def key_set(
    exchange: Exchange, issuer: IssuerView, _service: Service, _outcome: Outcome
) -> None:
    """Answer with the public keys, current, next and retired."""
    await _document(exchange, issuer.keys.jwks, b"application/jwk-set+json")


async def _with_signature(issuer: IssuerView, now: float) -> bytes:
    """Return the metadata with itself as a JWT inside (RFC 8414 §2.1), signed once for a view."""
    known = issuer.documents.get(_METADATA)
    signer = issuer.keys.signing
    if known is not None or signer is None:
        return known or issuer.metadata
    members = msgspec.json.decode(issuer.metadata, type=dict[str, Any])
    claims = members | {"iss": issuer.url, "iat": int(now)}
    try:
        signed = await sign_jwt(claims, signer, typ=_TYP)
    except SignerUnavailable:
        # What is plain is as true as before, and clients need it; the next one asks again.
        return issuer.metadata
    document = msgspec.json.encode(members | {"signed_metadata": signed})
    return issuer.documents.setdefault(_METADATA, document)


async def _document(exchange: Exchange, document: bytes, content_type: bytes) -> None:
    if exchange.method not in ("GET", "HEAD"):
        raise MethodNotAllowed("This document is read with GET.", allow="GET, HEAD")
    etag = b'"' + sha256(document).hexdigest()[:32].encode() + b'"'
    headers = (_CACHE, (b"etag", etag), (b"access-control-allow-origin", b"*"))
    if exchange.header(b"if-none-match") == etag.decode():
        await exchange.answer(304, b"", content_type, headers)
    else:
        await exchange.answer(200, document, content_type, headers)
