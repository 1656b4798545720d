"""The change feed: one number for the newest change, and the changes of the last hour."""

from collections.abc import Iterable

from sqlalchemy import Connection, delete, insert, or_, select, text, update

from tokenbooth.server.records import Change, ChangeKind
from tokenbooth.server.stores.rows import change_of
from tokenbooth.server.stores.tables import changes, feed

REMEMBERED_SECONDS = 3600
REMEMBERED_CHANGES = 10_000

CHANNEL = "tokenbooth_changes"  # of PostgreSQL, for nodes that listen
_TELL = text("SELECT pg_notify(:channel, '')").bindparams(channel=CHANNEL)

# Each time something new: SQLite writes nothing where a row stays as it is.
_TOUCH = text(
    """
    INSERT INTO claims (key, claimed_at, expires_at) VALUES ('check', 0, 0)
    ON CONFLICT (key) DO UPDATE SET claimed_at = claims.claimed_at + 1
    """
)

REVISION = select(feed.c.revision)


def announce(
    connection: Connection, announced: Iterable[tuple[ChangeKind, str, str]], *, now: float
) -> None:
    """Announce changes of (kind, issuer, id), in effect when the transaction commits.

    Call it before anything else: it takes the feed's row lock, so that two changes never run
    side by side, and what the first one checks is still so when it writes.
    """
    named = list(announced)
    if not named:
        return
    advanced = update(feed).values(revision=feed.c.revision + len(named))
    newest = connection.execute(advanced.returning(feed.c.revision)).scalar_one()
    connection.execute(
        insert(changes),
        [
            {"revision": revision, "at": now, "kind": kind, "issuer": issuer, "id": name}
            for revision, (kind, issuer, name) in enumerate(named, newest - len(named) + 1)
        ],
    )
    forgotten = or_(
        changes.c.revision <= newest - REMEMBERED_CHANGES, changes.c.at < now - REMEMBERED_SECONDS
    )
    connection.execute(delete(changes).where(forgotten))
    if connection.dialect.name == "postgresql":
        # Whoever listens hears of it when the transaction commits, and not before.
        connection.execute(_TELL)


def changes_since(connection: Connection, revision: int) -> tuple[Change, ...] | None:
    """Return the changes behind `revision`, or None unless every one is remembered."""
    found = connection.execute(
        select(changes).where(changes.c.revision > revision).order_by(changes.c.revision)
    ).all()
    newest = found[-1].revision if found else connection.execute(REVISION).scalar_one()
    if len(found) != newest - revision:
        return None
    return tuple(change_of(row) for row in found)


def touch(connection: Connection) -> None:
    """Write something, to see that the database can be written."""
    connection.execute(_TOUCH)
