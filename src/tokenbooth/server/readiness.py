"""Whether this node is to get requests: it is not about to end, and its database is well."""

import asyncio

from tokenbooth.clock import Clock
from tokenbooth.server.stores.contract import Store, StoreError

_FRESH_SECONDS = 1.0


class Readiness:
    """Remembers the last check: it writes to the disk, and anybody may ask for it."""

    __slots__ = ("_checked_at", "_checking", "_is_well", "is_leaving")

    def __init__(self) -> None:
        self.is_leaving = False  # requests are still served, but balancers are to ask other nodes
        self._checking = asyncio.Lock()
        self._checked_at = float("-inf")
        self._is_well = False

    async def is_database_well(self, store: Store, clock: Clock) -> bool:
        """Return what the last check found, after a new one where that is too old."""
        async with self._checking:
            if clock.monotonic() - self._checked_at >= _FRESH_SECONDS:
                try:
                    await store.check()
                except StoreError:
                    self._is_well = False
                else:
                    self._is_well = True
                self._checked_at = clock.monotonic()
            return self._is_well
