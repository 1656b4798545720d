"""uvicorn with a short way: a request that repeats an answered one is answered as it arrives.

In ASGI a request costs a task, two messages each way and a look at every header, which is more
than all else of issuing a token but the signature (docs/performance.md).
"""

import asyncio
from collections.abc import Callable

from tokenbooth.cli.uvicorn_crowd import CrowdedProtocol
from tokenbooth.cli.uvicorn_drain import CLOSE
from tokenbooth.server.exchange import RAW_KEY, Peer
from tokenbooth.server.repeats import LONGEST, More

Repeat = Callable[[bytes, Peer | None], tuple[bytes, bytes] | More | None]

_STATUS_LINE = b"HTTP/1.1 200 OK\r\n"
_MOST_PIECES = 2  # many clients send a body apart from its head
_HOLD_SECONDS = 0.02  # in which the body follows; if not, nothing is lost but the short way


class RepeatingProtocol(CrowdedProtocol):
    """HTTP/1.1 that asks the application for repeats before it parses anything.

    Only for what arrives between two requests of a connection, and as a whole: the same bytes are
    the same request then. It leans on what uvicorn keeps to itself; pyproject.toml pins the
    versions, tests hold it.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin between two requests."""
        self._begun = self._whole = 0  # requests of this connection
        self._pieces: list[bytes] = []  # of the request that is being read, if it may come again
        self._held = b""  # a head whose body is on its way
        self._release: asyncio.TimerHandle | None = None
        self._answered_at = 0.0  # the last repeat, by the loop's clock
        self.repeat: Repeat | None = getattr(self.app, "repeat", None)
        self._common: list[tuple[bytes, bytes]] = []
        self._start = b""
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect no body any more."""
        self._take_held()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Answer a repeat at once, and leave all else to uvicorn."""
        pieces = [data]
        if self._release is not None:
            pieces = [self._take_held(), data]
            data = b"".join(pieces)
        if self.repeat is None or len(data) > LONGEST or not self._is_between_requests():
            self._read_on(data)
            return
        answer = self.repeat(data, self.client)
        if answer is None:
            self._read_first(pieces, data)
        elif isinstance(answer, More):
            self._hold(data)
        else:
            self._answer(*answer)

    def shutdown(self) -> None:
        """Let a request that has begun to arrive be one under way."""
        if self._release is not None:
            self._give_up_holding()
        super().shutdown()

    def on_message_begin(self) -> None:
        """Count it."""
        self._begun += 1
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Count it."""
        self._whole += 1
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Hang up once nothing has come for long enough; repeats leave the timer alone."""
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._wait_for_more(left)
        else:
            super().timeout_keep_alive_handler()

    def _is_between_requests(self) -> bool:
        return (
            self._begun == self._whole
            and getattr(self.cycle, "response_complete", True)  # None at first
            # A caller who reads no answers gets no more of them for now.
            and not self.flow.write_paused
            and not self.is_late()
            and not self.transport.is_closing()
        )

    def _read_first(self, pieces: list[bytes], data: bytes) -> None:
        """Let uvicorn read what no request came before on this connection that is not answered."""
        before = self._begun
        super().data_received(data)
        if self._begun == before + 1:
            self._pieces = pieces
            self._keep_if_whole()

    def _read_on(self, data: bytes) -> None:
        before = self._begun
        super().data_received(data)
        if not self._pieces:
            return
        self._pieces.append(data)
        if self._begun != before or len(self._pieces) > _MOST_PIECES:
            self._pieces = []
        else:
            self._keep_if_whole()

    def _keep_if_whole(self) -> None:
        if self._begun != self._whole:
            return
        # One that was refused by its head has no cycle of its own.
        if not self.transport.is_closing() and self.cycle.keep_alive:
            # Nobody has looked yet: the application reads the body after this call.
            self.cycle.scope["state"][RAW_KEY] = tuple(self._pieces)
        self._pieces = []

    def _hold(self, head: bytes) -> None:
        self._held = head
        self._release = self.loop.call_later(_HOLD_SECONDS, self._give_up_holding)

    def _take_held(self) -> bytes:
        if self._release is not None:
            self._release.cancel()
            self._release = None
        held, self._held = self._held, b""
        return held

    def _give_up_holding(self) -> None:
        head = self._take_held()
        self._read_first([head], head)

    def _answer(self, head: bytes, body: bytes) -> None:
        common = self.server_state.default_headers
        if common is not self._common:  # uvicorn makes a new list when the date changes
            self._common = common
            self._start = _STATUS_LINE + b"".join([b"%b: %b\r\n" % line for line in common])
        self.transport.write(b"".join((self._start, head, b"\r\n", body)))
        self.server_state.total_requests += 1
        if CLOSE in common:
            self.transport.close()
            return
        self.note_answered()
        self.wait_for_next_turn()
        self._answered_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._wait_for_more(self.timeout_keep_alive)

    def _wait_for_more(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )
