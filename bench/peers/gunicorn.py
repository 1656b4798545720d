"""gunicorn with one worker that keeps connections alive, as both Python peers are deployed."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bench.peers.peer import CLIENT_ID, CLIENT_SECRET, HERE, PYTHON, SCOPE
from bench.processes import Server, free_port, running

SETUP = "gunicorn, one gthread worker of 16 threads, log of errors"


@contextlib.contextmanager
def under_gunicorn(
    module: str, folder: Path, environment: dict[str, str], path: str = "/healthz"
) -> Iterator[Server]:
    """Serve `module:app` from the folder of the peers."""
    if not (PYTHON / "gunicorn").exists():
        raise RuntimeError("the Python peers are not installed")
    port = free_port()
    command = [
        *(str(PYTHON / "gunicorn"), "--chdir", str(HERE), "--bind", f"127.0.0.1:{port}"),
        *("--workers", "1", "--worker-class", "gthread", "--threads", "16", "--keep-alive", "75"),
        *("--graceful-timeout", "2"),
        *("--log-level", "error", f"{module}:app"),
    ]
    known = {
        "BENCH_CLIENT_ID": CLIENT_ID,
        "BENCH_CLIENT_SECRET": CLIENT_SECRET,
        "BENCH_SCOPE": SCOPE,
    }
    with running(
        command,
        port=port,
        path=path,
        log=folder / f"{module}.log",
        environment={**known, **environment},
    ) as server:
        yield server
