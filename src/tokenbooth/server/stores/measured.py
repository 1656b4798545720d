"""An engine that tells how long each call took, and whether the database was there."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from tokenbooth.clock import SYSTEM_CLOCK
from tokenbooth.server.stores.contract import Claim, StoreUnavailable
from tokenbooth.server.stores.engine import Engine, LookUp
from tokenbooth.server.stores.rows import Row

T = TypeVar("T")

_monotonic = SYSTEM_CLOCK.monotonic


class StoreWatch(Protocol):
    """Whoever wants to know."""

    def store_called(self, operation: str, seconds: float, *, has_failed: bool) -> None:
        """Hear of one call. A refusal is no failure: only a database that is not there is."""


class MeasuredEngine:
    """Asks `engine`, and tells `watch`."""

    def __init__(self, engine: Engine, watch: StoreWatch) -> None:
        self._engine = engine
        self._watch = watch

    async def look_up(self, look_ups: Sequence[LookUp]) -> list[list[Row]]:
        """Ask the engine."""
        return await self._told("look_up", self._engine.look_up(look_ups))

    async def revision(self) -> int:
        """Ask the engine."""
        return await self._told("revision", self._engine.revision())

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Ask the engine."""
        return await self._told("read", self._engine.read(query))

    async def read_aside(self, query: Callable[[Connection], T]) -> T:
        """Ask the engine."""
        return await self._told("read_aside", self._engine.read_aside(query))

    async def write(self, query: Callable[[Connection], T], *, exclusive: bool = True) -> T:
        """Ask the engine."""
        return await self._told("write", self._engine.write(query, exclusive=exclusive))

    async def claim(self, key: str, *, now: float, expires_at: float) -> Claim:
        """Ask the engine."""
        return await self._told("claim", self._engine.claim(key, now=now, expires_at=expires_at))

    def listen(self, tell: Callable[[], None]) -> None:
        """Ask the engine."""
        self._engine.listen(tell)

    async def close(self) -> None:
        """Close the engine."""
        await self._engine.close()

    async def _told(self, operation: str, work: Awaitable[T]) -> T:
        began = _monotonic()
        has_failed = False
        try:
            return await work
        except StoreUnavailable:
            has_failed = True
            raise
        finally:
            self._watch.store_called(operation, _monotonic() - began, has_failed=has_failed)
