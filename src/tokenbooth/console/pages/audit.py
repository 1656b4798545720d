"""The audit trail: searching it, one entry, taking it elsewhere, proving that it is whole."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from tokenbooth.console.event_groups import EVENT_GROUPS
from tokenbooth.console.frame import Page, status_of
from tokenbooth.console.visit import Visit
from tokenbooth.management.activity import audit
from tokenbooth.management.activity.audit import EventView, Verification
from tokenbooth.management.errors import BadInput, ManagementError, Missing
from tokenbooth.management.moments import moment
from tokenbooth.management.people.accounts import list_accounts
from tokenbooth.server.audit_records import EventFilter
from tokenbooth.server.bootstrap import Booth

_PAGE = 50
_EXPORT_PAGE = 500
_ASKED = ("text", "type", "actor", "client", "account", "since", "until")
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of entries, and where the next one begins."""

    events: tuple[EventView, ...] = ()
    next_before: int | None = None


async def show_all(visit: Visit) -> Response:
    """Show the newest entries that match."""
    try:
        found = await _search(visit)
    except ManagementError as error:
        return await _show_all(visit, Found(), mistake=error)
    return await _show_all(visit, found)


async def show_one(visit: Visit) -> Response:
    """Show all that is known of one entry."""
    typed = str(visit.given["seq"])
    if not _is_number(typed):
        raise Missing("There is no such entry in the audit trail.")
    event = await audit.show_event(visit.booth, int(typed))
    changes = event.details.get("changes")
    return visit.render(
        "audit/entry.html",
        event=event,
        changes=_told_changes(visit, changes) if isinstance(changes, dict) else (),
        details=tuple(
            (name, _told(visit, name, value))
            for name, value in event.details.items()
            if name != "changes"
        ),
    )


async def export(visit: Visit) -> Response:
    """Send everything that matches as JSON lines, the newest first."""
    asked = _filter(visit)
    # Before anything is sent: what is wrong with the question can be said now alone.
    first = await audit.search_events(visit.booth, asked, limit=_EXPORT_PAGE)
    return StreamingResponse(
        _lines(visit.booth, asked, first),
        media_type="application/jsonl",
        headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
    )


async def verify(visit: Visit) -> Response:
    """Walk along the whole trail, and tell whether it is as it was written."""
    typed = visit.form.text("noted")
    try:
        noted = audit.read_head(typed) if typed else None
        verification = await audit.verify_trail(visit.booth, noted=noted)
        found = await _search(visit)
    except ManagementError as error:
        return await _show_all(visit, Found(), mistake=error)
    return await _show_all(visit, found, verification=verification)


async def back(visit: Visit) -> Response:
    """Lead whoever loads the answer of `verify` again to the trail."""
    return visit.redirect("/audit")


async def _show_all(
    visit: Visit,
    found: Found,
    *,
    mistake: ManagementError | None = None,
    verification: Verification | None = None,
) -> Response:
    is_whole = visit.booth.actor.account is None
    query = _query(visit)
    return visit.render(
        "audit/found.html" if visit.is_fragment else "audit/list.html",
        status=status_of(mistake),
        mistake=mistake,
        found=found,
        query=query,
        is_asked=bool(query),
        is_first="before" not in visit.query,
        groups=EVENT_GROUPS,
        accounts=await list_accounts(visit.booth) if is_whole else (),
        is_whole=is_whole,
        head=await audit.trail_head(visit.booth) if is_whole else None,
        verification=verification,
    )


async def _search(visit: Visit) -> Found:
    before = visit.query.get("before")
    if before is not None and not _is_number(before):
        raise BadInput("The page asked for is none: begin with the newest entries.")
    events = await audit.search_events(
        visit.booth,
        _filter(visit),
        before=None if before is None else int(before),
        limit=_PAGE + 1,
    )
    shown = events[:_PAGE]
    return Found(events=shown, next_before=shown[-1].seq if len(events) > _PAGE else None)


def _query(visit: Visit) -> dict[str, str]:
    """Return what is asked for, as it was typed."""
    asked = {name: visit.query.get(name, "").strip()[:_LONGEST] for name in _ASKED}
    return {name: text for name, text in asked.items() if text}


def _filter(visit: Visit) -> EventFilter:
    asked = _query(visit)
    return EventFilter(
        account=asked.get("account"),
        client_id=asked.get("client"),
        type=asked.get("type"),
        actor=asked.get("actor"),
        since=_time("since", asked.get("since")),
        until=_time("until", asked.get("until")),
        text=asked.get("text"),
    )


def _time(name: str, typed: str | None) -> float | None:
    """Read what <input type="datetime-local"> sends, as UTC; raises BadInput."""
    if typed is None:
        return None
    try:
        read = datetime.fromisoformat(typed)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except ValueError as error:
        raise BadInput(f"Write the time of {name!r} like 2026-01-31T15:00.") from error


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


async def _lines(
    booth: Booth, asked: EventFilter, page: tuple[EventView, ...]
) -> AsyncGenerator[bytes]:
    while page:
        yield b"".join(msgspec.json.encode(event) + b"\n" for event in page)
        if len(page) < _EXPORT_PAGE:
            return
        page = await audit.search_events(booth, asked, before=page[-1].seq, limit=_EXPORT_PAGE)


def _told_changes(visit: Visit, changes: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Return each field with its old and new value, in text."""
    told = []
    for name, pair in changes.items():
        old, new = pair if isinstance(pair, (list, tuple)) and len(pair) == 2 else (None, pair)
        told.append((name, _told(visit, name, old), _told(visit, name, new)))
    return tuple(told)


def _told(visit: Visit, name: str, value: object) -> str:
    """Return a value as people read it; times are seconds where they are stored."""
    if value is None or isinstance(value, str):
        return value or ""
    if name.endswith("_at") and isinstance(value, (int, float)):
        return visit.templates.moment(moment(value))
    return msgspec.json.encode(value).decode()


PAGES = (
    Page(path="/audit", show=show_all, right="audit:read"),
    Page(path="/audit/export", show=export, right="audit:read"),
    Page(path="/audit/verify", show=back, act=verify, right="audit:read"),
    Page(path="/audit/{seq:int}", show=show_one, right="audit:read"),
)
