"""Servers in processes of their own: started, watched, and ended whatever happens here."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cores import SERVER, stay_on

_PATIENCE = 60.0
_ENDING = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server."""

    pid: int
    port: int
    started_in: float  # seconds until it answered


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    port: int,
    log: Path,
    path: str = "/",
    environment: dict[str, str] | None = None,
    cores: set[int] = SERVER,
    folder: Path | None = None,
    tls: bool = False,
) -> Iterator[Server]:
    """Run a server until the block ends; an empty `path` waits for its port alone."""
    kept = {name: value for name, value in os.environ.items() if "TOKENBOOTH_" not in name}
    begun = time.perf_counter()
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**kept, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            # Ctrl-C is for the benchmark, which then ends its servers one by one.
            start_new_session=True,
            preexec_fn=lambda: stay_on(cores),  # noqa: PLW1509 - this process has one thread
        )
    try:
        _wait(process, port, "" if tls else path, log)
        yield Server(pid=process.pid, port=port, started_in=time.perf_counter() - begun)
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    # Whoever runs several processes ends them itself; what is left of them then is killed.
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_ENDING)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait(process: "subprocess.Popen[bytes]", port: int, path: str, log: Path) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode()
    end = time.perf_counter() + _PATIENCE
    while time.perf_counter() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as link:
            if not path:
                return
            link.settimeout(_PATIENCE)
            link.sendall(request)
            if link.recv(65_536).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.005)
    ends = log.read_text("utf-8", "replace").strip()[-500:]
    raise RuntimeError(f"The server did not start; its log ends: {ends}")


def family(pid: int) -> list[int]:
    """Return the process and all that it started."""
    parents = dict(filter(None, map(_parent, Path("/proc").glob("[0-9]*/stat"))))
    members = [pid]
    for member in members:  # grows while it is walked
        members += [child for child, parent in parents.items() if parent == member]
    return members


def _parent(stat: Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        # The name, in parentheses, may hold anything.
        return int(stat.parent.name), int(
            stat.read_text("utf-8", "replace").rpartition(") ")[2].split()[1]
        )
    return None


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the CPU time that all threads of these processes have used so far."""
    used = 0
    for pid in pids:
        for task in _listed(Path(f"/proc/{pid}/task")):
            with contextlib.suppress(OSError):
                used += int((task / "schedstat").read_text("ascii").split()[0])
    return used / 1e9


def megabytes(pid: int) -> float:
    """Return the memory of the process and all that it started."""
    held = [_held(member) for member in family(pid)]
    # Each has its own; programs, libraries and shared memory are there once.
    return (sum(own for own, _shared in held) + max(shared for _own, shared in held)) / 1024


def _held(pid: int) -> tuple[int, int]:
    """Return the kilobytes that are its own, and those that it may share."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:  # it ended meanwhile
        return 0, 0
    sizes = {line.split()[0]: int(line.split()[1]) for line in rollup.splitlines()[1:]}
    return sizes["Anonymous:"], sizes["Rss:"] - sizes["Anonymous:"]


def _listed(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return list(folder.iterdir())
    return []
