"""One HTTP request and its answer, as the hot endpoints see them: bare ASGI, nothing else."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from tokenbooth.protocol.errors import InvalidRequest, RequestTooLarge, printable
from tokenbooth.protocol.networks import Networks, is_within
from tokenbooth.server.deadlines import Deadlines

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]
Peer = tuple[str, int]

RAW_KEY = "raw_request"  # where our own listener leaves a request's bytes, in the ASGI state

_ID_BYTES = 12
_LONGEST_AGENT = 128
# An oversized body is read and thrown away up to here, so that its sender sees the answer.
_DRAIN_BYTES = 8 * 1024 * 1024


class ClientGone(Exception):
    """The client hung up before its request was complete; nobody waits for an answer."""


class Exchange:
    """One request. The request id is ours and goes into the answer and every log line."""

    __slots__ = (
        "_deadlines",
        "_receive",
        "_send",
        "method",
        "path",
        "request_id",
        "scope",
        "status",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, deadlines: Deadlines) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._deadlines = deadlines
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.request_id = new_request_id()
        self.status = 0

    def header(self, name: bytes) -> str | None:
        """Return the last header of that lower-case name."""
        found = None
        for key, value in self.scope["headers"]:
            if key == name:
                found = value.decode("latin-1")
        return found

    def headers(self, name: bytes) -> tuple[str, ...]:
        """Return every header of that lower-case name."""
        return tuple([v.decode("latin-1") for key, v in self.scope["headers"] if key == name])

    def agent(self) -> str:
        """Return the User-Agent, shortened and printable."""
        return printable(self.header(b"user-agent") or "", limit=_LONGEST_AGENT)

    def is_from(self, networks: Networks) -> bool:
        """Whether the other end of the connection itself is in one of these networks."""
        peer = self.scope.get("client")
        return bool(networks) and peer is not None and is_within(peer[0], networks)

    def source(self, trusted_proxies: Networks) -> str:
        """Return the caller's address; a trusted proxy's word for it counts."""
        forwarded = self.headers(b"x-forwarded-for") if trusted_proxies else ()
        return source_of(self.scope.get("client"), forwarded, trusted_proxies)

    @property
    def raw(self) -> tuple[bytes, ...] | None:
        """The bytes of the whole request as they came, where our listener kept them."""
        state = self.scope.get("state")
        return state.get(RAW_KEY) if state is not None else None

    async def body(self, *, max_bytes: int, seconds: float) -> bytes:
        """Return the whole body; raises RequestTooLarge, InvalidRequest or ClientGone."""
        deadline = asyncio.get_running_loop().time() + seconds
        message = await self._receive_within(seconds)
        chunk: bytes = message.get("body", b"")
        if not message.get("more_body", False) and len(chunk) <= max_bytes:
            return chunk
        chunks, size = [chunk], len(chunk)
        while message.get("more_body", False) and size <= _DRAIN_BYTES:
            message = await self._receive_within(deadline - asyncio.get_running_loop().time())
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= max_bytes:
                chunks.append(chunk)
        if size > max_bytes:
            raise RequestTooLarge(f"The body is larger than {max_bytes} bytes.", reason="too_large")
        return b"".join(chunks)

    async def _receive_within(self, seconds: float) -> Message:
        if seconds <= 0:
            raise _too_slow()
        waiting = self._deadlines.start(seconds)
        try:
            message = await self._receive()
        except asyncio.CancelledError as error:
            if self._deadlines.stop(waiting):
                raise _too_slow() from error
            raise
        finally:
            self._deadlines.stop(waiting)
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message

    async def answer(
        self, status: int, body: bytes, content_type: bytes, headers: Iterable[Header] = ()
    ) -> None:
        """Send the whole answer; a HEAD request gets it without the body."""
        self.status = status
        # RFC 9110 §8.6: not the document's length, so none at all.
        length = None if status == 304 else b"%d" % len(body)
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    *answer_headers(content_type, length, self.request_id.encode()),
                    *headers,
                ],
            }
        )
        await self._send(
            {"type": "http.response.body", "body": b"" if self.method == "HEAD" else body}
        )


def answer_headers(content_type: bytes, length: bytes | None, request_id: bytes) -> list[Header]:
    """Return the headers of every answer of ours."""
    return [
        (b"content-type", content_type),
        *(() if length is None else ((b"content-length", length),)),
        (b"x-request-id", request_id),
        (b"x-content-type-options", b"nosniff"),
    ]


def new_request_id() -> str:
    """Return an id by which the answer is found in the log."""
    return os.urandom(_ID_BYTES).hex()


def source_of(peer: Peer | None, forwarded: Iterable[str], trusted_proxies: Networks) -> str:
    """Return the address of the caller behind that connection; a trusted proxy's word counts."""
    address = str(peer[0]) if peer else "unknown"
    if not trusted_proxies or not is_within(address, trusted_proxies):
        return address
    # From right to left: the first address that no trusted proxy of ours wrote.
    for hop in reversed(",".join(forwarded).split(",")):
        if hop.strip() and not is_within(hop.strip(), trusted_proxies):
            return printable(hop.strip(), limit=64)
    return address


def _too_slow() -> InvalidRequest:
    return InvalidRequest("The body came too slowly.", reason="slow_body")
