"""Hears of changes as they commit; whoever needs to be sure asks for the revision as well."""

import asyncio
import contextlib
import random
from collections.abc import Callable

import asyncpg

from tokenbooth.server.stores.postgres_driver import Servers
from tokenbooth.server.stores.queries.changes import CHANNEL

_ALIVE_SECONDS = 10.0  # how often a silent connection has to show that it is there
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0


class PostgresListener:
    """Calls `tell` after each change, until it is closed; connects again whenever it has to.

    A change between two connections is not missed: `tell` is called after each connect.
    """

    def __init__(self, servers: Servers, tell: Callable[[], None]) -> None:
        self._servers = servers
        self._tell = tell
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop listening."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            # Whatever it is that goes wrong: there is the poll, and here the next attempt.
            with contextlib.suppress(Exception):
                connection = await self._servers.connect_to_listen()
                try:
                    lost = asyncio.Event()
                    connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
                    await connection.add_listener(CHANNEL, self._hear)
                    self._tell()
                    pause = _FIRST_PAUSE_SECONDS
                    await _stay(connection, lost)
                finally:
                    connection.terminate()
            # Not all nodes at the same moment.
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _hear(self, *_about: object) -> None:
        self._tell()


async def _stay(connection: asyncpg.Connection, lost: asyncio.Event) -> None:
    """Return or raise when the connection is gone."""
    while not lost.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(lost.wait(), _ALIVE_SECONDS)
            return
        # Nobody would notice otherwise that the network between us is gone.
        await connection.fetchval("SELECT 1")
