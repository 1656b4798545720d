"""What happened: the audit trail, refusals and counts."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    Connection,
    Select,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from tokenbooth.server.audit import next_entries
from tokenbooth.server.audit_records import (
    AuditEntry,
    AuditHead,
    Event,
    EventFilter,
    RefusedRequest,
    Usage,
)
from tokenbooth.server.stores.activity_rows import (
    entry_of,
    entry_row,
    refused_of,
    refused_row,
    usage_of,
    usage_row,
)
from tokenbooth.server.stores.tables import audit, audit_head, clients, refused_requests, usage

# SQLite and PostgreSQL read these the same way.
_COUNT = text(
    """
    INSERT INTO usage (hour, issuer, client_id, outcome, count)
    VALUES (:hour, :issuer, :client_id, :outcome, :count)
    ON CONFLICT (hour, issuer, client_id, outcome)
    DO UPDATE SET count = usage.count + excluded.count
    """
)
_KEEP_REFUSED = text(
    """
    INSERT INTO refused_requests
        (request_id, at, endpoint, status, error, reason, issuer, client_id, source, agent, method,
        credential_id)
    VALUES (:request_id, :at, :endpoint, :status, :error, :reason, :issuer, :client_id, :source,
        :agent, :method, :credential_id)
    ON CONFLICT (request_id) DO NOTHING
    """
)
_ENDS = usage.c.hour + 3600  # of a count


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Of which clients; None is any. Clients that do not exist are no account's.

    Nor is what was before a client was made: somebody else may have had its id then.
    """

    issuer: str | None
    client_id: str | None
    account: str | None

    def conditions(self, table: Table, ends: ColumnElement[float]) -> list[ColumnElement[bool]]:
        """Return what holds for the rows of a table with issuer and client id.

        `ends` is when what a row tells of was over.
        """
        found = [
            table.c[name] == value
            for name in ("issuer", "client_id")
            if (value := getattr(self, name)) is not None
        ]
        if self.account is not None:
            own = select(1).where(
                clients.c.issuer == table.c.issuer,
                clients.c.client_id == table.c.client_id,
                clients.c.account == self.account,
                clients.c.created_at <= ends,
            )
            found.append(own.exists())
        return found


def add_events(connection: Connection, events: Sequence[Event]) -> None:
    """Put events behind the trail; whoever else does so waits until the commit."""
    if not events:
        return
    # An update takes the row's lock on every engine, and returns what the last one left.
    locked = update(audit_head).values(seq=audit_head.c.seq).returning(audit_head)
    _, seq, newest = connection.execute(locked).one()
    entries = next_entries(AuditHead(seq=seq, hash=newest), events)
    connection.execute(insert(audit), [entry_row(entry) for entry in entries])
    last = entries[-1]
    connection.execute(update(audit_head).values(seq=last.seq, hash=last.hash))


def list_events(
    connection: Connection, asked: EventFilter, *, before: int | None, limit: int
) -> tuple[AuditEntry, ...]:
    """Return matching entries, the newest first."""
    chosen = select(audit).where(*_conditions(asked))
    if before is not None:
        chosen = chosen.where(audit.c.seq < before)
    return _entries(connection, chosen.order_by(audit.c.seq.desc()).limit(limit))


def audit_trail(connection: Connection, after: int, limit: int) -> tuple[AuditEntry, ...]:
    """Return entries in their order."""
    chosen = select(audit).where(audit.c.seq > after).order_by(audit.c.seq)
    return _entries(connection, chosen.limit(limit))


def head(connection: Connection) -> AuditHead:
    """Return the newest entry's number and hash."""
    _, seq, newest = connection.execute(select(audit_head)).one()
    return AuditHead(seq=seq, hash=newest)


def record(
    connection: Connection, counted: Iterable[Usage], refused: Iterable[RefusedRequest]
) -> None:
    """Add to the counts, and keep the refusals."""
    # In one order everywhere: two nodes that write the same rows must not wait for each other.
    rows = sorted(counted, key=lambda one: (one.hour, one.issuer, one.client_id, one.outcome))
    if rows:
        connection.execute(_COUNT, [usage_row(each) for each in rows])
    kept = [refused_row(request) for request in refused]
    if kept:
        connection.execute(_KEEP_REFUSED, kept)


def find_refused(connection: Connection, request_id: str) -> RefusedRequest | None:
    """Return the refusal of that request."""
    chosen = select(refused_requests).where(refused_requests.c.request_id == request_id)
    row = connection.execute(chosen).first()
    return None if row is None else refused_of(row)


