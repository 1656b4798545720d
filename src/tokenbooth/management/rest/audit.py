"""/audit, /refusals and /usage: what happened, why requests were refused, and how many were."""

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BeforeValidator

from tokenbooth.management.activity import audit as management
from tokenbooth.management.activity import explain, usage
from tokenbooth.management.activity.audit import EventView, HeadView, Verification
from tokenbooth.management.activity.explain import Explanation, RefusalView
from tokenbooth.management.activity.usage import DAY, UsageView
from tokenbooth.management.errors import BadInput
from tokenbooth.management.rest.access import BoothHere, require
from tokenbooth.management.rest.bodies import OnlyIssuer
from tokenbooth.management.rest.pages import Asked, Page
from tokenbooth.management.rest.problems import responses
from tokenbooth.server.activity import HOUR
from tokenbooth.server.audit_records import EventFilter

router = APIRouter(tags=["audit"], dependencies=[require("audit:read")])

_Text = Annotated[str | None, Query(max_length=200)]
_Account = Annotated[str | None, Query(max_length=200, description="Only this account's.")]
_Client = Annotated[str | None, Query(max_length=200, description="Only this client's.")]


def _written_out(text: object) -> object:
    # Pydantic takes seconds since 1970, too, which the document does not promise.
    if isinstance(text, str) and not _DATE_AND_TIME.match(text):
        message = "write a time like 2026-11-22T09:00:00Z"
        raise ValueError(message)
    return text


_DATE_AND_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]", re.ASCII)
_Moment = Annotated[
    datetime | None,
    BeforeValidator(_written_out),
    Query(description="Like 2026-11-22T09:00:00Z; without an offset it is UTC."),
]


@router.get("/audit", responses=responses())
async def list_events(
    *,
    booth: BoothHere,
    asked: Asked,
    type: Annotated[
        str | None, Query(max_length=200, description="Or the beginning of types: credential.")
    ] = None,
    issuer: OnlyIssuer = None,
    client_id: _Client = None,
    account: _Account = None,
    actor: _Text = None,
    request_id: _Text = None,
    since: _Moment = None,
    until: _Moment = None,
    text: Annotated[
        str | None,
        Query(max_length=200, description="In its subject, reason, actor, source or client id."),
    ] = None,
) -> Page[EventView]:
    """List entries of the audit trail, the newest first."""
    found = await management.search_events(
        booth,
        EventFilter(
            account=account,
            issuer=issuer,
            client_id=client_id,
            type=type,
            actor=actor,
            request_id=request_id,
            since=_seconds(since),
            until=_seconds(until),
            text=text,
        ),
        before=_number(asked.after(1)),
        limit=asked.limit + 1,
    )
    return asked.page(found, lambda each: (str(each.seq),))


@router.get("/audit/head", responses=responses())
async def show_head(booth: BoothHere) -> HeadView:
    """Show the newest entry's number and hash.

    Note them elsewhere, to prove later that nothing before was changed or lost.
    """
    return await management.trail_head(booth)


@router.get("/audit/verification", responses=responses())
async def verify_trail(
    booth: BoothHere,
    noted: Annotated[
        str | None,
        Query(alias="from", max_length=100, description="A head that was noted: SEQ:HASH."),
    ] = None,
) -> Verification:
    """Walk along the trail, and find what was changed, put in, taken out or moved.

    `broken_at` is null where it is whole. It reads every entry: ask seldom, or from a noted head.
    """
    head = None if noted is None else management.read_head(noted)
    return await management.verify_trail(booth, noted=head)


@router.get("/refusals", responses=responses())
async def list_refusals(
    booth: BoothHere,
    asked: Asked,
    issuer: OnlyIssuer = None,
    client_id: _Client = None,
    account: _Account = None,
) -> Page[RefusalView]:
    """List refused requests, the newest first."""
    found = await explain.list_refusals(
        booth,
        issuer=issuer,
        client_id=client_id,
        account=account,
        before=_place(asked.after(2)),
        limit=asked.limit + 1,
    )
    return asked.page(found, lambda each: (str(each.at.timestamp()), each.request_id))


@router.get("/refusals/{request_id}", responses=responses(404))
async def explain_refusal(booth: BoothHere, request_id: str) -> Explanation:
    """Say why a request was refused, and what to do about it."""
    return await explain.explain_refusal(booth, request_id)


@router.get("/usage", responses=responses(404))
async def show_usage(
    *,
    booth: BoothHere,
    last: Annotated[int, Query(ge=HOUR, le=400 * DAY, description="Seconds.")] = 7 * DAY,
    step: Annotated[
        usage.Step | None, Query(description="Left out: an hour for up to two days.")
    ] = None,
    issuer: OnlyIssuer = None,
    client_id: _Client = None,
    account: _Account = None,
    top: Annotated[int, Query(ge=1, le=500, description="So many clients.")] = usage.TOP,
) -> UsageView:
    """Count issued tokens and refused requests: by time, by reason, and for the busiest clients."""
    return await usage.show_usage(
        booth,
        last=last,
        step=step,
        issuer=issuer,
        client_id=client_id,
        account=account,
        top=top,
    )


def _seconds(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _number(key: tuple[str, ...] | None) -> int | None:
    if key is None:
        return None
    (seq,) = key
    if not seq.isascii() or not seq.isdecimal() or len(seq) > 18:
        raise BadInput("This cursor is not from here: leave it out to begin at the first page.")
    return int(seq)


def _place(key: tuple[str, ...] | None) -> tuple[float, str] | None:
    if key is None:
        return None
    at, request_id = key
    try:
        return float(at), request_id
    except ValueError as error:
        raise BadInput(
            "This cursor is not from here: leave it out to begin at the first page."
        ) from error
