"""From values to the wire, in the issuer's dialect: the one place where errors become answers."""

import functools

import msgspec

from tokenbooth.protocol.dialects import Dialect
from tokenbooth.protocol.errors import (
    BadRegistrationToken,
    InvalidClient,
    MethodNotAllowed,
    OAuthError,
    RequestTooLarge,
    TemporarilyUnavailable,
    UseDpopNonce,
)
from tokenbooth.server.exchange import Exchange, Header, answer_headers
from tokenbooth.server.issuance import BEARER, Issued
from tokenbooth.server.issuer_view import IssuerView

JSON = b"application/json"
NO_STORE: Header = (b"cache-control", b"no-store")
NO_CACHE: Header = (b"pragma", b"no-cache")

HINT = b"tokenbooth-hint"

_encode = msgspec.json.Encoder().encode


async def send_issued(
    exchange: Exchange,
    issued: Issued,
    dialect: Dialect,
    *,
    dpop_nonce: str | None = None,
    hint: str | None = None,
) -> None:
    """Answer with the tokens under the dialect's names (RFC 6749 §5.1)."""
    headers = _cache_headers(dialect)
    if dpop_nonce is not None:  # RFC 9449 §8.2
        headers.append((b"dpop-nonce", dpop_nonce.encode()))
    if hint is not None:
        headers.append((HINT, hint.encode()))
    await exchange.answer(
        200, issued_body(issued, dialect), dialect.answer.content_type.encode(), headers
    )


def issued_body(issued: Issued, dialect: Dialect) -> bytes:
    """Return the tokens under the dialect's names (RFC 6749 §5.1)."""
    shape = dialect.answer
    members: dict[str, object] = {
        shape.access_token: issued.access_token.reveal(),
        shape.token_type: (
            shape.token_type_value if issued.token_type == BEARER else issued.token_type
        ),
        shape.expires_in: issued.expires_in,
    }
    if issued.scope:
        members[shape.scope] = str(issued.scope)
    if issued.authorization_details:  # RFC 9396 §7
        members["authorization_details"] = issued.authorization_details
    if issued.token_type_uri is not None:  # RFC 8693 §2.2.1
        members["issued_token_type"] = issued.token_type_uri
    if issued.refresh_token is not None:
        members[shape.refresh_token] = issued.refresh_token.reveal()
        if shape.refresh_expires_in:
            members[shape.refresh_expires_in] = issued.refresh_expires_in
    return _encode(members)


def issued_head(dialect: Dialect, *, length: int, request_id: str, hint: str | None) -> bytes:
    """Return the lines that `send_issued` puts above such a body, as they go over the wire."""
    shape = dialect.answer
    head = _issued_head(shape.content_type, pragma=shape.pragma) % (length, request_id.encode())
    return head if hint is None else b"%b%b: %b\r\n" % (head, HINT, hint.encode())


@functools.cache
def _issued_head(content_type: str, *, pragma: bool) -> bytes:
    """Return these lines with a gap for the length, and one for the request's id."""
    headers = answer_headers(content_type.replace("%", "%%").encode(), b"%d", b"%b")
    headers += [NO_STORE, NO_CACHE] if pragma else [NO_STORE]
    return b"".join([b"%b: %b\r\n" % header for header in headers])


async def send_refusal(exchange: Exchange, refusal: OAuthError, issuer: IssuerView) -> None:
    """Answer with the error as the dialect has it (RFC 6749 §5.2)."""
    dialect = issuer.dialect
    shape = dialect.errors.get(refusal.code)
    status, description = refusal.status, refusal.description
    if shape is not None:
        # A dialect's status replaces the standard one, not that of a more precise refusal.
        if shape.status is not None and refusal.status in (400, 401):
            status = shape.status
        if shape.description is not None:
            description = shape.description
    members = {"error": refusal.code}
    if description:
        members["error_description"] = description
    await exchange.answer(
        status,
        _encode(members),
        dialect.answer.content_type.encode(),
        [*_cache_headers(dialect), *_refusal_headers(refusal, status, issuer)],
    )


async def send_json(
    exchange: Exchange,
    members: dict[str, object],
    *,
    status: int = 200,
    headers: tuple[Header, ...] = (NO_STORE,),
) -> None:
    """Answer with a JSON object that is not to be stored unless `headers` say otherwise."""
    await exchange.answer(status, _encode(members), JSON, headers)


def _cache_headers(dialect: Dialect) -> list[Header]:
    return [NO_STORE, NO_CACHE] if dialect.answer.pragma else [NO_STORE]


def _refusal_headers(refusal: OAuthError, status: int, issuer: IssuerView) -> list[Header]:
    headers: list[Header] = []
    if isinstance(refusal, InvalidClient) and status == 401:
        # RFC 6749 §5.2: the scheme that the client can use.
        headers.append((b"www-authenticate", f'Basic realm="{issuer.name}"'.encode()))
    if isinstance(refusal, BadRegistrationToken):  # RFC 6750 §3
        headers.append((b"www-authenticate", b'Bearer error="invalid_token"'))
    if isinstance(refusal, MethodNotAllowed):
        headers.append((b"allow", refusal.allow.encode()))
    if isinstance(refusal, UseDpopNonce):
        headers.append((b"dpop-nonce", refusal.nonce.encode()))
    if isinstance(refusal, TemporarilyUnavailable):
        headers.append((b"retry-after", str(refusal.retry_after).encode()))
    if isinstance(refusal, RequestTooLarge) or refusal.reason == "slow_body":
        headers.append((b"connection", b"close"))
    return headers
