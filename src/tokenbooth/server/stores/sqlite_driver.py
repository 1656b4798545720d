"""The one SQLite of this process: which build, how a file is opened, and what its errors mean."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import NullPool, create_engine, event
from sqlalchemy.engine import Engine as SqlEngine
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from tokenbooth.server.stores.contract import AlreadyExists, StoreError, StoreUnavailable

try:
    import pysqlite3.dbapi2 as driver
except ImportError:  # built without it: the standard library's may do
    import sqlite3 as driver  # its version is checked like any other

# Both builds are the same module to their users, and only one has types.
DriverConnection: TypeAlias = Any
Cursor: TypeAlias = Any

# Older ones can corrupt a database in WAL mode when two connections write or checkpoint at once.
OLDEST = (3, 51, 3)

READ_WAIT = 2.0  # seconds; readers wait only for the recovery after a crash
WRITE_WAIT = 10.0  # seconds; for other processes that write
MIGRATION_WAIT = 60.0  # seconds; for another process that migrates

_MEANINGS = {
    "SQLITE_BUSY": "is locked by another process",
    "SQLITE_LOCKED": "is locked by another process",
    "SQLITE_FULL": "cannot grow: the disk is full",
    "SQLITE_READONLY": "cannot be written: the file or its folder is read-only",
    "SQLITE_PERM": "cannot be opened: permission denied",
    "SQLITE_AUTH": "cannot be opened: permission denied",
    "SQLITE_CANTOPEN": "cannot be opened",
    "SQLITE_CORRUPT": "is damaged; restore it from a backup",
    "SQLITE_NOTADB": "is not an SQLite database",
    "SQLITE_IOERR": "cannot be read or written: the disk reports an error",
    "SQLITE_NOMEM": "cannot be read: memory is short",
}

# A process that closes any handle on a file loses all its POSIX locks on it. Files are therefore
# made (and that handle closed) before anyone in this process opens them through SQLite.
_making = threading.Lock()


def require_safe_version() -> None:
    """Raise StoreUnavailable when this SQLite can corrupt the file."""
    if driver.sqlite_version_info < OLDEST:
        raise StoreUnavailable(
            f"SQLite {driver.sqlite_version} can corrupt a database that several connections use;"
            " install the package pysqlite3, or a Python with SQLite 3.51.3 or later."
        )


def make_file(path: Path, *, create: bool) -> None:
    """Make the file, readable for its owner alone, unless it is there."""
    with _making:
        if path.exists():
            return
        if not create:
            raise StoreUnavailable(f"There is no database {path}.")
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:  # another process was faster
            return
        except OSError as error:
            raise StoreUnavailable(f"Cannot make the database {path}: {error.strerror}.") from error


def connect(
    path: Path, *, wait: float, foreign_keys: bool = True, query_only: bool = False
) -> DriverConnection:
    """Open a connection in autocommit mode, for any thread."""
    connection = driver.connect(
        f"{path.as_uri()}?mode=rw",  # never makes a file where the database was removed
        uri=True,
        timeout=wait,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA synchronous = FULL")  # an acknowledged write survives a power cut
    connection.execute(f"PRAGMA foreign_keys = {int(foreign_keys)}")
    connection.execute(f"PRAGMA query_only = {int(query_only)}")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def sql_engine(path: Path, *, begin: str, wait: float, **options: bool) -> SqlEngine:
    """Return an engine whose transactions start with `begin`, on connections of their own."""
    engine = create_engine(
        "sqlite://",
        module=driver,
        creator=lambda: connect(path, wait=wait, **options),
        poolclass=NullPool,
        hide_parameters=True,  # they hold digests of secrets
    )
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def prepare_file(path: Path) -> str | None:
    """Put the file into WAL mode; return its schema's revision, None when it is empty."""
    with closing(connect(path, wait=WRITE_WAIT)) as connection:
        _use_wal(connection)
        tables = {
            row[0]
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
        }
        if "alembic_version" in tables:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
        if tables:
            raise StoreUnavailable(f"The database {path} belongs to another program.")
        return None


def _use_wal(connection: DriverConnection) -> None:
    # The switch does not wait for others as statements do.
    deadline = time.perf_counter() + WRITE_WAIT
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except driver.OperationalError:
            if time.perf_counter() > deadline:
                raise
            time.sleep(0.02)


@contextmanager
def as_store_errors(path: Path, on_failure: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Raise what the driver and SQLAlchemy raise as StoreError.

    `on_failure` is called when the connection's state is in doubt.
    """
    try:
        yield
    except IntegrityError as error:
        raise AlreadyExists("Something of that name is there already.") from error
    except (SQLAlchemyError, driver.Error) as error:
        on_failure()
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise StoreUnavailable(f"The database {path} {_meaning(cause)}.") from error
    except (OverflowError, UnicodeEncodeError) as error:
        raise StoreError("A value is not one that a database can hold.") from error


def _meaning(error: BaseException | None) -> str:
    name = str(getattr(error, "sqlite_errorname", ""))
    # Extended codes read SQLITE_IOERR_FSYNC and the like.
    primary = "_".join(name.split("_")[:2])
    return _MEANINGS.get(primary, f"refused a statement ({name or type(error).__name__})")
