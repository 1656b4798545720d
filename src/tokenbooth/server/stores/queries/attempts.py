"""Attempts to sign in that are taken to have failed, and how long the next one has to wait."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, text, update

from tokenbooth.server.people_records import AttemptBudget
from tokenbooth.server.stores.tables import sign_in_attempts as table

_MOST_DOUBLINGS = 32
# SQLite and PostgreSQL read this the same way.
_ENSURE = text(
    """
    INSERT INTO sign_in_attempts (key, failures, last_at, expires_at)
    VALUES (:key, 0, :now, :now) ON CONFLICT (key) DO NOTHING
    """
)
_SEEN = select(table.c.failures, table.c.last_at).where(table.c.key == bindparam("asked"))


def wait(connection: Connection, budgets: Sequence[AttemptBudget], now: float) -> float:
    """Return the seconds until all budgets allow an attempt, without counting one."""
    waits = [0.0]
    for budget in budgets:
        row = connection.execute(_SEEN, {"asked": budget.key}).first()
        if row is not None:
            waits.append(_wait(budget, *row, now=now))
    return max(waits)


def take(connection: Connection, budgets: Sequence[AttemptBudget], now: float) -> float:
    """Count an attempt under every key, unless one of them has to wait."""
    seen, waits = {}, [0.0]
    # In one order everywhere: two nodes that lock the same rows must not wait for each other.
    for budget in sorted(budgets, key=lambda each: each.key):
        connection.execute(_ENSURE, {"key": budget.key, "now": now})
        failures, last_at = connection.execute(_SEEN.with_for_update(), {"asked": budget.key}).one()
        waits.append(_wait(budget, failures, last_at, now=now))
        seen[budget] = _left(budget, failures, last_at, now=now)
    if max(waits):
        return max(waits)
    for budget, failures in seen.items():
        counted = failures + 1
        values = {
            "failures": counted,
            "last_at": now,
            "expires_at": now + counted * budget.forgiven_after,
        }
        connection.execute(update(table).where(table.c.key == budget.key).values(values))
    return 0.0


def give_back(connection: Connection, keys: Sequence[str]) -> None:
    """Count one failure less."""
    for key in sorted(keys):
        chosen = update(table).where(table.c.key == key, table.c.failures >= 1)
        connection.execute(chosen.values(failures=table.c.failures - 1))


def forget(connection: Connection, keys: Sequence[str]) -> None:
    """Delete what was counted under these keys."""
    connection.execute(delete(table).where(table.c.key.in_(sorted(keys))))


def _left(budget: AttemptBudget, failures: float, last_at: float, *, now: float) -> float:
    """Return the failures that are not forgiven yet."""
    return max(0.0, failures - max(0.0, now - last_at) / budget.forgiven_after)


def _wait(budget: AttemptBudget, failures: float, last_at: float, *, now: float) -> float:
    beyond = round(failures) - budget.free
    if beyond < 0:
        return 0.0
    pause: float = min(budget.longest, 2.0 ** min(beyond, _MOST_DOUBLINGS))
    # No longer than the pause, even where the clock was set back.
    return min(pause, max(0.0, last_at + pause - now))