def list_refused(
    connection: Connection,
    *,
    issuer: str | None,
    client_id: str | None,
    account: str | None,
    before: tuple[float, str] | None,
    limit: int,
) -> tuple[RefusedRequest, ...]:
    """Return refusals, the latest first."""
    table = refused_requests
    whose = Whose(issuer=issuer, client_id=client_id, account=account)
    chosen = select(table).where(*whose.conditions(table, table.c.at))
    if before is not None:
        at, request_id = before
        same = and_(table.c.at == at, table.c.request_id > request_id)
        chosen = chosen.where(or_(table.c.at < at, same))
    latest = chosen.order_by(table.c.at.desc(), table.c.request_id).limit(limit)
    return tuple(refused_of(row) for row in connection.execute(latest))


def list_usage(connection: Connection, *, since: float, of: Whose) -> tuple[Usage, ...]:
    """Return counts, the oldest first."""
    chosen = select(usage).where(usage.c.hour >= since, *of.conditions(usage, _ENDS))
    order = (usage.c.hour, usage.c.issuer, usage.c.client_id, usage.c.outcome)
    return tuple(usage_of(row) for row in connection.execute(chosen.order_by(*order)))


def sum_usage(connection: Connection, *, since: float, step: int, of: Whose) -> tuple[Usage, ...]:
    """Return the sums of all clients, the oldest first."""
    span = (usage.c.hour - usage.c.hour % step).label("span")
    chosen = (
        select(span, usage.c.outcome, func.sum(usage.c.count))
        .where(usage.c.hour >= since, *of.conditions(usage, _ENDS))
        .group_by(span, usage.c.outcome)
        .order_by(span, usage.c.outcome)
    )
    return tuple(
        Usage(hour=begin, issuer="", client_id="", outcome=outcome, count=int(count))
        for begin, outcome, count in connection.execute(chosen)
    )


def busiest_clients(
    connection: Connection, *, since: float, limit: int, of: Whose
) -> tuple[Usage, ...]:
    """Return the sums of those clients that count most."""
    wanted = (usage.c.hour >= since, *of.conditions(usage, _ENDS))
    most = (
        select(usage.c.issuer, usage.c.client_id)
        .where(*wanted)
        .group_by(usage.c.issuer, usage.c.client_id)
        .order_by(func.sum(usage.c.count).desc(), usage.c.issuer, usage.c.client_id)
        .limit(limit)
        .subquery()
    )
    same = and_(most.c.issuer == usage.c.issuer, most.c.client_id == usage.c.client_id)
    by = (usage.c.issuer, usage.c.client_id, usage.c.outcome)
    chosen = (
        select(*by, func.sum(usage.c.count)).join(most, same).where(*wanted).group_by(*by)
    ).order_by(*by)
    return tuple(
        Usage(
            hour=int(since), issuer=issuer, client_id=client_id, outcome=outcome, count=int(count)
        )
        for issuer, client_id, outcome, count in connection.execute(chosen)
    )


def forget(
    connection: Connection, *, refused_before: float, usage_before: float, most_refused: int
) -> None:
    """Delete old refusals and counts, and the oldest of too many refusals."""
    at = refused_requests.c.at
    newest_of_too_many = select(at).order_by(at.desc()).offset(most_refused).limit(1)
    excess = connection.execute(newest_of_too_many).scalar()
    before = (
        refused_before if excess is None else max(refused_before, math.nextafter(excess, math.inf))
    )
    connection.execute(delete(refused_requests).where(at < before))
    connection.execute(delete(usage).where(usage.c.hour < usage_before))


def _conditions(asked: EventFilter) -> list[ColumnElement[bool]]:
    found = [
        audit.c[name] == value
        for name in ("account", "issuer", "client_id", "actor", "request_id")
        if (value := getattr(asked, name)) is not None
    ]
    if asked.type is not None and asked.type.endswith("_"):
        found.append(func.substr(audit.c.type, 1, len(asked.type)) == asked.type)
    elif asked.type is not None:
        found.append(audit.c.type == asked.type)
    if asked.since is not None:
        found.append(audit.c.at >= asked.since)
    if asked.until is not None:
        found.append(audit.c.at < asked.until)
    if asked.text is not None:
        searched = ("subject", "reason", "actor", "source", "client_id")
        found.append(
            or_(*(audit.c[name].icontains(asked.text, autoescape=True) for name in searched))
        )
    return found


def _entries(connection: Connection, chosen: Select[tuple[object, ...]]) -> tuple[AuditEntry, ...]:
    return tuple(entry_of(row) for row in connection.execute(chosen))
