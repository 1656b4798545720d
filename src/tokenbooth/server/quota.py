"""How many tokens a client may get in an hour: never more, however many processes issue them.

An hour's quota is cut into at most 100 shares. A process claims one in the store, and issues the
tokens of it without asking again; what is left of its last share when the hour ends is lost.
With a pool the shares go there instead, and all processes draw from it token by token.
"""

import asyncio
import contextlib
import math
from dataclasses import dataclass, field
from typing import Protocol

from tokenbooth.protocol.errors import TooManyRequests
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.records import Client
from tokenbooth.server.stores.contract import RevocationStore, StoreUnavailable

PREFIX = "quota:"  # of the claims
HOUR = 3600

_MOST_SHARES = 100
_CAPACITY = 100_000  # clients; the one forgotten claims a new share, and gets no more for it
_FREE_FROM = 100  # the quota from which on a share is no more than one percent


class PoolAway(Exception):
    """The pool cannot be asked now."""


class Pool(Protocol):
    """Where shares are put for all processes to draw from."""

    @property
    def is_up(self) -> bool:
        """Whether asking is worth while."""

    async def take(self, name: str, *, free: int, first: int, seconds: float) -> int | None:
        """Take a token and return None; or return the share to claim, when the pool is empty.

        A new pool has `free` tokens and begins to claim at share `first`. Raises PoolAway: the
        token may be lost then, but nobody else has it.
        """

    async def put(self, name: str, *, tokens: int, next_: int, seconds: float) -> None:
        """Put in what was claimed; raises PoolAway, and the tokens are lost then."""


@dataclass(slots=True, kw_only=True)
class _Hour:
    """What this process knows of a client's quota in the current hour."""

    quota: int
    left: int = 0  # of the shares that are ours
    tried: int = 0  # shares, ours and others'
    has_drawn: bool = False  # from the pool: its free share is given
    claiming: asyncio.Lock = field(default_factory=asyncio.Lock)


class Quotas:
    """The quotas of all clients that have one, by clock hours."""

    def __init__(
        self, store: RevocationStore, *, pool: Pool | None = None, capacity: int = _CAPACITY
    ) -> None:
        self._store = store
        self._pool = pool
        self._capacity = capacity
        self._hour = 0
        self._clients: dict[tuple[str, str], _Hour] = {}

    async def take(self, client: Client, *, lifetime: int, now: float, outcome: Outcome) -> None:
        """Count one token; raises TooManyRequests, or StoreUnavailable when nobody can tell."""
        policy = client.policy
        quota = policy.quota_per_hour
        if quota is None:
            return
        try:
            has_one = await self._take(client, quota, now)
        except StoreUnavailable:
            if policy.quota_observe:
                return
            raise
        if has_one:
            return
        if policy.quota_observe:
            outcome.observed("quota_used_up")
            return
        raise TooManyRequests(
            f"This client has had the {quota} tokens that it may have in an hour. "
            f"One lasts {lifetime} s: keep it, and ask for the next when it is about to end.",
            reason="quota_used_up",
            retry_after=max(1, math.ceil(HOUR - now % HOUR)),
        )

    async def _take(self, client: Client, quota: int, now: float) -> bool:
        hour = self._this_hour(client, quota, int(now // HOUR))
        if hour.left == 0 and self._pool is not None and self._pool.is_up:
            with contextlib.suppress(PoolAway):
                return await self._draw(self._pool, hour, client, now)
        if hour.left == 0:
            async with hour.claiming:
                while hour.left == 0 and hour.tried * _share_size(quota) < quota:
                    hour.left += await self._claim_share(hour, client, now, hour.tried)
        if hour.left == 0:
            return False
        hour.left -= 1
        return True

    async def _draw(self, pool: Pool, hour: _Hour, client: Client, now: float) -> bool:
        """Take a token from the pool, and fill it first where it is empty."""
        name, seconds = _name(hour, client, now), HOUR - now % HOUR
        own = self._own(hour.quota) * _share_size(hour.quota)

        async def take() -> int | None:
            free = 0 if hour.has_drawn else own
            empty = await pool.take(name, free=free, first=hour.tried, seconds=seconds)
            hour.has_drawn = True
            return empty

        if await take() is None:
            return True
        async with hour.claiming:
            while (number := await take()) is not None:
                if number * _share_size(hour.quota) >= hour.quota:
                    return False
                tokens = await self._claim_share(hour, client, now, number)
                ours = min(tokens, 1)
                try:
                    await pool.put(name, tokens=tokens - ours, next_=number + 1, seconds=seconds)
                except PoolAway:
                    # Whether it was put in or not: what is in doubt is nobody's.
                    if not ours:
                        raise
                if ours:
                    return True
        return True

    async def _claim_share(self, hour: _Hour, client: Client, now: float, number: int) -> int:
        """Return how many tokens the share brought; none where somebody else has it."""
        ends = (now // HOUR + 1) * HOUR
        key = f"{PREFIX}{_name(hour, client, now)}:{number}"
        claim = await self._store.claim(key, now=now, expires_at=ends)
        hour.tried = max(hour.tried, number + 1)
        size = _share_size(hour.quota)
        return min(size, hour.quota - number * size) if claim.won else 0

    def _own(self, quota: int) -> int:
        """Return how many shares are the pool's without a claim, and so never claimed."""
        return 1 if self._pool is not None and quota >= _FREE_FROM else 0

    def _this_hour(self, client: Client, quota: int, number: int) -> _Hour:
        if number != self._hour:
            self._hour = number
            self._clients.clear()
        key = client.issuer, client.client_id
        hour = self._clients.get(key)
        if hour is None or hour.quota != quota:
            if len(self._clients) >= self._capacity:
                del self._clients[next(iter(self._clients))]
            hour = self._clients[key] = _Hour(quota=quota, tried=self._own(quota))
        return hour


def _name(hour: _Hour, client: Client, now: float) -> str:
    # A changed quota is counted afresh: its shares are others.
    return f"{client.issuer}:{client.client_id}:{int(now // HOUR)}:{hour.quota}"


def _share_size(quota: int) -> int:
    return math.ceil(quota / _MOST_SHARES)
