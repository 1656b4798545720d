"""Failure budgets: guessing is slowed, and a stranger cannot lock the real client out.

A failure counts twice: for its source and the client that it names, and for its source alone.
Nobody's failures count for a client as seen from elsewhere (OAuth 2.1 §2.4.1).
Each process counts by itself; where processes tell each other, each counts what all of them saw.
"""

import functools
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Network
from typing import Literal, Self

from tokenbooth.clock import Clock
from tokenbooth.protocol.networks import Networks, bare_address, is_within, parse_networks
from tokenbooth.server.settings import Settings

CAPACITY = 50_000  # names that a meter remembers, about 10 MB
# A household or a machine gets a /64; counting single addresses in it would count nothing.
_IPV6_PREFIX = 64
_LONGEST_NAME = 64  # of clients, in memory and on the way to others; longer ones are digested


class Meter:
    """Counts events by name against `limit` a window, which fill up again evenly (GCRA).

    When it is full, it forgets what was quiet for longest. Our own, because the library `limits`
    asks the machine for the time, and keeps as many names as strangers make up.
    """

    def __init__(self, *, limit: int, window: float, capacity: int = CAPACITY) -> None:
        self._once = self._interval = window / limit
        self._window = window
        self._capacity = capacity
        self._full_again: dict[int, float] = {}  # by the hash of a name; longest quiet first

    def __len__(self) -> int:
        return len(self._full_again)

    def weigh(self, times: int) -> None:
        """Let each event count so many times from now on, as others see as many."""
        # One event fits in any case.
        self._interval = min(self._window, self._once * times)

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
        workers: int = 1,
    ) -> None:
        self.on_failure: Callable[[str, str, str], object] | None = None
        self._workers = workers
        self._by_client = _meter(per_client, window, capacity)
        self._by_source = _meter(per_source, window, capacity)
        self._window = window
        self._clock = clock
        self._exempt = exempt
        self._last_noted = -math.inf
        self.count_alone()

    @classmethod
    def of(cls, settings: Settings, clock: Clock) -> Self:
        """Return the budgets of one process: all of them together keep to the settings."""
        return cls(
            per_client=settings.failures_per_client,
            per_source=settings.failures_per_source,
            workers=settings.workers,
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
        client_id = _bounded(client_id)
        self._count(issuer, client_id, network, self._clock.monotonic())
        if self.on_failure is not None:
            self.on_failure(issuer, client_id, network)

    def heard(self, issuer: str, client_id: str, network: str, *, age: float) -> None:
        """Count a failure that another process noted so many seconds ago."""
        self._count(issuer, client_id, network, self._clock.monotonic() - age)

    def count_together(self) -> None:
        """Count each failure once from now on: all processes hear of all."""
        self._weigh(1)

    def count_alone(self) -> None:
        """Divide the budgets by the workers of the service: each sees but its own failures."""
        self._weigh(self._workers)

    def _weigh(self, times: int) -> None:
        for meter in (self._by_client, self._by_source):
            if meter is not None:
                meter.weigh(times)

    def _count(self, issuer: str, client_id: str, network: str, at: float) -> None:
        self._last_noted = max(self._last_noted, at)
        if self._by_client is not None:
            self._by_client.note(hash((issuer, client_id, network)), at)
        if self._by_source is not None:
            self._by_source.note(hash(network), at)

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
            wait = self._by_client.wait(hash((issuer, _bounded(client_id), network)), now)
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


def _bounded(client_id: str) -> str:
    # What is told to other processes must be short, and text that can be written.
    if len(client_id) <= _LONGEST_NAME and client_id.isascii():
        return client_id
    return hashlib.sha256(client_id.encode("utf-8", "surrogatepass")).hexdigest()


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
