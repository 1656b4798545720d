"""How long a database server may keep us waiting, and how many connections we take of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLimits:
    """For PostgreSQL; a file has no use for them. Seconds are above zero."""

    pool_size: int = 8  # connections of one process, for each of the two ways to ask
    connect_seconds: float = 5.0  # until a server, or a free connection, is there
    statement_seconds: float = 10.0
    lock_seconds: float = 5.0  # waiting for others' changes, part of a statement's time
    # What a migration waits for its locks; everybody who comes after it waits behind it.
    migration_lock_seconds: float = 2.0
    migration_seconds: float = 600.0  # for its statements, and for another node's migration
    migration_tries: int = 30


DEFAULT_LIMITS = DatabaseLimits()
