"""Far more requests than anybody can answer: sent when they are due, whatever came back so far."""

import contextlib
import select
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Self

_CHUNK = 65_536
_END = b"}"  # of every answer, which is JSON


@dataclass(kw_only=True)
class Tally:
    """What became of the requests, with the seconds from sending each to its answer."""

    seconds: dict[int, list[float]] = field(default_factory=dict)  # by status
    hasty: list[int] = field(default_factory=list)  # Retry-After of those turned away
    incomplete: int = 0  # hung up on
    sent: int = 0
    unsent: int = 0  # due while every connection waited for an answer
    lasted: float = 0.0

    def count(self, status: int) -> int:
        return len(self.seconds.get(status, ()))

    def percentile(self, status: int, share: float) -> float:
        times = sorted(self.seconds[status])
        return times[min(len(times) - 1, int(len(times) * share))]

    @property
    def served_per_second(self) -> float:
        return self.count(200) / self.lasted


class Crowd:
    """Many connections that send the same request, each again once it has its answer."""

    def __init__(self, port: int, request: bytes, connections: int) -> None:
        self._address = ("127.0.0.1", port)
        self._request = request
        self._epoll = select.epoll()
        self._open: dict[int, socket.socket] = {}
        self._idle: deque[int] = deque()
        self._busy: dict[int, float] = {}  # since when
        self._partial: dict[int, bytes] = {}
        for _ in range(connections):
            self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for each in self._open.values():
            each.close()
        self._epoll.close()

    def settle(self) -> None:
        """Have every connection answered once, without haste."""
        waiting = len(self._idle)
        while waiting:
            some = min(waiting, 50)
            for _ in range(some):
                self._ask(self._idle.popleft())
            waiting -= some
            end = time.monotonic() + 30
            while self._busy:
                assert time.monotonic() < end, "connections are not served"
                self._receive(Tally(), 0.05)

    def send(self, per_second: float, seconds: float) -> Tally:
        """Send at this rate, then wait for what is still under way."""
        tally = Tally()
        began = time.monotonic()
        due = 0
        while (now := time.monotonic()) < began + seconds:
            wanted = int((now - began) * per_second) - due
            due += wanted
            for _ in range(min(wanted, len(self._idle))):
                self._ask(self._idle.popleft())
                tally.sent += 1
                wanted -= 1
            tally.unsent += wanted
            self._receive(tally, 0.001)
        tally.lasted = time.monotonic() - began
        end = time.monotonic() + 30
        while self._busy and time.monotonic() < end:
            self._receive(tally, 0.05)
        tally.incomplete += len(self._busy)
        return tally

    def _connect(self) -> None:
        connection = socket.create_connection(self._address, timeout=30)
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = connection.fileno()
        self._open[number] = connection
        self._epoll.register(number, select.EPOLLIN)
        self._idle.append(number)

    def _ask(self, number: int) -> None:
        self._busy[number] = time.monotonic()
        with contextlib.suppress(OSError):  # seen when it is read
            self._open[number].send(self._request)

    def _receive(self, tally: Tally, wait: float) -> None:
        for number, _ in self._epoll.poll(wait):
            try:
                answer = self._open[number].recv(_CHUNK)
            except OSError:
                answer = b""
            sent = self._busy.pop(number, None)
            if not answer:
                tally.incomplete += sent is not None
                self._replace(number)
                continue
            answer = self._partial.pop(number, b"") + answer
            if sent is not None and not answer.endswith(_END):  # its body follows
                self._partial[number], self._busy[number] = answer, sent
                continue
            if sent is not None:
                status = int(answer[9:12])
                tally.seconds.setdefault(status, []).append(time.monotonic() - sent)
                if status == 503:
                    tally.hasty.append(int(answer.partition(b"retry-after: ")[2][:1] or b"0"))
            self._idle.append(number)

    def _replace(self, number: int) -> None:
        if number in self._idle:
            self._idle.remove(number)
        self._epoll.unregister(number)
        self._open.pop(number).close()
        self._connect()
