"""Failure budgets: guessing is slowed, and a stranger cannot lock the real client out.

A failure counts twice: for its source and the client that it names, and for its source alone.
Nobody's failures count for a client as seen from elsewhere (OAuth 2.1 §2.4.1).
"""

import functools
import math
from dataclasses import dataclass
from ipaddress import IPv6Network
from typing import Literal, Self

from tokenbooth.clock import Clock
from tokenbooth.protocol.networks import Networks, bare_address, is_within, parse_networks
from tokenbooth.server.settings import Settings

CAPACITY = 50_000  # names that a meter remembers, about 10 MB
# A household or a machine gets a /64; counting single addresses in it would count nothing.
_IPV6_PREFIX = 64


class Meter:
    """Counts events by name against `limit` a window, which fill up again evenly (GCRA).

    When it is full, it forgets what was quiet for longest. Our own, because the library `limits`
    asks the machine for the time, and keeps as many names as strangers make up.
    """

    def __init__(self, *, limit: int, window: float, capacity: int = CAPACITY) -> None:
        self._interval = window / limit
        self._window = window
        self._capacity = capacity
        self._full_again: dict[int, float] = {}  # by the hash of a name; longest quiet first

    def __len__(self) -> int:
        return len(self._full_again)

    def note(self, name: int, now: float) -> None:
        """Count one event."""
        full_again = max(now, self._full_again.pop(name, now)) + self._interval
        if len(self._full_again) >= self._capacity:
            del self._full_again[next(iter(self._full_again))]
        # Requests under way together may count beyond the limit; the wait is not longer for it.
        self._full_again[name] = min(full_again, now + self._window)

    def wait(self, name: int, now: float) -> float:
        """Return the seconds until one more event is within the limit; 0 when it is now."""
        full_again = self._full_again.get(name)
        if full_again is None:
            return 0.0
        wait = full_again - now - (self._window - self._interval)
        # A rounding error is no wait.
        return wait if wait > 1e-6 else 0.0

    def forget(self) -> None:
        """Forget everything."""
        self._full_again.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """A budget that is used up, and the whole seconds until one more failure fits."""

    budget: Literal["client", "source"]
    seconds: int


class FailureBudgets:
    """What this process saw fail. While nothing fails, asking costs next to nothing."""

    def __init__(
        self,
        *,
        per_client: int,
        per_source: int,
        window: float,
        clock: Clock,
        capacity: int = CAPACITY,
        exempt: Networks = (),
    ) -> None:
        self._by_client = _meter(per_client, window, capacity)
        self._by_source = _meter(per_source, window, capacity)
        self._window = window
        self._clock = clock
        self._exempt = exempt
        self._last_noted = -math.inf

    @classmethod
    def of(cls, settings: Settings, clock: Clock) -> Self:
        """Return the share of one process: all of them together keep to the settings."""
        return cls(
            per_client=_share(settings.failures_per_client, settings.workers),
            per_source=_share(settings.failures_per_source, settings.workers),
            window=settings.failure_window_seconds,
            clock=clock,
            exempt=parse_networks(settings.failures_exempt),
        )

    def note(self, issuer: str, client_id: str, source: str) -> None:
        """Count a failure to prove to be that client."""
        network = network_of(source)
        if network is None or is_within(source, self._exempt):
            # Who calls through a socket without address is not told apart, so nobody is slowed.
            return
        now = self._last_noted = self._clock.monotonic()
        if self._by_client is not None:
            self._by_client.note(hash((issuer, client_id, network)), now)
        if self._by_source is not None:
            self._by_source.note(hash(network), now)

    def spent(self, issuer: str, client_id: str, source: str) -> Spent | None:
        """Return the budget that this caller has used up, if any."""
        if self._last_noted == -math.inf:
            return None
        now = self._clock.monotonic()
        if now - self._last_noted >= self._window:  # all budgets are full again
            self._forget()
            return None
        network = network_of(source)
        if self._by_source is not None and (wait := self._by_source.wait(hash(network), now)):
            return Spent(budget="source", seconds=math.ceil(wait))
        if self._by_client is not None:
            wait = self._by_client.wait(hash((issuer, client_id, network)), now)
            if wait:
                return Spent(budget="client", seconds=math.ceil(wait))
        return None

    def _forget(self) -> None:
        self._last_noted = -math.inf
        for meter in (self._by_client, self._by_source):
            if meter is not None:
                meter.forget()


def _meter(limit: int, window: float, capacity: int) -> Meter | None:
    return Meter(limit=limit, window=window, capacity=capacity) if limit else None


def _share(limit: int, workers: int) -> int:
    return max(1, limit // workers) if limit else 0


@functools.lru_cache(maxsize=4096)
def network_of(source: str) -> str | None:
    """Return whom a source stands for: an IPv4 address, an IPv6 /64, None for anything else."""
    try:
        address = bare_address(source)
    except ValueError:
        return None
    if address.version == 4:
        return str(address)
    return str(IPv6Network((int(address), _IPV6_PREFIX), strict=False))
