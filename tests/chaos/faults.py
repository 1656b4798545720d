"""What breaks: the disk, and the system calls of a running service."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

_ATTACH_SECONDS = 20.0
_BLOCK = 64 * 1024


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own; needs the right to mount one, which root has."""
    folder.mkdir()
    options = f"size={megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """Leave not a byte free while inside."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (_BLOCK, 512, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    assert shutil.disk_usage(disk).free == 0
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def injected(pid: int, calls: str, fault: str) -> Iterator[None]:
    """Have these system calls of a process and all its threads misbehave while inside."""
    process = subprocess.Popen(
        ["strace", "-f", "-q", "-o", os.devnull, "-p", str(pid), "-e", f"trace={calls}",
         "-e", f"inject={calls}:{fault}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_until_traced(pid, process)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # it lets go of the process
        process.wait(_ATTACH_SECONDS)


def _wait_until_traced(pid: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _ATTACH_SECONDS
    while True:
        states = [
            path.read_text(encoding="ascii") for path in Path(f"/proc/{pid}/task").glob("*/status")
        ]
        if all("TracerPid:\t0\n" not in state for state in states):
            return
        assert process.poll() is None, "strace cannot trace here"
        assert time.monotonic() < end, "strace does not attach"
        time.sleep(0.05)
