"""Which of the ordinary lines are logged, where a service answers too often to tell of each.

Whatever somebody may have to look into is always told: refusals, errors, changes, slow requests,
and what a limit would have refused. A kept line says of how many it is one, and once a minute a
line says how many were left out, so that sums stay right.
"""

import random
from collections.abc import Callable
from typing import Self

from tokenbooth.server.outcome import Outcome

SLOW_SECONDS = 0.25  # as TokenboothSlowTokens has it, in deploy/prometheus/alerts.yml
_ORDINARY = frozenset({"issued", "active", "inactive", "answered", "feed", "nothing_to_revoke"})


class LogSampling:
    """Keeps one in so many ordinary lines, each by a chance of its own."""

    __slots__ = ("_chance", "_left_out", "share")

    def __init__(self, share: float, chance: Callable[[], float] = random.random) -> None:
        self.share = share
        self._chance = chance
        self._left_out = 0

    @classmethod
    def of(cls, share: float) -> Self | None:
        """Return what chooses the lines, None where all are kept."""
        return None if share >= 1 else cls(share)

    def keeps(self, outcome: Outcome, seconds: float) -> bool:
        """Tell whether the request's line is to be written, before it is made."""
        if (
            outcome.result not in _ORDINARY
            or seconds >= SLOW_SECONDS
            or "observed" in outcome.fields
        ):
            return True
        if self._chance() < self.share:
            outcome.fields["sampled"] = self.share
            return True
        self._left_out += 1
        return False

    def take_left_out(self) -> int:
        """Return how many lines were left out since the last time."""
        left_out, self._left_out = self._left_out, 0
        return left_out
