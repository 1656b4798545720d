"""More requests than the service can answer: the late ones are told at once to come back.

Requests wait for their turn in one event loop. Answered however late they came, all of them would
be too late for their callers; so one that has waited too long costs next to nothing instead.
"""

import asyncio
from collections.abc import Callable

import msgspec

from tokenbooth.clock import Clock
from tokenbooth.server.exchange import ASGIApp, Header, Receive, Scope, Send
from tokenbooth.server.logs import get_logger

# Where whoever looks after the service looks: never turned away.
ALWAYS_SERVED = frozenset(("/healthz", "/readyz", "/metrics"))
BODY = msgspec.json.encode(
    {
        "error": "temporarily_unavailable",
        "error_description": "The service has more requests than it can answer; try again later.",
    }
)
_LOG_SECONDS = 10.0
_SPREAD = 3  # so that those turned away do not all come back in the same second


class Overload:
    """What one process does with requests that come too late."""

    __slots__ = (
        "_clock",
        "_logged_at",
        "_patience",
        "_since_logged",
        "_turn_began",
        "_turned_away",
        "on_refusal",
    )

    def __init__(self, patience: float, clock: Clock) -> None:
        """`patience`: how many seconds a request may wait for its turn."""
        self._patience = patience
        self._clock = clock
        self._turn_began: float | None = None
        self._turned_away = 0
        self._since_logged = 0
        self._logged_at = float("-inf")
        self.on_refusal: Callable[[], None] = lambda: None

    def arrival(self, loop: asyncio.AbstractEventLoop) -> float:
        """Return since when, at the latest, what is read now has been waiting.

        An event loop reads all that arrived before it does anything else, and answers of a kind
        are made while reading; so what is read last has waited for all the others.
        """
        if self._turn_began is None:
            self._turn_began = self._clock.monotonic()
            loop.call_soon(self._end_turn)
        return self._turn_began

    def _end_turn(self) -> None:
        self._turn_began = None

    def is_late(self, arrived: float) -> bool:
        """Whether a request that arrived then, by the monotonic clock, has waited too long."""
        return self._clock.monotonic() - arrived > self._patience

    def turn_away(self) -> list[Header]:
        """Count a request that is turned away; return the headers of its answer, status 503."""
        self._turned_away += 1
        self._since_logged += 1
        self.on_refusal()
        now = self._clock.monotonic()
        if now - self._logged_at >= _LOG_SECONDS:
            get_logger().warning("overloaded", turned_away=self._since_logged)
            self._logged_at, self._since_logged = now, 0
        return [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(BODY)),
            (b"cache-control", b"no-store"),
            (b"retry-after", b"%d" % (1 + self._turned_away % _SPREAD)),
        ]

    def hurried(self, app: ASGIApp, arrived: float) -> ASGIApp:
        """Return the application for one request: it answers only if its turn comes in time."""

        async def in_time(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] in ALWAYS_SERVED or not self.is_late(arrived):
                await app(scope, receive, send)
                return
            headers = self.turn_away()
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": BODY})

        return in_time
