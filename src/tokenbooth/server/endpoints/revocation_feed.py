"""The revocation feed: what was taken back since a cursor, signed, for guards that follow it."""

from urllib.parse import parse_qsl

from tokenbooth.protocol.errors import InvalidRequest, MethodNotAllowed, TemporarilyUnavailable
from tokenbooth.protocol.revocation_feed import (
    CONTENT_TYPE,
    LINGER_SECONDS,
    MAX_CURSOR,
    MAX_ENTRIES,
    TYP,
    FeedEntry,
    FeedPage,
    feed_claims,
    mark,
)
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.issuer_view import IssuerView
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.records import Revocation
from tokenbooth.server.service import Service
from tokenbooth.server.signing import sign_jwt
from tokenbooth.server.stores.contract import Store

# Guards that ask at the same time may share an answer; it delays what they learn by a second.
_CACHE = (b"cache-control", b"public, max-age=1")


async def revocation_feed(
    exchange: Exchange, issuer: IssuerView, service: Service, outcome: Outcome
) -> None:
    """Answer with one page; public, since it names nothing to who does not hold the token."""
    if exchange.method not in ("GET", "HEAD"):
        raise MethodNotAllowed("The feed is read with GET.", allow="GET, HEAD")
    after = _cursor(exchange)
    signer = issuer.keys.signing
    if signer is None:
        raise TemporarilyUnavailable(
            "The issuer has no signing key in use.", reason="no_signing_key"
        )
    page = await _page(issuer, service.store, after, service.clock.now())
    outcome.answered("feed", after=after, entries=len(page.entries))
    body = (await sign_jwt(feed_claims(page), signer, typ=TYP)).encode("ascii")
    await exchange.answer(200, body, CONTENT_TYPE.encode(), (_CACHE,))


def _cursor(exchange: Exchange) -> int:
    asked: bytes = exchange.scope.get("query_string", b"")
    values = [value for name, value in parse_qsl(asked[:256].decode("latin-1")) if name == "after"]
    if not values:
        return 0
    text = values[0]
    if len(values) > 1 or not text.isascii() or not text.isdigit() or len(text) > 16:
        raise InvalidRequest("The parameter after is a cursor that the feed gave.")
    return min(int(text), MAX_CURSOR)


async def _page(issuer: IssuerView, store: Store, after: int, now: float) -> FeedPage:
    async def since(cursor: int) -> FeedPage | None:
        found = await store.revocations_since(
            issuer.name, cursor, now=now - LINGER_SECONDS, limit=MAX_ENTRIES
        )
        if found is None:
            return None
        return FeedPage(
            issuer=issuer.url,
            as_of=now,
            after=cursor,
            cursor=found.cursor,
            is_last=found.is_last,
            entries=tuple(_entry(issuer, each) for each in found.revocations),
        )

    # A cursor that the database has not reached: it was put back from a copy. Start over.
    page = await since(after) or await since(0)
    if page is None:
        raise TemporarilyUnavailable("The feed cannot be read now.", reason="feed_unreadable")
    return page


def _entry(issuer: IssuerView, revocation: Revocation) -> FeedEntry:
    return FeedEntry(
        mark=mark(issuer.url, revocation.key),
        expires_at=revocation.expires_at,
        before=revocation.before,
    )
