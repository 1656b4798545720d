"""Read the audit trail: search it, prove that nobody changed it, take it elsewhere."""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from tokenbooth.management.errors import BadInput, Missing, no_such
from tokenbooth.management.rights import require
from tokenbooth.server.audit import GENESIS, TYPES, entry_hash
from tokenbooth.server.audit_records import AuditEntry, AuditHead, EventFilter
from tokenbooth.server.bootstrap import Booth

MOST = 500
_PAGE = 1000
_WORDS: Mapping[str, str] = {str(name): text for name, text in TYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """An entry of the audit trail as people and programs see it."""

    seq: int
    at: datetime
    type: str
    text: str  # the type in words
    actor: str
    account: str | None
    issuer: str | None
    client_id: str | None
    subject: str | None
    source: str
    request_id: str
    reason: str
    count: int
    details: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadView:
    """The newest entry: who notes it elsewhere can prove later that nothing before was lost."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What the walk along the trail has found; `broken_at` is the first entry that is wrong."""

    entries: int  # that were looked at
    head: HeadView  # as far as the trail is good
    broken_at: int | None = None
    mistake: str = ""


def view_event(entry: AuditEntry) -> EventView:
    """Return what people see of an entry."""
    event = entry.event
    return EventView(
        seq=entry.seq,
        at=datetime.fromtimestamp(event.at, UTC),
        type=event.type,
        text=_WORDS.get(event.type, event.type),
        actor=event.actor,
        account=event.account,
        issuer=event.issuer,
        client_id=event.client_id,
        subject=event.subject,
        source=event.source,
        request_id=event.request_id,
        reason=event.reason,
        count=event.count,
        details=event.details,
        hash=entry.hash,
    )


async def search_events(
    booth: Booth, asked: EventFilter, *, before: int | None = None, limit: int = 100
) -> tuple[EventView, ...]:
    """Return matching entries, the newest first, starting below the number `before`.

    Whoever acts for an account sees that account's alone.
    """
    require(booth, "audit:read")
    own = booth.actor.account
    if own is not None:
        if asked.account not in (None, own):
            return ()
        asked = replace(asked, account=own)
    if asked.type is not None:
        asked = replace(asked, type=_known_type(asked.type))
    found = await booth.store.list_events(asked, before=before, limit=limit)
    return tuple(view_event(entry) for entry in found)


async def show_event(booth: Booth, seq: int) -> EventView:
    """Return the entry of that number; raises Missing."""
    require(booth, "audit:read")
    found = await booth.store.audit_trail(seq - 1, limit=1)
    own = booth.actor.account
    if not found or found[0].seq != seq or own not in (None, found[0].event.account):
        raise Missing(f"There is no entry {seq} in the audit trail.")
    return view_event(found[0])


async def trail_head(booth: Booth) -> HeadView:
    """Return the newest entry's number and hash."""
    require(booth, "audit:read", whole=True)
    head = await booth.store.audit_head()
    return HeadView(seq=head.seq, hash=head.hash)


async def export_events(
    booth: Booth, *, since: float | None = None, after: int = 0
) -> AsyncGenerator[EventView]:
    """Yield the entries behind the number `after` in their order, page by page."""
    require(booth, "audit:read", whole=True)
    while page := await booth.store.audit_trail(after, limit=_PAGE):
        for entry in page:
            if since is None or entry.event.at >= since:
                yield view_event(entry)
        after = page[-1].seq


async def verify_trail(
    booth: Booth,
    *,
    noted: HeadView | None = None,
    progress: Callable[[int, int], None] = lambda _seq, _last: None,
) -> Verification:
    """Walk along the trail from its beginning, or from a head that was noted before.

    Finds entries that were changed, put in, taken out or put elsewhere. Entries that were cut off
    at the end, and a trail that was made anew as a whole, show against a noted head alone.
    """
    require(booth, "audit:read", whole=True)
    last = await booth.store.audit_head()
    begin = GENESIS if noted is None else AuditHead(seq=noted.seq, hash=noted.hash)
    if begin.seq > 0:
        found = await booth.store.audit_trail(begin.seq - 1, limit=1)
        if not found or found[0].seq != begin.seq:
            return _broken(GENESIS, 0, begin.seq, "is missing, and was there when it was noted")
        if found[0].hash != begin.hash:
            return _broken(GENESIS, 0, begin.seq, "is not the one that was noted")
    good, entries = begin, 0
    while page := await booth.store.audit_trail(good.seq, limit=_PAGE):
        for entry in page:
            mistake = _mistake(good, entry)
            if mistake is not None:
                return _broken(good, entries, good.seq + 1, mistake)
            entries += 1
            good = AuditHead(seq=entry.seq, hash=entry.hash)
        progress(good.seq, max(last.seq, good.seq))
    now = await booth.store.audit_head()
    if good.seq < last.seq:
        return _broken(good, entries, good.seq + 1, "is missing: the end was cut off")
    if now.seq < good.seq or (now.seq == good.seq and now.hash != good.hash):
        return _broken(good, entries, good.seq, "is not the one that the trail's head names")
    return Verification(entries=entries, head=HeadView(seq=good.seq, hash=good.hash))


def read_head(text: str) -> HeadView:
    """Read a head as it was noted, SEQ:HASH; raises BadInput."""
    seq, colon, digest = text.strip().partition(":")
    is_hash = len(digest) == 64 and not set(digest) - set("0123456789abcdef")
    if not colon or not seq.isascii() or not seq.isdecimal() or len(seq) > 18 or not is_hash:
        raise BadInput("Write the head as it was printed: its number, a colon and its hash.")
    return HeadView(seq=int(seq), hash=digest)


def _mistake(before: AuditHead, entry: AuditEntry) -> str | None:
    if entry.seq != before.seq + 1:
        return "is missing"
    if entry.hash != entry_hash(before.hash, entry.seq, entry.event):
        return "was changed, or is not where it was"
    return None


def _broken(good: AuditHead, entries: int, seq: int, mistake: str) -> Verification:
    head = HeadView(seq=good.seq, hash=good.hash)
    return Verification(entries=entries, head=head, broken_at=seq, mistake=mistake)


def _known_type(name: str) -> str:
    """Return the type of that name, or the group that it begins; raises BadInput."""
    if name in TYPES:
        return name
    group = name if name.endswith("_") else f"{name}_"
    if any(known.startswith(group) for known in TYPES):
        return group
    raise BadInput(no_such("type of event", name, sorted(TYPES)))
