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
from sqlalchemy.ext.asyncio import create_async_engine

from tokenbooth.server.stores import postgres_errors as errors
from tokenbooth.server.stores import postgres_schema
from tokenbooth.server.stores.contract import Claim, StoreUnavailable
from tokenbooth.server.stores.engine import LookUp
from tokenbooth.server.stores.limits import DEFAULT_LIMITS, DatabaseLimits
from tokenbooth.server.stores.postgres_claims import PostgresClaims
from tokenbooth.server.stores.postgres_driver import Servers
from tokenbooth.server.stores.postgres_listener import PostgresListener
from tokenbooth.server.stores.postgres_url import check_url
from tokenbooth.server.stores.queries.changes import REVISION
from tokenbooth.server.stores.rows import Row

T = TypeVar("T")

_TRIES = 6
_PAUSE_SECONDS = 0.02
_FORGET_SECONDS = 1.0
_DIALECT = dialect.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
_CHANGING = text("SELECT pg_advisory_xact_lock(7083114701)")


class PostgresEngine:
    """One database on one server, or on whichever of several takes writes now."""

    def __init__(self, servers: Servers, pool: asyncpg.Pool) -> None:
        self._servers = servers
        self._limits = servers.limits
        self._pool = pool
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=servers.connect,
            pool_size=servers.limits.pool_size,
            max_overflow=0,
            pool_timeout=servers.limits.connect_seconds,
            hide_parameters=True,  # they hold digests of secrets
        )
        self._claims = PostgresClaims(change=self._change, look=self._look)
        self._listeners: list[PostgresListener] = []
        self._texts: dict[int, tuple[object, str, Sequence[str]]] = {}
        self._under_way: set[asyncio.Task[Any]] = set()
        self._forgotten_at = float("-inf")
        self._is_closed = False

    @classmethod
    async def open(cls, url: str, *, create: bool, limits: DatabaseLimits = DEFAULT_LIMITS) -> Self:
        """Connect; with `create`, bring the tables up to date first."""
        check_url(url)
        servers = Servers(url, limits)
        with errors.as_store_errors(url):
            await postgres_schema.prepare(servers, create=create)
            return cls(servers, await servers.open_pool())

    async def look_up(self, look_ups: Sequence[LookUp]) -> list[list[Row]]:
        """Return the rows of each look-up, past SQLAlchemy on the driver's prepared statements."""

        async def attempt() -> list[list[Row]]:
            return await self._look_up(look_ups)

        # The server was away for a moment, or another one took over: ask once more.
        return await self._whole(_tried(attempt, again=errors.is_passing))

    async def _look_up(self, look_ups: Sequence[LookUp]) -> list[list[Row]]:
        async with self._pool.acquire(timeout=self._limits.connect_seconds) as connection:
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

        return await self._whole(_tried(attempt, again=errors.is_passing))

    async def write(self, query: Callable[[Connection], T], *, exclusive: bool = True) -> T:
        """Run the query in a transaction; it may run again after others got in its way."""
        may_be_done = False

        async def attempt() -> T:
            nonlocal may_be_done
            may_be_done = False
            async with self._engine.connect() as connection:
                transaction = await connection.begin()
                if exclusive:
                    await connection.execute(_CHANGING)
                result = await connection.run_sync(query)
                may_be_done = True
                await transaction.commit()
                return result

        return await self._whole(
            _tried(attempt, again=lambda error: self._is_harmless(error, may_be_done=may_be_done))
        )

    async def claim(self, key: str, *, now: float, expires_at: float) -> Claim:
        """Claim the key in one statement with all others that are claimed meanwhile."""
        self._refuse_closed()
        with errors.as_store_errors(self._servers.url):
            return await self._claims.claim(key, now=now, expires_at=expires_at)

    def listen(self, tell: Callable[[], None]) -> None:
        """Call `tell` a few milliseconds after each change, by whichever node."""
        self._refuse_closed()
        self._listeners.append(PostgresListener(self._servers, tell))

    async def close(self) -> None:
        """Finish what is under way and let go of every connection."""
        if self._is_closed:
            return
        self._is_closed = True
        for listener in self._listeners:
            await listener.close()
        waits = [*self._under_way, asyncio.create_task(self._claims.finish())]
        await asyncio.wait(waits, timeout=self._limits.statement_seconds)
        await self._engine.dispose()
        try:
            await asyncio.wait_for(self._pool.close(), self._limits.statement_seconds)
        except TimeoutError:
            self._pool.terminate()

    async def _change(self, statement: str, *values: object) -> Sequence[Any]:
        """Run one statement as a transaction of its own."""
        may_be_done = False

        async def attempt() -> Sequence[Any]:
            nonlocal may_be_done
            may_be_done = False
            async with self._pool.acquire(timeout=self._limits.connect_seconds) as connection:
                may_be_done = True
                rows: Sequence[Any] = await connection.fetch(statement, *values)
                return rows

        return await _tried(
            attempt, again=lambda error: self._is_harmless(error, may_be_done=may_be_done)
        )

    async def _look(self, statement: str, *values: object) -> Sequence[Any]:
        async def attempt() -> Sequence[Any]:
            async with self._pool.acquire(timeout=self._limits.connect_seconds) as connection:
                rows: Sequence[Any] = await connection.fetch(statement, *values)
                return rows

        return await _tried(attempt, again=errors.is_passing)

    def _is_harmless(self, error: Exception, *, may_be_done: bool) -> bool:
        """Whether to run a transaction again: surely nothing of it happened."""
        if errors.is_standby(error):
            self._forget_connections()
            return True
        # Once the commit was asked for, nobody knows whether a lost connection took it along.
        return errors.is_collision(error) or (errors.is_lost(error) and not may_be_done)

    def _forget_connections(self) -> None:
        """Look for the primary anew: what we are connected to is none any more."""
        now = asyncio.get_running_loop().time()
        if now - self._forgotten_at < _FORGET_SECONDS:
            return
        self._forgotten_at = now
        self._whole_later(self._pool.expire_connections())
        self._whole_later(self._engine.dispose())

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
            self._refuse_closed()
        task = self._whole_later(work)
        with errors.as_store_errors(self._servers.url):
            return await asyncio.shield(task)

    def _whole_later(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to hear of it

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("The store is closed.")


async def _tried(attempt: Callable[[], Awaitable[T]], *, again: Callable[[Exception], bool]) -> T:
    for number in range(1, _TRIES):
        try:
            return await attempt()
        except Exception as error:
            if not again(error):
                raise
            await asyncio.sleep(_PAUSE_SECONDS * 2**number * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
    return await attempt()
