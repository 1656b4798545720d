"""How late the event loop does what is due: what one request waits for behind all the others."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from tokenbooth.clock import SYSTEM_CLOCK
from tokenbooth.server.metrics import families
from tokenbooth.server.metrics.counting import Metrics

_LOOK_SECONDS = 0.25

# Not by the loop's own clock: that one stands still while the loop is busy.
_monotonic = SYSTEM_CLOCK.monotonic


@contextmanager
def watching_event_loop(metrics: Metrics) -> Iterator[None]:
    """Look at the running loop again and again while inside."""
    watch = _LoopWatch(metrics)
    try:
        yield
    finally:
        watch.timer.cancel()


class _LoopWatch:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self.timer = self._look_again(_monotonic())

    def _look_again(self, now: float) -> asyncio.TimerHandle:
        return self._loop.call_later(_LOOK_SECONDS, self._look, now + _LOOK_SECONDS)

    def _look(self, due: float) -> None:
        now = _monotonic()
        self._metrics.observe(max(0.0, now - due), families.LOOP_LAG)
        self.timer = self._look_again(now)
