"""PostgreSQL as the store's engine, shared by any number of nodes.

A change takes one lock for the whole database and holds it until its commit, so that changes run
one after the other as they do on SQLite, and what a change checks is still so when it commits.
What is exact by a single statement (claims, counts) takes no such lock.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Self, TypeVar

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tokenbooth.server.stores import postgres_driver as postgres
from tokenbooth.server.stores import schema
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.engine import LookUp
from tokenbooth.server.stores.queries.changes import REVISION
from tokenbooth.server.stores.rows import Row

T = TypeVar("T")

POOL_SIZE = 8  # connections of one process, for each of the two ways to ask
_TRIES = 6
_PAUSE_SECONDS = 0.02
_DIALECT = dialect.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
_CHANGING = text("SELECT pg_advisory_xact_lock(7083114701)")
_MIGRATING = text("SELECT pg_advisory_xact_lock(7083114702)")


class PostgresEngine:
    """One database on one server, or on whichever of several takes writes now."""

    def __init__(self, url: str, pool: asyncpg.Pool) -> None:
        self._url = url
        self._pool = pool
        self._engine = _sql_engine(url)
        self._texts: dict[int, tuple[object, str, Sequence[str]]] = {}
        self._under_way: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    @classmethod
    async def open(cls, url: str, *, create: bool) -> Self:
        """Connect; with `create`, bring the tables up to date first."""
        postgres.check_url(url)
        with postgres.as_store_errors(url):
            await _prepare(url, create=create)
            return cls(url, await postgres.open_pool(url, size=POOL_SIZE))

    async def look_up(self, look_ups: Sequence[LookUp]) -> list[list[Row]]:
        """Return the rows of each look-up, past SQLAlchemy on the driver's prepared statements."""

        async def attempt() -> list[list[Row]]:
            return await self._look_up(look_ups)

        # The server was away for a moment, or another one took over: ask once more.
        return await self._whole(_tried(attempt, again=postgres.is_lost))

    async def _look_up(self, look_ups: Sequence[LookUp]) -> list[list[Row]]:
        async with self._pool.acquire(timeout=postgres.CONNECT_SECONDS) as connection:
            if len(look_ups) == 1:
                return [await self._rows(connection, look_ups[0])]
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return [await self._rows(connection, look_up) for look_up in look_ups]

    async def revision(self) -> int:
        """Return the feed's revision."""
        ((revision,),) = (await self.look_up([(REVISION, {})]))[0]
        return int(revision)

    async def read_aside(self, query: Callable[[Connection], T]) -> T:
        """Run the query as any other: no reader waits for another one."""
        return await self.read(query)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run the query in a transaction that only reads, all as of one moment."""
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

        async def attempt() -> T:
            async with self._engine.connect() as connection:
                await connection.execution_options(**options)
                async with connection.begin():
                    return await connection.run_sync(query)

        return await self._whole(_tried(attempt, again=postgres.is_lost))

    async def write(self, query: Callable[[Connection], T], *, exclusive: bool = True) -> T:
        """Run the query in a transaction; it may run again after others got in its way."""
        has_begun = False

        async def attempt() -> T:
            nonlocal has_begun
            has_begun = False
            async with self._engine.begin() as connection:
                if exclusive:
                    await connection.execute(_CHANGING)
                has_begun = True
                return await connection.run_sync(query)

        def again(error: Exception) -> bool:
            # Once the query began, nobody knows whether a lost connection took its commit along.
            return postgres.is_collision(error) or (postgres.is_lost(error) and not has_begun)

        return await self._whole(_tried(attempt, again=again))

    async def close(self) -> None:
        """Finish what is under way and let go of every connection."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=postgres.STATEMENT_SECONDS)
        await self._engine.dispose()
        try:
            await asyncio.wait_for(self._pool.close(), postgres.STATEMENT_SECONDS)
        except TimeoutError:
            self._pool.terminate()

    async def _rows(self, connection: Any, look_up: LookUp) -> list[Row]:  # noqa: ANN401 - a connection or its proxy
        statement, parameters = look_up
        known = self._texts.get(id(statement))
        if known is None:
            compiled = statement.compile(dialect=_DIALECT)
            # Keeps the statement, so that its id stays its own.
            known = (statement, str(compiled), compiled.positiontup or ())
            self._texts[id(statement)] = known
        _, sql, names = known
        rows = await connection.fetch(sql, *(parameters[name] for name in names))
        return [tuple(row) for row in rows]

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work to its end, even if whoever waits for it is cancelled."""
        if self._is_closed:
            work.close()
            raise StoreUnavailable("The store is closed.")
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        with postgres.as_store_errors(self._url):
            return await asyncio.shield(task)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to hear of it


async def _tried(attempt: Callable[[], Awaitable[T]], *, again: Callable[[Exception], bool]) -> T:
    for number in range(1, _TRIES):
        try:
            return await attempt()
        except Exception as error:
            if not again(error):
                raise
            await asyncio.sleep(_PAUSE_SECONDS * 2**number * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
    return await attempt()


def _sql_engine(url: str, *, statement_seconds: float = postgres.STATEMENT_SECONDS) -> AsyncEngine:
    return create_async_engine(
        "postgresql+asyncpg://",
        # As libpq reads a URL: several hosts, sslmode, target_session_attrs.
        async_creator=lambda: postgres.connect(url, statement_seconds=statement_seconds),
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=postgres.CONNECT_SECONDS,
        hide_parameters=True,  # they hold digests of secrets
    )


async def _prepare(url: str, *, create: bool) -> None:
    engine = _sql_engine(url, statement_seconds=postgres.MIGRATION_SECONDS)
    try:
        async with engine.begin() as connection:
            # Whoever waited for it finds nothing left to do.
            await connection.execute(_MIGRATING)
            revision = await connection.run_sync(schema.revision)
            if revision == schema.HEAD:
                return
            if not create:
                raise schema.not_up_to_date(postgres.shown(url), revision)
            if revision is None and await connection.run_sync(schema.has_tables):
                raise StoreUnavailable(
                    f"The database {postgres.shown(url)} belongs to another program."
                )
            await connection.run_sync(schema.migrate)
    finally:
        await engine.dispose()


async def revision_of(url: str) -> str | None:
    """Return the newest migration that the database has seen; changes nothing."""
    postgres.check_url(url)
    engine = _sql_engine(url)
    try:
        with postgres.as_store_errors(url):
            async with engine.connect() as connection:
                return await connection.run_sync(schema.revision)
    finally:
        await engine.dispose()
