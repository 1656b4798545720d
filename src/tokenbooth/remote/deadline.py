"""One deadline over a whole HTTP exchange, where the HTTP library only limits each single read."""

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tokenbooth.clock import Clock

if TYPE_CHECKING:
    import httpcore2
    import httpx2

_current = threading.local()
_SOONEST = 0.000_001  # a socket's time-out of 0 would mean "do not block" instead of "too late"


class Deadline:
    """The moment by which the exchange that runs in this thread must be over."""

    __slots__ = ("_at", "_clock")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._at = clock.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds left, negative when it is too late."""
        return self._at - self._clock.monotonic()

    @contextlib.contextmanager
    def in_force(self) -> Iterator[None]:
        """Hold this thread's reads and writes to the deadline."""
        before = getattr(_current, "deadline", None)
        _current.deadline = self
        try:
            yield
        finally:
            _current.deadline = before


def _at_most(timeout: float | None) -> float | None:
    deadline: Deadline | None = getattr(_current, "deadline", None)
    if deadline is None:
        return timeout
    left = max(deadline.remaining(), _SOONEST)
    return left if timeout is None else min(left, timeout)


class _Stream:
    """A connection whose every read and write ends by the deadline."""

    def __init__(self, stream: "httpcore2.NetworkStream") -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _at_most(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _at_most(timeout))

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "_Stream":
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _at_most(timeout)))

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> object:
        found: object = self._stream.get_extra_info(info)
        return found


class _Backend:
    """Opens connections that keep the deadline."""

    def __init__(self, backend: "httpcore2.NetworkBackend") -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable["httpcore2.SOCKET_OPTION"] | None = None,
    ) -> _Stream:
        return _Stream(
            self._backend.connect_tcp(host, port, _at_most(timeout), local_address, socket_options)
        )

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


def bound_by_deadline(
    client: "httpx2.Client", wrap: Callable[["httpcore2.NetworkBackend"], Any] = lambda b: b
) -> None:
    """Make every connection of `client` keep the deadline in force, and be opened by `wrap`'s.

    A server that trickles its headers byte by byte would otherwise hold a thread for days:
    the library's time-outs start anew with each read, and it has no public place for ours.
    """
    inside: Any = client
    for transport in (inside._transport, *inside._mounts.values()):  # noqa: SLF001 - see above
        if transport is not None:
            pool = transport._pool  # noqa: SLF001 - see above
            pool._network_backend = _Backend(wrap(pool._network_backend))  # noqa: SLF001 - see above
