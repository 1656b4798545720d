"""A load generator: one thread, keep-alive connections, one request at a time on each."""

import json
import select
import socket
import ssl
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

from bench.processes import Server, cpu_seconds, family

PATIENCE = 60.0  # seconds
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
    pids: tuple[int, ...]  # the server, and the database's server where it needs one
    stream: Callable[[int], NextRequest]  # by the connection's number
    before: Callable[[], None] | None = None  # makes what a stretch uses up
    tls: ssl.SSLContext | None = None


def to(server: Server, request: bytes, *helpers: Server) -> Target:
    """Every connection sends the same request over and over."""
    pids = (server.pid, *(helper.pid for helper in helpers))
    return Target(port=server.port, pids=pids, stream=same(request))


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


def connect(target: Target) -> socket.socket:
    """Open one connection to the server."""
    link = socket.create_connection(("127.0.0.1", target.port), timeout=PATIENCE)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return target.tls.wrap_socket(link, server_hostname="127.0.0.1") if target.tls else link


def run_load(target: Target, *, connections: int, seconds: float) -> Load:
    """Load the server for some seconds; raises RuntimeError for any answer but 200."""
    if target.before:
        target.before()
    poll = select.epoll()
    open_sockets: dict[int, tuple[socket.socket, NextRequest]] = {}
    sent_at: dict[int, float] = {}
    clock = time.perf_counter
    try:
        for number in range(connections):
            link = connect(target)
            next_request = target.stream(number)
            open_sockets[link.fileno()] = link, next_request
            poll.register(link, select.EPOLLIN)
            sent_at[link.fileno()] = clock()
            link.sendall(next_request(b""))
        times: list[float] = []
        processes = [member for pid in target.pids for member in family(pid)]
        cpu_before, begun = cpu_seconds(processes), clock()
        end = begun + seconds
        # A server that is slower than one answer a stretch gets the time for two.
        while (now := clock()) < end or len(times) < 2:
            if now > begun + PATIENCE:
                raise RuntimeError(f"The server answered nothing within {PATIENCE:.0f} seconds.")
            # Never asleep: waking it would cost the server more than the answer did.
            for number, _event in poll.poll(0):
                link, next_request = open_sockets[number]
                body = answer(link)
                now = clock()
                times.append(now - sent_at[number])
                sent_at[number] = now
                link.sendall(next_request(body))
        took, cpu = clock() - begun, cpu_seconds(processes) - cpu_before
        for link, _next in open_sockets.values():
            answer(link)
    finally:
        for link, _next in open_sockets.values():
            link.close()
        poll.close()
    return Load(
        per_second=len(times) / took,
        p50=statistics.median(times) * 1e6,
        p99=statistics.quantiles(times, n=100)[98] * 1e6,
        cpu=cpu / len(times) * 1e6,
    )


def ask(port: int, request: bytes) -> bytes:
    """Send one request and return the answer's body."""
    return ask_all(port, [request])[0]


def ask_all(port: int, requests: list[bytes]) -> list[bytes]:
    """Send requests one after the other and return the answers' bodies."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as link:
        bodies = []
        for request in requests:
            link.sendall(request)
            bodies.append(answer(link))
        return bodies


def answer(link: socket.socket) -> bytes:
    """Read one answer; raises RuntimeError unless it is 200."""
    data = link.recv(65_536)
    if not data.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"The server answered: {data[:300]!r}")
    head, found, body = data.partition(b"\r\n\r\n")
    while not found:
        data += _more(link)
        head, found, body = data.partition(b"\r\n\r\n")
    head = head.lower()
    at = head.find(b"content-length: ")
    if at < 0:
        while not body.endswith(b"0\r\n\r\n"):  # chunked, the last chunk being empty
            body += _more(link)
        return b"".join(body.split(b"\r\n")[1:-3:2])
    # Some servers send head and body apart, and they may arrive so.
    length = int(head[at + 16 :].split(b"\r\n", 1)[0])
    while len(body) < length:
        body += _more(link)
    return body


def _more(link: socket.socket) -> bytes:
    data = link.recv(65_536)
    if not data:
        raise RuntimeError("The server hung up.")
    return data
