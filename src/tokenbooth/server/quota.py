"""How many tokens a client may get in an hour: never more, however many processes issue them.

An hour's quota is cut into at most 100 shares. A process claims one in the store, and issues the
tokens of it without asking again; what is left of its last share when the hour ends is lost.
"""

import asyncio
import math
from dataclasses import dataclass, field

from tokenbooth.protocol.errors import TooManyRequests
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.records import Client
from tokenbooth.server.stores.contract import RevocationStore, StoreUnavailable

PREFIX = "quota:"  # of the claims
HOUR = 3600

_MOST_SHARES = 100
_CAPACITY = 100_000  # clients; the one forgotten claims a new share, and gets no more for it


@dataclass(slots=True, kw_only=True)
class _Hour:
    """What this process knows of a client's quota in the current hour."""

    quota: int
    left: int = 0  # of the shares that are ours
    tried: int = 0  # shares, ours and others'
    claiming: asyncio.Lock = field(default_factory=asyncio.Lock)


class Quotas:
    """The quotas of all clients that have one, by clock hours."""

    def __init__(self, store: RevocationStore, *, capacity: int = _CAPACITY) -> None:
        self._store = store
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
        if hour.left == 0:
            async with hour.claiming:
                while hour.left == 0 and hour.tried * _share_size(quota) < quota:
                    await self._claim_share(hour, client, now)
        if hour.left == 0:
            return False
        hour.left -= 1
        return True

    async def _claim_share(self, hour: _Hour, client: Client, now: float) -> None:
        began = int(now // HOUR)
        # A changed quota is counted afresh: its shares are others.
        key = f"{PREFIX}{client.issuer}:{client.client_id}:{began}:{hour.quota}:{hour.tried}"
        claim = await self._store.claim(key, now=now, expires_at=(began + 1.0) * HOUR)
        size = _share_size(hour.quota)
        if claim.won:
            hour.left += min(size, hour.quota - hour.tried * size)
        hour.tried += 1

    def _this_hour(self, client: Client, quota: int, number: int) -> _Hour:
        if number != self._hour:
            self._hour = number
            self._clients.clear()
        key = client.issuer, client.client_id
        hour = self._clients.get(key)
        if hour is None or hour.quota != quota:
            if len(self._clients) >= self._capacity:
                del self._clients[next(iter(self._clients))]
            hour = self._clients[key] = _Hour(quota=quota)
        return hour


def _share_size(quota: int) -> int:
    return math.ceil(quota / _MOST_SHARES)
