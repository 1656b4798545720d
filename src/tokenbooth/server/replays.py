"""Replays that the database has found out: refused from then on without asking it again.

The database decides, on all nodes and for good; what is remembered here is nothing but its noes.
So a flood of one captured assertion costs each process one look into the database, not thousands.
"""

from typing import Protocol

from tokenbooth.server.stores.contract import Claim

_CAPACITY = 20_000  # about 5 MB; whoever floods with more costs the database a look for each


class Claims(Protocol):
    """Where something is claimed that may be used only once."""

    async def claim(self, key: str, *, now: float, expires_at: float) -> Claim:
        """Claim `key` until `expires_at`. Atomic: exactly one caller on all nodes ever wins."""


class KnownReplays:
    """Claims of a store, with a memory for those that were lost."""

    def __init__(self, store: Claims, *, capacity: int = _CAPACITY) -> None:
        self._store = store
        self._capacity = capacity
        self._lost: dict[str, tuple[Claim, float]] = {}  # and until when; oldest first

    async def claim(self, key: str, *, now: float, expires_at: float) -> Claim:
        """Claim as the store does; raises StoreUnavailable, and then remembers nothing."""
        known = self._lost.get(key)
        if known is not None:
            if now < known[1]:
                return known[0]
            del self._lost[key]
        claim = await self._store.claim(key, now=now, expires_at=expires_at)
        if not claim.won:
            if len(self._lost) >= self._capacity:
                del self._lost[next(iter(self._lost))]
            self._lost[key] = claim, expires_at
        return claim
