"""How PostgreSQL is reached: connections on which nothing waits for ever, to the primary."""

import asyncio
import os

import asyncpg

from tokenbooth.server.stores.limits import DEFAULT_LIMITS, DatabaseLimits
from tokenbooth.server.stores.postgres_errors import is_lost
from tokenbooth.server.stores.postgres_url import each_server, option

_MILLISECONDS = 1000
# The server ends a statement itself; this is for a server that does not answer any more.
_LONGER_SECONDS = 2.0

# What is acknowledged must survive a crash, however the server is set up; stricter ways stay.
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection of ours alone: no statement of ours leaves anything behind in its session."""

    __slots__ = ()

    def get_reset_query(self) -> str:
        """Return nothing to do between two users: it would cost a round trip each time."""
        return ""


class Servers:
    """The servers of one URL, of which one takes writes now."""

    def __init__(self, url: str, limits: DatabaseLimits = DEFAULT_LIMITS) -> None:
        self.url = url
        self.limits = limits
        self._each = each_server(url)
        self._last_good = 0
        # A standby may not know yet what another node was told, so nothing is asked of one.
        told = option(url, "target_session_attrs") or os.environ.get("PGTARGETSESSIONATTRS")
        self._target = told or "primary"

    async def connect(self) -> asyncpg.Connection:
        """Open a connection for statements."""
        limits = self.limits
        return await self._open(limits.statement_seconds, limits.lock_seconds)

    async def connect_to_listen(self) -> asyncpg.Connection:
        """Open a connection that says what it is for, so that the server's operator knows it."""
        limits = self.limits
        return await self._open(
            limits.statement_seconds, limits.lock_seconds, name="tokenbooth listening"
        )

    async def connect_to_migrate(self) -> asyncpg.Connection:
        """Open a connection whose statements may take long, and wait long for locks."""
        seconds = self.limits.migration_seconds
        return await self._open(seconds, seconds)

    async def open_pool(self) -> asyncpg.Pool:
        """Open connections for statements that never change."""
        return await asyncpg.create_pool(
            min_size=0,
            max_size=self.limits.pool_size,
            connect=self._connect_for_pool,
            connection_class=Connection,
        )

    async def _connect_for_pool(self, *_unused: object, **_neither: object) -> asyncpg.Connection:
        return await self.connect()

    async def _open(
        self, statement: float, lock: float, *, name: str = "tokenbooth"
    ) -> asyncpg.Connection:
        count = len(self._each)
        # One after the other, and each in its share of the time: the driver itself would wait for
        # a first server that does not answer until there is no time left for the second.
        for place in range(count):
            number = (self._last_good + place) % count
            try:
                connection = await self._open_one(
                    self._each[number], _settings(statement, lock, name), statement
                )
            except (asyncpg.PostgresError, asyncpg.InternalClientError, OSError) as error:
                may_be_elsewhere = is_lost(error) or isinstance(error, TimeoutError)
                if place == count - 1 or not may_be_elsewhere:
                    raise
            else:
                self._last_good = number
                return connection
        raise AssertionError("A URL names at least one server.")

    async def _open_one(
        self, url: str, settings: dict[str, str], statement: float
    ) -> asyncpg.Connection:
        async with asyncio.timeout(self.limits.connect_seconds / len(self._each)):
            connection = await asyncpg.connect(
                url,
                command_timeout=statement + _LONGER_SECONDS,
                connection_class=Connection,
                target_session_attrs=self._target,
                server_settings=settings,
            )
            await connection.execute(_DURABLE)
            return connection


def _settings(statement: float, lock: float, name: str) -> dict[str, str]:
    return {
        "application_name": name,
        "statement_timeout": _milliseconds(statement),
        "lock_timeout": _milliseconds(lock),
        "idle_in_transaction_session_timeout": _milliseconds(statement),
    }


def _milliseconds(seconds: float) -> str:
    return str(max(1, int(seconds * _MILLISECONDS)))
