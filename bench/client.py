"""The client: a token at hand, and a cold start of many threads and tasks at once."""

import asyncio
import statistics
import threading
import time
from pathlib import Path

from bench.booths import CLIENT_ID, prepare, serving
from bench.progress import Progress
from bench.rounds import Pace
from bench.table import Table
from tokenbooth.client import TokenSource
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.fetch import HttpFetch, Request, Response

_CALLS, _ROUNDS, _ASKING = 20_000, 7, 100


class _CountingFetch:
    """Fetches for real, and counts the token requests."""

    def __init__(self) -> None:
        self._fetch = HttpFetch()
        self._lock = threading.Lock()
        self.token_requests = 0

    def __call__(self, request: Request) -> Response:
        if request.method == "POST":
            with self._lock:
                self.token_requests += 1
        return self._fetch(request)


def run(folder: Path, _pace: Pace, progress: Progress) -> Table:
    """Measure against a real service."""
    table = Table(title="Client", columns=("what", "figure"))
    prepared = prepare(folder / "client.db")
    with serving(prepared, folder / "client.log") as server:
        progress.say("100 threads and 100 tasks at once")
        fetch = _CountingFetch()
        source = TokenSource(
            issuer=f"http://127.0.0.1:{server.port}",
            client_id=CLIENT_ID,
            secret=Secret(prepared.secrets["ES256"]),
            fetch=fetch,
        )
        cold = _ask_cold(source)
        at_hand = [_at_hand(source) for _ in range(_ROUNDS)]
        at_hand_async = [asyncio.run(_at_hand_async(source)) for _ in range(_ROUNDS)]
    table.add("token at hand, token(), µs", statistics.median(at_hand))
    table.add("token at hand, await atoken(), µs", statistics.median(at_hand_async))
    asking = f"{_ASKING} threads and {_ASKING} tasks, cold"
    table.add(f"{asking}: token requests", fetch.token_requests)
    table.add(f"{asking}: ms until all have the token", cold * 1e3)
    return table


def _ask_cold(source: TokenSource) -> float:
    """Let everybody ask at once; return the seconds until the last has the token."""
    together = threading.Barrier(_ASKING + 2)
    got: list[str] = []

    def ask() -> None:
        together.wait()
        got.append(source.token().access_token)

    async def ask_in_tasks() -> None:
        together.wait()
        tokens = await asyncio.gather(*(source.atoken() for _ in range(_ASKING)))
        got.extend(token.access_token for token in tokens)

    threads = [threading.Thread(target=ask) for _ in range(_ASKING)]
    threads.append(threading.Thread(target=lambda: asyncio.run(ask_in_tasks())))
    for thread in threads:
        thread.start()
    together.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    if len(got) != 2 * _ASKING or len(set(got)) != 1:
        raise RuntimeError(f"{len(got)} asked and got {len(set(got))} different tokens.")
    return took


def _at_hand(source: TokenSource) -> float:
    begun = time.thread_time()
    for _ in range(_CALLS):
        source.token()
    return (time.thread_time() - begun) / _CALLS * 1e6


async def _at_hand_async(source: TokenSource) -> float:
    begun = time.thread_time()
    for _ in range(_CALLS):
        await source.atoken()
    return (time.thread_time() - begun) / _CALLS * 1e6
