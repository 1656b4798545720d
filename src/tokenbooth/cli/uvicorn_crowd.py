"""uvicorn in a crowd: more requests, connections or unread answers than it can keep up with.

It leans on what uvicorn keeps to itself; pyproject.toml pins the versions, tests hold it.
"""

import asyncio
import functools
import os
import resource
import socket
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from tokenbooth.cli.uvicorn_bounds import BoundedProtocol, patience
from tokenbooth.cli.uvicorn_drain import CLOSE
from tokenbooth.clock import SYSTEM_CLOCK
from tokenbooth.server.exchange import ASGIApp
from tokenbooth.server.overload import ALWAYS_SERVED, BODY, Overload
from tokenbooth.server.settings import Settings

# With fewer connections nobody can wait for long, and no clock is read.
CROWD = 100
MAX_PIPELINED = 100  # requests on one connection that were sent before the first was answered
# Left for the database, files, and whomever the service asks itself.
SPARE_DESCRIPTORS = 100
_DOORS = 16
# While more are ready than libuv asks for at once, it reads on and on: nothing else has its turn.
_READY_AT_ONCE = 1000
_SETTLED_SECONDS = 1.0  # whoever connects sends a request sooner
_SHARE = 10  # of the connections, one in so many may have to go at once

_ALWAYS_SERVED = frozenset(path.encode() for path in ALWAYS_SERVED)
_waiting: list["CrowdedProtocol"] = []  # read again in the next turn
_STATUS = b"HTTP/1.1 503 Service Unavailable\r\n"


@functools.cache
def overload() -> Overload:
    """Return what this process does in overload, from the environment that its parent left."""
    return Overload(Settings.load(os.environ).overload_seconds, SYSTEM_CLOCK)


@functools.cache
def _most_connections() -> int:
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(most - SPARE_DESCRIPTORS, CROWD)


def raise_descriptor_limit() -> None:
    """Let the process open as many files as it may: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def several_doors(listening: socket.socket) -> list[socket.socket]:
    """Return the listening socket several times.

    libuv takes one connection from each in a turn of the loop: in a crowd, turns are long.
    """
    return [listening, *(listening.dup() for _ in range(_DOORS - 1))]


def _start_turn() -> None:
    for each in _waiting:
        if not each.transport.is_closing():
            each.flow.resume_reading()
    _waiting.clear()


class CrowdedProtocol(BoundedProtocol):
    """HTTP/1.1 that turns requests away before their callers give up, and idlers out for others."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it in if there is room, or can be made."""
        self._made_at = self.loop.time()
        self._unread: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None
        super().connection_made(transport)
        if len(self.connections) > _most_connections() and not self._make_room():
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for its caller to read."""
        self._stop_waiting_for_reader()
        # uvicorn tells the request that came last, which may still wait behind this one.
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """Turn the request away if it comes too late; in a crowd, let it wait no longer."""
        if self.transport.is_closing():  # refused already, and more of it had been read
            return
        if len(self.pipeline) >= MAX_PIPELINED:
            self.transport.close()
            return
        if len(self.connections) < CROWD:
            super().on_headers_complete()
            return
        arrived = overload().arrival(self.loop)
        if (
            overload().is_late(arrived)
            and not self._awaits_answer()
            and not self._is_always_served()
            and not self.is_upgrade_with_body()
        ):
            self._turn_away()
            return
        app = self.app
        self.app = cast("Any", overload().hurried(cast("ASGIApp", app), arrived))
        try:
            super().on_headers_complete()
        finally:
            self.app = app

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - its type is private to uvicorn
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def is_late(self) -> bool:
        """Whether what is now read has waited too long, since others came before it."""
        if len(self.connections) < CROWD:
            return False
        return overload().is_late(overload().arrival(self.loop))

    def wait_for_next_turn(self) -> None:
        """Read no second request of this connection before the others have had their turn."""
        if len(self.connections) < _READY_AT_ONCE or self.transport.is_closing():
            return
        if not _waiting:
            self.loop.call_soon(_start_turn)
        _waiting.append(self)
        self.flow.pause_reading()

    def pause_writing(self) -> None:
        """Hang up later, unless the caller reads what it asked for."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(patience(), self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the caller has read most of it."""
        super().resume_writing()
        self._stop_waiting_for_reader()

    def _stop_waiting_for_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _close_if_idle(self) -> None:
        """Hang up for good on a caller that does not read the rest."""
        if self.transport.is_closing():
            self.transport.abort()
            return
        super()._close_if_idle()
        if self.transport.is_closing():
            self._watch = self.loop.call_later(patience(), self.transport.abort)

    def _is_always_served(self) -> bool:
        return self.url.partition(b"?")[0] in _ALWAYS_SERVED

    def _turn_away(self) -> None:
        """Answer without a task, and without the application."""
        stays = self.parser.should_keep_alive() and not self.expect_100_continue
        # One that is answered: what is left of the request is then read and dropped.
        self.cycle = RequestResponseCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=stays,
            on_response=self.on_response_complete,
        )
        self.cycle.response_started = self.cycle.response_complete = True
        headers = [*self.server_state.default_headers, *overload().turn_away()]
        if not stays:
            headers.append(CLOSE)
        lines = [b"%b: %b\r\n" % line for line in headers]
        body = b"" if self.parser.get_method() == b"HEAD" else BODY
        self.transport.write(b"".join((_STATUS, *lines, b"\r\n", body)))
        if stays:
            self.on_response_complete()
            self.wait_for_next_turn()
        else:
            self.transport.close()

    def _make_room(self) -> bool:
        """Hang up on some that wait for nothing; whether there were any."""
        settled = self.loop.time() - _SETTLED_SECONDS
        idle = [
            each
            for each in self.connections
            if isinstance(each, CrowdedProtocol) and each.is_idle_since(settled)
        ]
        # Those first that never asked for anything, and of these the oldest.
        idle.sort(key=lambda each: (each.cycle is not None, each._made_at))  # noqa: SLF001 - ours
        for each in idle[: max(1, len(self.connections) // _SHARE)]:
            each.transport.abort()
        return bool(idle)

    def is_idle_since(self, moment: float) -> bool:
        """Whether it was there at that moment of the loop's time, and awaits no answer."""
        return self._made_at <= moment and not self._awaits_answer()
