"""How PostgreSQL is reached, and what its errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tokenbooth.server.stores.contract import AlreadyExists, StoreError, StoreUnavailable

SCHEMES = ("postgresql://", "postgres://")

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 10.0
MIGRATION_SECONDS = 600.0
_MILLISECONDS = 1000

# What the server ends a statement for although nothing is wrong with it (SQLSTATE).
_COLLISIONS = {"40001", "40P01"}  # serialization failure, deadlock
_TAKEN_OR_GONE = {"23503", "23505"}  # a foreign key, a unique constraint
_MEANINGS = {
    "28": "refuses the user or the password",
    "3D": "has no database of that name",
    "53": "has no room for more connections or data",
    "57014": "took too long",
    "55P03": "took too long: another transaction holds a lock",
    "25006": "takes no writes: it is a standby",
    "42501": "refuses the user what the service needs",
}

# What is acknowledged must survive a crash, however the server is set up; stricter ways stay.
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)


def check_url(url: str) -> None:
    """Raise StoreUnavailable for a URL that cannot be read; it is not shown, for the password."""
    try:
        parse_url(url)
    except ValueError as error:
        raise StoreUnavailable(
            "The database's URL cannot be read. It is written"
            " postgresql://user:password@host:5432/name, with %-escapes where needed."
        ) from error


async def connect(url: str, *, statement_seconds: float = STATEMENT_SECONDS) -> asyncpg.Connection:
    """Open a connection on which nothing waits for ever."""
    connection = await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        command_timeout=statement_seconds + 5,
        server_settings=_settings(statement_seconds),
    )
    await connection.execute(_DURABLE)
    return connection


async def open_pool(url: str, *, size: int) -> asyncpg.Pool:
    """Open connections for statements that never change."""
    return await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        server_settings=_settings(STATEMENT_SECONDS),
    )


def _settings(statement_seconds: float) -> dict[str, str]:
    limit = str(int(statement_seconds * _MILLISECONDS))
    return {
        "application_name": "tokenbooth",
        "statement_timeout": limit,
        "lock_timeout": limit,
        "idle_in_transaction_session_timeout": limit,
    }


def shown(url: str) -> str:
    """Return where the database is, without the password."""
    hosts, path = parse_url(url)
    return f"postgresql://{hosts}{path}"


def parse_url(url: str) -> tuple[str, str]:
    """Return the hosts with their ports, and the path; raises ValueError."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2]
    for host in hosts.split(","):  # libpq takes several, of which one takes writes
        _ = urlsplit(f"//{host}").port
    return hosts, parts.path


def sqlstate(error: BaseException) -> str:
    """Return PostgreSQL's code of what went wrong; nothing when it never answered."""
    cause: BaseException | None = error
    while cause is not None:
        code = getattr(cause, "sqlstate", None)
        if isinstance(code, str):
            return code
        cause = getattr(cause, "orig", None) or cause.__cause__
    return ""


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, and another one may do."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    code = sqlstate(error)
    if code:
        # Connection exceptions, and a server that is told to stop.
        return code.startswith("08") or code in {"57P01", "57P02", "57P03"}
    return isinstance(error, (OSError, asyncpg.InterfaceError))


def is_collision(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is run again."""
    return sqlstate(error) in _COLLISIONS | _TAKEN_OR_GONE


@contextmanager
def as_store_errors(url: str) -> Iterator[None]:
    """Raise what the driver and SQLAlchemy raise as StoreError."""
    try:
        yield
    except IntegrityError as error:
        raise AlreadyExists("Something of that name is there already.") from error
    except (
        SQLAlchemyError,
        PoolTimeout,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        OSError,
        TimeoutError,
    ) as error:
        if isinstance(error, DBAPIError) and isinstance(error.orig, (UnicodeError, ValueError)):
            raise StoreError("A value is not one that a database can hold.") from error
        raise StoreUnavailable(f"The database {shown(url)} {_meaning(error)}.") from error
    except (OverflowError, UnicodeError, asyncpg.DataError) as error:
        raise StoreError("A value is not one that a database can hold.") from error


def _meaning(error: BaseException) -> str:
    code = sqlstate(error)
    if not code:
        return "cannot be reached"
    return _MEANINGS.get(code) or _MEANINGS.get(code[:2]) or f"refused a statement ({code})"
