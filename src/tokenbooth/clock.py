"""The one way to ask the time; tests travel with it."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings of time: one to compare with other machines, one to measure with."""

    def now(self) -> float:
        """Return the seconds since 1970-01-01 UTC; may jump when the machine's clock is set."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards, from an arbitrary start."""


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now(self) -> float:
        """Return the wall clock's reading."""
        return time.time()

    def monotonic(self) -> float:
        """Return the monotonic clock's reading."""
        return time.monotonic()


class TravelClock:
    """A clock that stands still until told to travel, for tests and simulations."""

    __slots__ = ("_monotonic", "_now")

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> float:
        """Return the wall clock's reading."""
        return self._now

    def monotonic(self) -> float:
        """Return the monotonic clock's reading."""
        return self._monotonic

    def travel(self, seconds: float) -> None:
        """Let `seconds` pass on both readings."""
        self._now += seconds
        self._monotonic += seconds

    def step(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an administrator or NTP would."""
        self._now += seconds


SYSTEM_CLOCK = SystemClock()
