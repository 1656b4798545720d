"""SQLite as the store's engine: reads at once on one connection, writes in a thread on another."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Connection

from tokenbooth.server.stores import schema
from tokenbooth.server.stores import sqlite_driver as sqlite
from tokenbooth.server.stores.contract import Claim, StoreUnavailable
from tokenbooth.server.stores.engine import LookUp
from tokenbooth.server.stores.queries import revocations
from tokenbooth.server.stores.queries.changes import REVISION
from tokenbooth.server.stores.rows import Row
from tokenbooth.server.stores.sqlite_writer import SqliteWriter

T = TypeVar("T")
_SCHEME = "sqlite:///"


class SqliteEngine:
    """One file, shared with any number of other processes.

    Readers never wait for writers in WAL mode and take microseconds, so they run where they are
    called. Writers wait for each other and for the disk, so they queue for one thread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = os.getpid()
        self._identity = _identity(path)
        self._is_closed = False
        self._reading = threading.Lock()
        self._reader: Connection | None = None
        self._read_engine = sqlite.sql_engine(
            path, begin="BEGIN", wait=sqlite.READ_WAIT, query_only=True
        )
        self._cursor: sqlite.Cursor | None = None  # the driver's own, on the reader's connection
        self._texts: dict[int, tuple[object, str, Sequence[str]]] = {}
        self._seen_revision: tuple[int, int] = (-1, -1)  # data version, revision
        self._writer = SqliteWriter(path, before_commit=self._refuse_another_file)

    @classmethod
    async def open(cls, path: Path, *, create: bool) -> Self:
        """Open the file; with `create`, make it and bring its tables up to date first."""
        sqlite.require_safe_version()
        return cls(await asyncio.to_thread(_prepare, path, create=create))

    async def look_up(self, look_ups: Sequence[LookUp]) -> list[list[Row]]:
        """Return the rows of each look-up, past SQLAlchemy on the driver's cursor."""
        with self._reading, sqlite.as_store_errors(self._path, self._drop_reader):
            cursor = self._open_cursor()
            if len(look_ups) == 1:
                return [self._rows(cursor, look_ups[0])]
            cursor.execute("BEGIN")
            try:
                return [self._rows(cursor, look_up) for look_up in look_ups]
            finally:
                cursor.execute("COMMIT")

    async def revision(self) -> int:
        """Return the feed's revision; asks the table only after another connection's commit."""
        with self._reading, sqlite.as_store_errors(self._path, self._drop_reader):
            self._refuse_another_file()
            cursor = self._open_cursor()
            # Read before the revision: a commit between the two then shows next time.
            # To its end: a statement half read would hold on to the moment at which it began.
            version = cursor.execute("PRAGMA data_version").fetchall()[0][0]
            if version != self._seen_revision[0]:
                self._seen_revision = (version, self._rows(cursor, (REVISION, {}))[0][0])
            return self._seen_revision[1]

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run the query in a transaction that only reads."""
        with self._reading, sqlite.as_store_errors(self._path, self._drop_reader):
            self._open_cursor()
            reader = self._reader
            if reader is None:
                raise StoreUnavailable("The store is closed.")
            with reader.begin():
                return query(reader)

    async def read_aside(self, query: Callable[[Connection], T]) -> T:
        """Run the query in a thread, on a connection of its own."""
        self._refuse_misuse()
        return await asyncio.to_thread(self._read_alone, query)

    def _read_alone(self, query: Callable[[Connection], T]) -> T:
        with (
            sqlite.as_store_errors(self._path),
            self._read_engine.connect() as connection,
            connection.begin(),
        ):
            return query(connection)

    async def write(self, query: Callable[[Connection], T], *, exclusive: bool = True) -> T:
        """Run the query in a transaction, in the writing thread: SQLite has one writer anyway."""
        self._refuse_misuse()
        return await self._writer.write(query)

    async def claim(self, key: str, *, now: float, expires_at: float) -> Claim:
        """Claim the key with what else is written just then: the writer gathers."""
        return await self.write(
            lambda connection: revocations.claim(connection, key, now=now, expires_at=expires_at)
        )

    def listen(self, tell: Callable[[], None]) -> None:
        """Do nothing: a file tells nobody, and asking for its revision takes microseconds."""

    async def close(self) -> None:
        """Let the queued writes finish, then close both connections."""
        if self._is_closed:
            return
        self._is_closed = True
        with self._reading:
            self._drop_reader()
        await self._writer.close()

    def _open_cursor(self) -> sqlite.Cursor:
        self._refuse_misuse()
        if self._reader is None:
            self._reader = self._read_engine.connect()
            # A connected reader has its driver's connection, which the types leave open.
            self._cursor = self._reader.connection.dbapi_connection.cursor()  # type: ignore[union-attr]
            self._seen_revision = (-1, -1)
        return self._cursor

    def _rows(self, cursor: sqlite.Cursor, look_up: LookUp) -> list[Row]:
        statement, parameters = look_up
        known = self._texts.get(id(statement))
        if known is None:
            compiled = statement.compile(dialect=self._read_engine.dialect)
            # Keeps the statement, so that its id stays its own.
            known = (statement, str(compiled), compiled.positiontup or ())
            self._texts[id(statement)] = known
        _, text, names = known
        rows: list[Row] = cursor.execute(text, [parameters[name] for name in names]).fetchall()
        return rows

    def _refuse_misuse(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("The store is closed.")
        if os.getpid() != self._process:
            raise StoreUnavailable(
                "The store was opened before a fork; each process opens its own."
            )

    def _refuse_another_file(self) -> None:
        # Writes to a file that was removed would be acknowledged, and lost.
        if _identity(self._path) != self._identity:
            raise StoreUnavailable(
                f"The database {self._path} was removed or replaced; start again."
            )

    def _drop_reader(self) -> None:
        reader, self._reader, self._cursor = self._reader, None, None
        if reader is not None:
            reader.invalidate()
            reader.close()


def sqlite_path(url: str) -> Path | None:
    """Return the file of an SQLite database, None for PostgreSQL; raises StoreUnavailable."""
    if url.startswith(("postgresql://", "postgres://")):
        return None
    path = url.removeprefix(_SCHEME)
    if path == url or not path or path == ":memory:" or "\0" in path:
        raise StoreUnavailable(
            "A database is written sqlite:///file.db (from the working directory)"
            " or sqlite:////folder/file.db, or postgresql://user@host/name."
        )
    return Path(path)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def _prepare(path: Path, *, create: bool) -> Path:
    file = path.absolute()  # the working directory may change later
    with sqlite.as_store_errors(file):
        sqlite.make_file(file, create=create)
        revision = sqlite.prepare_file(file)
        if revision != schema.HEAD:
            if not create:
                raise schema.not_up_to_date(str(file), revision)
            _migrate(file)
    return file


def _migrate(file: Path) -> None:
    # Rebuilding a table must not cascade to the rows that refer to it.
    engine = sqlite.sql_engine(
        file, begin="BEGIN IMMEDIATE", wait=sqlite.MIGRATION_WAIT, foreign_keys=False
    )
    # One transaction: whoever waited for it finds nothing left to do.
    with engine.connect() as connection, connection.begin():
        schema.migrate(connection)
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise StoreUnavailable(f"The database {file} has rows that refer to nothing.")
