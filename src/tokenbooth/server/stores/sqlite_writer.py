"""The one writing thread: writes that wait together are committed together.

A commit waits for the disk, so a queue of single commits would be as slow as the disk is. Each
write of a batch has its own savepoint: one that is refused takes nothing from the others.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from tokenbooth.server.stores import sqlite_driver as sqlite
from tokenbooth.server.stores.contract import StoreError, StoreUnavailable

T = TypeVar("T")

# Other processes wait while a batch runs.
MAX_BATCH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Write:
    query: Callable[[Connection], Any]
    done: Future[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    result: object = None
    error: StoreError | None = None


class SqliteWriter:
    """Runs writes in the order in which they come; `before_commit` may still refuse them."""

    def __init__(self, path: Path, *, before_commit: Callable[[], None]) -> None:
        self._path = path
        self._before_commit = before_commit
        self._engine = sqlite.sql_engine(path, begin="BEGIN IMMEDIATE", wait=sqlite.WRITE_WAIT)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tokenbooth-store")
        self._waiting: deque[_Write] = deque()
        self._connection: Connection | None = None  # only touched in the thread

    async def write(self, query: Callable[[Connection], T]) -> T:
        """Run the query in a transaction; it may run twice, but is committed at most once."""
        done: Future[T] = Future()
        self._waiting.append(_Write(query=query, done=done))
        self._thread.submit(self._write_waiting)
        return await asyncio.wrap_future(done)

    async def close(self) -> None:
        """Let the waiting writes finish, then close the connection."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
        self._thread.shutdown(wait=False)

    def _write_waiting(self) -> None:
        batch: list[_Write] = []
        while self._waiting and len(batch) < MAX_BATCH:
            write = self._waiting.popleft()
            if write.done.set_running_or_notify_cancel():
                batch.append(write)
        if len(batch) > 1:
            outcomes = self._commit_together(batch)
            for write, outcome in zip(batch, outcomes, strict=False):
                if outcome.error:
                    write.done.set_exception(outcome.error)
                else:
                    write.done.set_result(outcome.result)
            batch = batch[len(outcomes) :]
        for write in batch:
            self._commit_alone(write)

    def _commit_together(self, batch: list[_Write]) -> list[_Outcome]:
        """Return each write's outcome; none where only trying each alone can tell whose it is."""
        has_begun = False
        try:
            with sqlite.as_store_errors(self._path, self._drop):
                connection = self._open()
                with connection.begin():
                    has_begun = True
                    outcomes = [self._try_in_savepoint(connection, write) for write in batch]
                    self._before_commit()
                return outcomes
        except StoreUnavailable as error:
            if has_begun:
                return []
            # No write is to blame, and were each to wait for the lock again, waits would add up.
            return [_Outcome(error=StoreUnavailable(str(error))) for _ in batch]
        except Exception:  # noqa: BLE001  # one of them did it
            return []

    def _try_in_savepoint(self, connection: Connection, write: _Write) -> _Outcome:
        try:
            with connection.begin_nested():
                return _Outcome(result=write.query(connection))
        except StoreError as error:
            return _Outcome(error=error)

    def _commit_alone(self, write: _Write) -> None:
        try:
            with sqlite.as_store_errors(self._path, self._drop):
                connection = self._open()
                with connection.begin():
                    result = write.query(connection)
                    self._before_commit()
        except BaseException as error:  # noqa: BLE001  # whoever waits must hear of anything
            write.done.set_exception(error)
        else:
            write.done.set_result(result)

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
