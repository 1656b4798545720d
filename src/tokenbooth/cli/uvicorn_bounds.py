"""uvicorn with bounds: how large and how slow the head of a request may be (RFC 6585 §5)."""

import asyncio
import functools
import json
import os

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tokenbooth.cli.uvicorn_counts import server_counts
from tokenbooth.cli.uvicorn_drain import SETTLE_SECONDS, ask_to_close
from tokenbooth.server.settings import Settings

MAX_HEAD_BYTES = 65_536  # request line, headers, trailers and chunk sizes of one request

_ANSWERED = object()  # in place of uvicorn's cycle
_NO_UPGRADE = (
    "The service speaks HTTP/1.1 alone. Send requests with a body without the header Upgrade; "
    "in Java, build the HttpClient with version(HttpClient.Version.HTTP_1_1)."
)
_REASONS = {400: b"Bad Request", 431: b"Request Header Fields Too Large"}


@functools.cache
def patience() -> float:
    """Return how long a sender may take, from the environment that the parent process left."""
    return Settings.load(os.environ).body_timeout_seconds


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 that lets no sender fill the memory with headers, or hold a connection for nothing.

    uvicorn bounds neither with httptools; the body is bounded by the application itself.
    It leans on what uvicorn keeps to itself; pyproject.toml pins the versions, tests hold it.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to watch the connection."""
        self._head_bytes = 0
        self._cycle_before: object = None
        super().connection_made(transport)  # type: ignore[arg-type] # uvicorn narrows asyncio's own type
        server_counts.state = self.server_state
        self._watch = self.loop.call_later(patience(), self._close_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching it."""
        self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what is not body; answer 431 when it is too much."""
        if self.transport.is_closing():  # the parser has given up: what still arrives is not read
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(431, f"The headers are larger than {MAX_HEAD_BYTES} bytes.")

    def on_headers_complete(self) -> None:
        """Refuse an upgrade with a body: the parser would read the body as the next request."""
        if self.is_upgrade_with_body():
            self._refuse(400, _NO_UPGRADE)
            return
        super().on_headers_complete()

    def is_upgrade_with_body(self) -> bool:
        """Whether the request whose head was just read asks for another protocol, and goes on."""
        return bool(self.parser.should_upgrade()) and any(
            name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
            for name, value in self.headers
        )

    def on_body(self, body: bytes) -> None:
        """Leave the body out of the count."""
        self._head_bytes = max(0, self._head_bytes - len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Count anew for the next request."""
        self._head_bytes = 0
        if not self.transport.is_closing():  # refused: it may have no cycle of its own
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the form of every other error."""
        self._refuse(400, msg)

    def note_answered(self) -> None:
        """Note a request that had no cycle of uvicorn's: its sender is not idle."""
        self._cycle_before = _ANSWERED

    def shutdown(self) -> None:
        """Answer what is under way and what arrives within a moment, then close."""
        ask_to_close(self.server_state)
        if self._awaits_answer():
            super().shutdown()
        else:
            # A request may be in the socket already: to close now would reset it unseen.
            self.loop.call_later(SETTLE_SECONDS, self._close_when_idle)

    def _close_when_idle(self) -> None:
        if self._head_bytes and not self._awaits_answer():  # a part of a request is here
            self.loop.call_later(SETTLE_SECONDS, self._close_when_idle)
        elif not self.transport.is_closing():
            super().shutdown()

    def _awaits_answer(self) -> bool:
        return not getattr(self.cycle, "response_complete", True)  # None at first

    def _close_if_idle(self) -> None:
        """Hang up on a sender that has started no request since the last look, and awaits none."""
        if self.cycle is self._cycle_before and not self._awaits_answer():
            self.transport.close()
            return
        self._cycle_before = self.cycle
        self._watch = self.loop.call_later(patience(), self._close_if_idle)

    def _refuse(self, status: int, description: str) -> None:
        error = {"error": "invalid_request", "error_description": description}
        body = json.dumps(error, separators=(",", ":")).encode("ascii")
        head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncache-control: no-store\r\n"
        rest = b"content-length: %d\r\nconnection: close\r\n\r\n%b"
        self.transport.write(head % (status, _REASONS[status]) + rest % (len(body), body))
        self.transport.close()
