"""Which core does what: servers on the first, everything that measures on the last."""

import contextlib
import os
from collections.abc import Iterator

_CORES = sorted(os.sched_getaffinity(0))
EVERY = set(_CORES)
SERVER = {_CORES[0]}
BENCH = {_CORES[-1]}


def stay_on(cores: set[int]) -> None:
    """Keep this process, and those it starts from now on, on these cores."""
    os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def on(cores: set[int]) -> Iterator[None]:
    """Move this process there until the block ends."""
    before = os.sched_getaffinity(0)
    stay_on(cores)
    try:
        yield
    finally:
        stay_on(before)
