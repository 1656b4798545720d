"""What became of requests: gathered in memory, written by the upkeep about once a second.

No request waits for it. A crash loses the last second, or with very many clients the last minute;
a store that is away loses nothing until the bounds below are reached. Everything is bounded, so
that an attack fills neither memory nor disk: what exceeds a bound is still counted, but no longer
one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from tokenbooth.clock import Clock
from tokenbooth.server.audit_records import Event, RefusedRequest, Usage
from tokenbooth.server.audit_windows import AuditWindows, Kind, Tally
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.kept_refusals import KeptRefusals
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.registry import Registry
from tokenbooth.server.stores.people_contract import ActivityStore
from tokenbooth.server.write_pace import rows_now

HOUR = 3600
ISSUED = "issued"  # the outcome of a token that was issued, beside the reasons of refusals

_MOST_FRESH = 20_000  # kinds of outcomes between two writes
_MOST_OF_STRANGERS = 100  # of which clients that were not known when they were refused
_MOST_USAGE = 50_000  # counts that wait to be written
_PER_WRITE = 500  # rows of each sort, so that one write takes milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    usage: Sequence[Usage]
    refused: Sequence[RefusedRequest]
    events: Sequence[tuple[Kind, Event]]

    def __bool__(self) -> bool:
        return bool(self.usage or self.refused or self.events)


class Activity:
    """Notes outcomes in memory; `write()` puts them into the store, one caller at a time."""

    def __init__(self, registry: Registry, clock: Clock, *, window: float) -> None:
        self._registry = registry
        self._clock = clock
        self._fresh: dict[Kind, Tally] = {}
        self._strangers = 0  # how many of the fresh kinds name clients that have to be looked up
        self._usage: dict[tuple[int, str, str, str], int] = {}
        self.refusals = KeptRefusals()
        self._windows = AuditWindows(window)

    @property
    def pending(self) -> int:
        """How many counts and refused requests wait to be written."""
        return len(self._fresh) + len(self._usage) + len(self.refusals)

    def note(self, exchange: Exchange, issuer: str, endpoint: str, outcome: Outcome) -> None:
        """Note what became of a request, if it is something to count."""
        if outcome.result == "issued":
            self.note_issued(issuer, outcome)
        elif outcome.result == "refused":
            self._refused(exchange, issuer, endpoint, outcome)
        elif outcome.result == "revoked":
            self._count("token_revoked", issuer, outcome, "")

    def note_issued(self, issuer: str, outcome: Outcome) -> None:
        """Note a token that was issued."""
        self._count("token_issued", issuer, outcome, "")

    def _count(self, type_: str, issuer: str, outcome: Outcome, request_id: str) -> None:
        client = outcome.client
        client_id = client.client_id if client is not None else ""
        kind = (type_, issuer, client_id, outcome.credential_id, outcome.source, outcome.reason)
        tally = self._fresh.get(kind)
        if tally is None:
            tally = self._open(kind)
            tally.account = client.account if client is not None else None
        tally.add(self._clock.now(), request_id)

    def _refused(self, exchange: Exchange, issuer: str, endpoint: str, outcome: Outcome) -> None:
        claimed = outcome.client_id
        if outcome.client is None:
            # Whoever failed to authenticate as a client that exists has just been compared to it.
            known = self._registry.remembered(issuer, claimed)
            outcome.client = known.client if known is not None else None
        is_known = outcome.client is not None
        now = self._clock.now()
        self.refusals.note(exchange, issuer, endpoint, outcome, now=now, is_known=is_known)
        if is_known or not claimed or outcome.reason == "unknown_client":
            self._count("token_refused", issuer, outcome, exchange.request_id)
            return
        kind = ("token_refused", issuer, claimed, "", outcome.source, outcome.reason)
        tally = self._fresh.get(kind)
        if tally is None:
            if self._strangers >= _MOST_OF_STRANGERS:
                self._count("token_refused", issuer, outcome, exchange.request_id)
                return
            tally = self._open(kind)
            tally.is_stranger = True
            self._strangers += 1
        tally.add(now, exchange.request_id)

    def _open(self, kind: Kind) -> Tally:
        if len(self._fresh) >= _MOST_FRESH:
            type_, issuer, *_, reason = kind
            kind = (type_, issuer, "", "", "", reason)
        return self._fresh.setdefault(kind, Tally())

    async def write(self, store: ActivityStore, *, everything: bool = False) -> None:
        """Write what is due; `everything` at the end. Raises StoreUnavailable, and loses nothing.

        Not to be cancelled: what was written would be written again.
        """
        await self._take_in()
        while True:
            batch = self._batch(everything=everything)
            if not batch:
                return
            await store.record_activity(
                usage=batch.usage,
                refused=batch.refused,
                events=[event for _, event in batch.events],
            )
            self._forget(batch)
            if not everything:
                return

    async def _take_in(self) -> None:
        """Turn what is fresh into counts of this hour and into events to come."""
        fresh, self._fresh, self._strangers = self._fresh, {}, 0
        now = self._clock.now()
        hour = int(now) // HOUR * HOUR
        for noted, tally in fresh.items():
            kind = await self._settled(noted, tally) if tally.is_stranger else noted
            type_, issuer, client_id, _, _, reason = kind
            if type_ != "token_revoked":
                counted = (hour, issuer, client_id, reason or ISSUED)
                if counted not in self._usage and len(self._usage) >= _MOST_USAGE:
                    counted = (hour, issuer, "", reason or ISSUED)
                self._usage[counted] = self._usage.get(counted, 0) + tally.count
            self._windows.add(kind, tally)

    async def _settled(self, kind: Kind, tally: Tally) -> Kind:
        """Return the kind without a client that does not exist: strangers grow no table."""
        type_, issuer, client_id, credential_id, source, reason = kind
        try:
            known = await self._registry.client(issuer, client_id)
        except Exception:  # noqa: BLE001 - a store that is away, or a damaged row: count it all the same
            known = None
        if known is None:
            return (type_, issuer, "", credential_id, source, reason)
        tally.account = known.client.account
        return kind

    def _batch(self, *, everything: bool) -> _Batch:
        usage, events = _PER_WRITE, _PER_WRITE
        if not everything:
            usage = rows_now(len(self._usage), most=_PER_WRITE)
            events = rows_now(len(self._windows), most=_PER_WRITE)
        return _Batch(
            usage=[
                Usage(hour=hour, issuer=issuer, client_id=client_id, outcome=outcome, count=count)
                for (hour, issuer, client_id, outcome), count in islice(self._usage.items(), usage)
            ],
            refused=self.refusals.pending(_PER_WRITE),
            events=self._windows.due(self._clock.now(), everything=everything, most=events),
        )

    def _forget(self, batch: _Batch) -> None:
        for each in batch.usage:
            counted = (each.hour, each.issuer, each.client_id, each.outcome)
            left = self._usage[counted] - each.count  # more may have come while it was written
            if left:
                self._usage[counted] = left
            else:
                del self._usage[counted]
        self.refusals.written(len(batch.refused))
        now = self._clock.now()
        for kind, event in batch.events:
            self._windows.written(kind, event.count, now)
