"""A load generator: one thread, keep-alive connections, one request at a time on each."""

import json
import select
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

NextRequest = Callable[[bytes], bytes]  # the last answer's body -> the next request


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one stretch of load showed. Times in microseconds."""

    per_second: float
    p50: float
    p99: float
    cpu: float  # the server's CPU time for one request


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server under load, and what each connection sends to it."""

    port: int
    pid: int
    stream: Callable[[int], NextRequest]  # by the connection's number


def post(path: str, form: str, *headers: str, port: int) -> bytes:
    """Return the bytes of a form post, as a usual HTTP client sends it."""
    return "\r\n".join(
        [
            f"POST {path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Accept: application/json",
            "User-Agent: bench",
            *headers,
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(form)}",
            "",
            form,
        ]
    ).encode()


def get(path: str, *, port: int) -> bytes:
    """Return the bytes of a GET request."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        "Accept: application/json\r\nUser-Agent: bench\r\n\r\n"
    ).encode()


def same(request: bytes) -> Callable[[int], NextRequest]:
    """Every connection sends the same request over and over."""
    return lambda _connection: lambda _body: request


def turns(requests: list[bytes], connections: int) -> Callable[[int], NextRequest]:
    """The connections share out the requests, each going round its own."""

    def stream(connection: int) -> NextRequest:
        own = cycle(requests[connection::connections] or requests)
        return lambda _body: next(own)

    return stream


def chained(make: Callable[[dict[str, object] | None], bytes]) -> Callable[[int], NextRequest]:
    """Each request is made from the answer before it; the first from None."""
    return lambda _connection: lambda body: make(json.loads(body) if body else None)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that the process has used so far."""
    with open(f"/proc/{pid}/schedstat") as file:  # noqa: PTH123 - read twice in each stretch
        return int(file.read().split()[0]) / 1e9


def run_load(target: Target, *, connections: int, seconds: float) -> Load:
    """Load the server for some seconds; raises RuntimeError for any answer but 200."""
    poll = select.epoll()
    open_sockets: dict[int, tuple[socket.socket, NextRequest]] = {}
    sent_at: dict[int, float] = {}
    clock = time.perf_counter
    try:
        for number in range(connections):
            link = socket.create_connection(("127.0.0.1", target.port))
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            next_request = target.stream(number)
            open_sockets[link.fileno()] = link, next_request
            poll.register(link, select.EPOLLIN)
            sent_at[link.fileno()] = clock()
            link.sendall(next_request(b""))
        times: list[float] = []
        cpu_before, begun = cpu_seconds(target.pid), clock()
        end = begun + seconds
        while clock() < end:
            # Never asleep: waking it would cost the server more than the answer did.
            for number, _event in poll.poll(0):
                link, next_request = open_sockets[number]
                body = _answer(link)
                now = clock()
                times.append(now - sent_at[number])
                sent_at[number] = now
                link.sendall(next_request(body))
        took, cpu = clock() - begun, cpu_seconds(target.pid) - cpu_before
        for link, _next in open_sockets.values():
            _answer(link)
    finally:
        for link, _next in open_sockets.values():
            link.close()
        poll.close()
    if len(times) < connections:
        raise RuntimeError("The server answered too few requests to measure.")
    return Load(
        per_second=len(times) / took,
        p50=statistics.median(times) * 1e6,
        p99=statistics.quantiles(times, n=100)[98] * 1e6,
        cpu=cpu / len(times) * 1e6,
    )


def ask(port: int, request: bytes) -> bytes:
    """Send one request and return the answer's body."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        link.sendall(request)
        return _answer(link)


def _answer(link: socket.socket) -> bytes:
    data = link.recv(65_536)
    if not data.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"The server answered: {data[:300]!r}")
    head, _, body = data.partition(b"\r\n\r\n")
    # uvicorn sends head and body apart, and they may arrive so.
    length = int(head[head.index(b"content-length: ") + 16 :].split(b"\r\n", 1)[0])
    while len(body) < length:
        more = link.recv(65_536)
        if not more:
            raise RuntimeError("The server hung up.")
        body += more
    return body
