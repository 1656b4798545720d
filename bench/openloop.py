"""Load at a fixed rate: requests leave when they are due, however long the answers take."""

import select
import socket
import statistics
import time
from collections import deque
from dataclasses import dataclass

from bench.load import NextRequest, Target, answer, connect


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """What a stretch at one rate showed. Times in microseconds, from when a request was due."""

    answered: float  # of those that were due, 0 to 1
    p50: float
    p99: float
    p999: float


def run_rate(
    target: Target, *, per_second: float, seconds: float, connections: int, grace: float = 2.0
) -> Paced:
    """Send at that rate; who has to wait for a free connection waits on the clock.

    Answers that are not there `grace` seconds after the last request was due count as missing.
    """
    poll = select.epoll()
    links: dict[int, tuple[socket.socket, NextRequest]] = {}
    idle: deque[tuple[int, bytes]] = deque()
    due_at: dict[int, float] = {}
    times: list[float] = []
    clock = time.perf_counter
    total = max(2, int(per_second * seconds))
    try:
        for number in range(connections):
            link = connect(target)
            links[link.fileno()] = link, target.stream(number)
            poll.register(link, select.EPOLLIN)
            idle.append((link.fileno(), b""))
        begun, sent = clock(), 0
        last = begun + total / per_second + grace
        while len(times) < total and (now := clock()) < last:
            while idle and sent < total and (due := begun + sent / per_second) <= now:
                number, body = idle.popleft()
                link, next_request = links[number]
                due_at[number] = due
                link.sendall(next_request(body))
                sent += 1
            for number, _event in poll.poll(0):
                body = answer(links[number][0])
                times.append(clock() - due_at[number])
                idle.append((number, body))
    finally:
        for link, _next in links.values():
            link.close()
        poll.close()
    if len(times) < 2:
        raise RuntimeError("The server answered too few requests to measure.")
    parts = statistics.quantiles(times, n=1000)
    return Paced(
        answered=len(times) / total,
        p50=parts[499] * 1e6,
        p99=parts[989] * 1e6,
        p999=parts[998] * 1e6,
    )
