"""uvicorn with a graceful end: balancers hear of it first, callers next, and the door closes last.

SIGTERM starts the drain: `/readyz` answers 503 at once, every answer asks its caller to close the
connection, and all else is served as before. After the drain nobody new is let in, and requests
under way are finished. Ctrl-C ends without a drain; a second signal ends a drain that has begun.

It leans on what uvicorn keeps to itself; pyproject.toml pins the versions, tests hold it.
"""

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterable, Sequence
from types import FrameType

import uvicorn
from uvicorn.server import ServerState

from tokenbooth.cli.uvicorn_counts import server_counts
from tokenbooth.cli.uvicorn_workers import ReplacingSupervisor
from tokenbooth.clock import SYSTEM_CLOCK

FINISH_SECONDS = 15  # how long requests under way may take once nobody new is let in
SETTLE_SECONDS = 0.2  # for connections that were opened before: their requests are on the way
CLOSE = (b"connection", b"close")

_LOOK_SECONDS = 0.1
_SO_ATTACH_FILTER = 26  # Linux, socket(7); Python has no name for it
# A packet filter of four instructions: what opens a TCP connection (SYN) is dropped.
_DROP_OPENINGS = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF))
)


def refuse_connections(sockets: Iterable[socket.socket]) -> None:
    """Let nobody new in, while those who wait at the door are still served.

    To close a listening socket resets the connections that wait in its queue, with the requests
    that were sent on them. Senders whose opening was dropped try again within a second, and are
    then refused, or let in by whoever listens by then.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(_DROP_OPENINGS, len(_DROP_OPENINGS))
    described = struct.pack("HL", len(_DROP_OPENINGS) // 8, ctypes.addressof(program))
    for each in sockets:
        with contextlib.suppress(OSError):  # a kernel without it: the door just closes
            each.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)


def ask_to_close(state: ServerState) -> None:
    """Have every answer from now on ask its caller to close the connection."""
    if CLOSE not in state.default_headers:
        state.default_headers = [*state.default_headers, CLOSE]


class DrainConfig(uvicorn.Config):
    """A configuration that takes its application out of service, here or in a worker process."""

    def load(self) -> None:
        """Load the application; in a worker, let the parent's SIGUSR1 take it out of service."""
        super().load()
        if multiprocessing.parent_process() is not None:
            signal.signal(signal.SIGUSR1, lambda _number, _frame: self.leave())

    def leave(self) -> None:
        """Say at /readyz that this node goes, and ask callers to close their connections."""
        if not self.loaded:
            return
        if CLOSE not in self.encoded_headers:
            self.encoded_headers.append(CLOSE)
            if server_counts.state is not None:  # uvicorn would do it within a second
                ask_to_close(server_counts.state)
        self.loaded_app.leave()  # again if told again: it may have been starting


class DrainingServer(uvicorn.Server):
    """One process that serves and drains."""

    config: DrainConfig

    def __init__(
        self, config: DrainConfig, sockets: Sequence[socket.socket], drain_seconds: float
    ) -> None:
        super().__init__(config)
        self._sockets = sockets
        self._drain_seconds = drain_seconds
        self._is_draining = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start the drain; a second signal ends it."""
        if self._is_draining:
            self._captured_signals.append(sig)
            self._is_draining = False
            return
        if sig == signal.SIGTERM and not self.should_exit:
            self._is_draining = True
            self.config.leave()
        super().handle_exit(sig, frame)

    async def main_loop(self) -> None:
        """Serve until told to end, and then through the drain."""
        await super().main_loop()
        if signal.SIGTERM not in self._captured_signals:
            return
        end = SYSTEM_CLOCK.monotonic() + self._drain_seconds
        while self._is_draining and SYSTEM_CLOCK.monotonic() < end:
            await self.on_tick(0)  # the Date header moves on
            await asyncio.sleep(_LOOK_SECONDS)
        self._is_draining = False
        await self.on_tick(0)
        refuse_connections(self._sockets)
        await asyncio.sleep(SETTLE_SECONDS)


class DrainingSupervisor(ReplacingSupervisor):
    """Several processes that serve, and drain together; one that is replaced just ends."""

    def __init__(
        self, config: DrainConfig, sockets: list[socket.socket], drain_seconds: float
    ) -> None:
        super().__init__(config, sockets)
        self._drain_seconds = drain_seconds
        # Workers inherit that: one that is told while it starts must not die of it.
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._note_end)

    def handle_term(self) -> None:
        """Drain, then end all workers."""
        if self.should_exit.is_set():  # told by Ctrl-C before
            return
        end = SYSTEM_CLOCK.monotonic() + self._drain_seconds
        while not self.signal_queue and SYSTEM_CLOCK.monotonic() < end:
            self._tell_workers()  # again and again: one may just have become ready
            time.sleep(_LOOK_SECONDS)
        refuse_connections(self.sockets)
        time.sleep(SETTLE_SECONDS)
        super().handle_term()

    def _note_end(self, number: int, _frame: FrameType | None) -> None:
        self.signal_queue.append(number)
        self._tell_workers()  # not only when the loop looks: balancers are to know at once

    def _tell_workers(self) -> None:
        for each in self.processes:
            if each.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each.pid, signal.SIGUSR1)
