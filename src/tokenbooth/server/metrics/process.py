"""What this process takes of the machine; Linux tells it in /proc."""

import contextlib
import os
import resource
from pathlib import Path

from tokenbooth.server.metrics import families
from tokenbooth.server.metrics.counting import Metrics

_PROC = Path("/proc/self")
_START_TIME = 19  # in /proc/self/stat, behind the program's name; in ticks since the start


def measure(metrics: Metrics) -> None:
    """Note what it takes now; what the machine does not tell is left out."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    metrics.set(used.ru_utime + used.ru_stime, families.CPU_SECONDS)
    metrics.set(resource.getrlimit(resource.RLIMIT_NOFILE)[0], families.MOST_FILES)
    with contextlib.suppress(OSError):
        pages = int((_PROC / "statm").read_text().split()[1])
        metrics.set(pages * resource.getpagesize(), families.MEMORY_BYTES)
        metrics.set(sum(1 for _ in (_PROC / "fd").iterdir()), families.OPEN_FILES)
        metrics.set(_started_at(), families.STARTED_AT)


def _started_at() -> float:
    ticks = int((_PROC / "stat").read_text().rpartition(")")[2].split()[_START_TIME])
    booted = next(
        float(line.split()[1])
        for line in Path("/proc/stat").read_text().splitlines()
        if line.startswith("btime ")
    )
    return booted + ticks / os.sysconf("SC_CLK_TCK")
