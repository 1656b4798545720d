"""What clients ask for and what they are refused, counted: the data behind pictures and tables."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tokenbooth.management.activity.reasons import words_for
from tokenbooth.management.clients.lookup import find_client
from tokenbooth.management.errors import BadInput
from tokenbooth.management.moments import moment
from tokenbooth.management.rights import require
from tokenbooth.server.activity import HOUR, ISSUED
from tokenbooth.server.audit_records import Usage
from tokenbooth.server.bootstrap import Booth

Step = Literal["hour", "day"]

DAY = 86_400
TOP = 10
_STEPS: dict[Step, int] = {"hour": HOUR, "day": DAY}
_LONGEST = 400 * DAY
_MOST_STEPS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What came of all requests in one hour or day."""

    begins_at: datetime
    issued: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalCount:
    """How often requests were refused for one reason."""

    reason: str
    text: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCount:
    """What came of one client's requests."""

    issuer: str
    client_id: str
    issued: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """The counts of a time; counts appear within seconds."""

    since: datetime
    until: datetime
    step: Step
    issued: int
    refused: int
    spans: tuple[Span, ...]  # one for every hour or day, the oldest first
    refusals: tuple[RefusalCount, ...]  # the most frequent first
    clients: tuple[ClientCount, ...]  # those with the most requests


async def show_usage(
    booth: Booth,
    *,
    last: float = 7 * DAY,
    step: Step | None = None,
    issuer: str | None = None,
    client_id: str | None = None,
    account: str | None = None,
    top: int = TOP,
) -> UsageView:
    """Return the counts of the `last` seconds; raises BadInput, Missing or Ambiguous.

    `step` None is an hour for up to two days. Whoever acts for an account sees its clients alone.
    Clients that do not exist count under an empty id.
    """
    require(booth, "audit:read")
    if not HOUR <= last <= _LONGEST:
        raise BadInput("Ask for the last hour at least, and for 400 days at most.")
    chosen: Step = step or ("hour" if last <= 2 * DAY else "day")
    size = _STEPS[chosen]
    if last / size > _MOST_STEPS:
        raise BadInput(f"Ask for days: more than {_MOST_STEPS} hours make no picture.")
    own = booth.actor.account
    if client_id is not None:
        issuer = (await find_client(booth, client_id, issuer=issuer)).client.issuer
    now = booth.clock.now()
    until = (int(now) // size + 1) * size
    since = until - -(-int(last) // size) * size
    of = {"issuer": issuer, "client_id": client_id, "account": own or account}
    # Nobody's counts but its own, whatever account it asks for.
    sees_nothing = own is not None and account not in (None, own)
    by_span = () if sees_nothing else await booth.store.sum_usage(since=since, step=size, **of)
    by_client = (
        () if sees_nothing else await booth.store.busiest_clients(since=since, limit=top, **of)
    )
    spans = _spans(by_span, since, until, size)
    return UsageView(
        since=moment(since),
        until=moment(until),
        step=chosen,
        issued=sum(each.issued for each in spans),
        refused=sum(each.refused for each in spans),
        spans=spans,
        refusals=_refusals(by_span),
        clients=_clients(by_client),
    )


def _spans(counted: Iterable[Usage], since: int, until: int, size: int) -> tuple[Span, ...]:
    issued: dict[int, int] = defaultdict(int)
    refused: dict[int, int] = defaultdict(int)
    for each in counted:
        (issued if each.outcome == ISSUED else refused)[each.hour] += each.count
    return tuple(
        Span(begins_at=moment(at), issued=issued[at], refused=refused[at])
        for at in range(since, until, size)
    )


def _refusals(counted: Iterable[Usage]) -> tuple[RefusalCount, ...]:
    counts: dict[str, int] = defaultdict(int)
    for each in counted:
        if each.outcome != ISSUED:
            counts[each.outcome] += each.count
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return tuple(
        RefusalCount(reason=reason, text=words.why if (words := words_for(reason)) else "", count=n)
        for reason, n in ordered
    )


def _clients(counted: Iterable[Usage]) -> tuple[ClientCount, ...]:
    issued: dict[tuple[str, str], int] = {}
    refused: dict[tuple[str, str], int] = {}
    for each in counted:
        key = (each.issuer, each.client_id)
        is_issued = each.outcome == ISSUED
        issued[key] = issued.get(key, 0) + (each.count if is_issued else 0)
        refused[key] = refused.get(key, 0) + (0 if is_issued else each.count)
    found = [
        ClientCount(issuer=key[0], client_id=key[1], issued=issued[key], refused=refused[key])
        for key in issued
    ]
    return tuple(
        sorted(found, key=lambda one: (-one.issued - one.refused, one.issuer, one.client_id))
    )
