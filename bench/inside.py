"""The application called in this process, without server or socket: what the steps cost."""

import asyncio
import cProfile
import io
import os
import pstats
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from bench.booths import CLIENT_ID, issuer_path, prepare
from bench.progress import Progress
from bench.rounds import Pace
from bench.table import Table
from tokenbooth.server.app import TokenService, create_app
from tokenbooth.server.settings import Settings

_WARM_UP, _CALLS, _BATCH = 500, 5000, 100


def profile(folder: Path, kind: str = "ES256") -> str:
    """Return where the time of one kind of token request goes, by cProfile."""
    profiler = cProfile.Profile(time.thread_time)
    uvloop.run(_replay(folder, kind, profiler, "info"))
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(45)
    return text.getvalue()


def run(folder: Path, pace: Pace, progress: Progress) -> Table:
    """Measure the application alone."""
    title = "The application alone, called in process"
    table = Table(title=title, columns=("what", "CPU µs", "of which log"))
    with progress.task("", 3) as step:
        for kind in ("ES256", "EdDSA", "opaque"):
            step(kind)
            times = []
            for log_level in ("info", "warning") * (3 if pace.rounds >= 6 else 1):
                with tempfile.TemporaryDirectory(dir=folder) as inner:
                    times.append(uvloop.run(_replay(Path(inner), kind, None, log_level)))
            logged, silent = statistics.median(times[::2]), statistics.median(times[1::2])
            table.add(kind, logged, logged - silent)
    return table


async def _replay(
    folder: Path, kind: str, profiler: cProfile.Profile | None, log_level: str
) -> float:
    database = folder / "inside.db"
    secret = (await asyncio.to_thread(prepare, database)).secrets[kind]
    settings = Settings.load({}, database=f"sqlite:///{database}", log_level=log_level)
    kept = os.dup(2)
    with (folder / "inside.log").open("wb") as log:
        os.dup2(log.fileno(), 2)  # the log goes to a file, as in service
        try:
            app = create_app(settings, base_url="http://127.0.0.1:8080")
            async with app.running():
                return await _calls(app, _scope(kind), _body(secret), profiler)
        finally:
            os.dup2(kept, 2)
            os.close(kept)


async def _calls(
    app: TokenService, scope: dict[str, Any], body: bytes, profiler: cProfile.Profile | None
) -> float:
    message = {"type": "http.request", "body": body, "more_body": False}
    statuses = set()

    async def receive() -> dict[str, Any]:
        return message

    async def send(sent: Any) -> None:  # noqa: ANN401 - ASGI's own types
        statuses.add(sent.get("status"))

    for _ in range(_WARM_UP):
        await app(dict(scope), receive, send)
    batches = []
    if profiler is not None:
        profiler.enable()
    for _ in range(_CALLS // _BATCH):
        begun = time.thread_time()
        for _ in range(_BATCH):
            await app(dict(scope), receive, send)
        batches.append((time.thread_time() - begun) / _BATCH * 1e6)
    if profiler is not None:
        profiler.disable()
    if statuses != {200, None}:
        raise RuntimeError(f"The service answered {statuses}.")
    return statistics.quantiles(batches, n=10)[0]  # other work on the machine only adds


def _body(secret: str) -> bytes:
    return f"grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={secret}".encode()


def _scope(kind: str) -> dict[str, Any]:
    path = issuer_path(kind) + "/oauth2/token"
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8080),
        "state": {},
        "headers": [
            (b"host", b"127.0.0.1:8080"),
            (b"accept", b"application/json"),
            (b"user-agent", b"bench"),
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"content-length", b"150"),
        ],
    }
