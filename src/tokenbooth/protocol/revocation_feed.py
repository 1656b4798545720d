"""The revocation feed: what an issuer took back, signed, page by page; no RFC has one yet.

A page is a JWT of its own type. Entries name tokens by marks, digests of what a token says: who
holds the token can compute them, and who does not learns nothing from them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tokenbooth.protocol import base64url
from tokenbooth.protocol.errors import ProtocolError
from tokenbooth.protocol.jwt import VerifiedClaims

TYP = "revocation-feed+jwt"
CONTENT_TYPE = f"application/{TYP}"
MAX_ENTRIES = 1000  # in a page
MAX_PAGE_LENGTH = 256 * 1024
MAX_CURSOR = 2**53 - 1
MAX_EARLIER_KEYS = 64  # by which the tokens behind an exchanged token can be revoked
# Entries stay so long after their token expired: the most leeway that a guard may give.
LINGER_SECONDS = 120.0

_MARK_BYTES = 16
_MAX_CLOCK_SKEW = 60.0


class FeedRefused(ProtocolError):
    """A page of the feed that cannot be believed; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """Tokens with this mark are revoked: all of them, or those issued at or before `before`."""

    mark: bytes
    expires_at: float
    before: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """What came after a cursor, and the cursor to ask with next."""

    issuer: str
    as_of: float  # by the issuer's clock
    after: int
    cursor: int
    is_last: bool  # False: ask again at once
    entries: tuple[FeedEntry, ...]


def revocation_keys(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Return everything by which a token with these claims can be revoked."""
    keys = [f"jti:{claims.get('jti')}", f"client:{claims.get('client_id')}", "issuer:"]
    # Ours have these as text; what another issuer puts there is nobody's key.
    if isinstance(family := claims.get("sid"), str):
        keys.append(f"sid:{family}")
    if isinstance(credential := claims.get("credential_id"), str):
        keys.append(f"credential:{credential}")
    # An exchanged token ends with those it was exchanged for.
    if isinstance(earlier := claims.get("rests_on"), list):
        keys += [key for key in earlier[:MAX_EARLIER_KEYS] if isinstance(key, str)]
    return tuple(keys)


def signing_key_name(kid: str) -> str:
    """Return by what everything that one key signed is revoked, whatever it says."""
    return f"key:{kid}"


def mark(issuer: str, key: str) -> bytes:
    """Return what stands for `key` in the feed of that issuer."""
    # The length keeps issuer and key apart, wherever one ends and the other begins.
    named = f"{len(issuer)}:{issuer}{key}".encode("utf-8", "surrogatepass")
    return sha256(named).digest()[:_MARK_BYTES]


def feed_claims(page: FeedPage) -> dict[str, object]:
    """Return the claims to sign."""
    return {
        "iss": page.issuer,
        "iat": int(page.as_of),
        "after": page.after,
        "cursor": page.cursor,
        "last": page.is_last,
        "revoked": [_written(entry) for entry in page.entries],
    }


def _written(entry: FeedEntry) -> list[object]:
    written: list[object] = [
        base64url.encode(entry.mark).decode("ascii"),
        math.ceil(entry.expires_at),
    ]
    return written if entry.before is None else [*written, entry.before]


def read_feed(
    claims: VerifiedClaims, *, typ: str | None, issuer: str, after: int, now: float
) -> FeedPage:
    """Return the page that answers for `after`, or the first one when the issuer starts over.

    Raises FeedRefused for another kind of JWT, another issuer's, and one that leaves a gap.
    """
    if typ != TYP:  # RFC 8725 §3.11: what is signed for another purpose says nothing here
        raise FeedRefused("The feed is a JWT of another kind.")
    if claims.get("iss") != issuer:
        raise FeedRefused("The feed is of another issuer.")
    page = FeedPage(
        issuer=issuer,
        as_of=_number(claims.get("iat")),
        after=_count(claims.get("after")),
        cursor=_count(claims.get("cursor")),
        is_last=claims.get("last") is True,
        entries=_entries(claims.get("revoked")),
    )
    if page.as_of > now + _MAX_CLOCK_SKEW:
        raise FeedRefused("The feed is from the future; one of the two clocks is wrong.")
    if page.after not in (after, 0):
        raise FeedRefused("The feed leaves out what came after the last page.")
    if page.cursor < page.after or (page.cursor == page.after and page.entries):
        raise FeedRefused("The feed's numbers go backwards.")
    if page.cursor == page.after and not page.is_last:
        raise FeedRefused("The feed does not get on.")
    return page


def _entries(value: object) -> tuple[FeedEntry, ...]:
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        raise FeedRefused("The feed has no list of revocations, or too long a one.")
    return tuple(_entry(each) for each in value)


def _entry(value: object) -> FeedEntry:
    if not isinstance(value, list) or len(value) not in (2, 3) or not isinstance(value[0], str):
        raise FeedRefused("An entry of the feed is malformed.")
    try:
        named = base64url.decode(value[0].encode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise FeedRefused("An entry of the feed is malformed.") from error
    if len(named) != _MARK_BYTES:
        raise FeedRefused("An entry of the feed is malformed.")
    before = _number(value[2]) if len(value) == 3 else None
    return FeedEntry(mark=named, expires_at=_number(value[1]), before=before)


def _number(value: object) -> float:
    # bool is an int in Python, and 1e999 is an infinite float in JSON.
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:
        return float(value)
    raise FeedRefused("A time in the feed is missing or no number.")


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_CURSOR:
        return value
    raise FeedRefused("A cursor in the feed is missing or no whole number.")
