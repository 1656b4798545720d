"""What more workers bring, where the machine has the cores for them."""

import contextlib
import os
import statistics
from pathlib import Path

from bench.booths import prepare, serving
from bench.cores import EVERY, on
from bench.endpoints import TOKEN
from bench.load import Load, Target, post, run_load, to
from bench.processes import megabytes
from bench.progress import Progress
from bench.rounds import Pace, calm
from bench.table import Table

_CONNECTIONS = 64


def numbers() -> list[int]:
    """Return 1, 2, 4 … up to the machine's cores."""
    cores = len(EVERY)
    return sorted({2**n for n in range(cores.bit_length()) if 2**n <= cores} | {cores})


def run(folder: Path, pace: Pace, progress: Progress) -> Table:
    """Load services with one worker and more in turns, on all cores."""
    table = Table(
        title="Workers: ES256 tokens, all cores",
        columns=("workers", "per second", "p99 µs", "calm CPU µs", "one worker's × as fast", "MB"),
        note=f"The load generator needs a core for itself: this machine has {os.cpu_count()}. "
        "CPU is what all workers spend on one token: while it stays the same, each further core "
        "brings a further core's tokens.",
    )
    prepared = prepare(folder / "workers.db")
    loads: dict[int, list[Load]] = {count: [] for count in numbers()}
    with contextlib.ExitStack() as stack:
        targets: dict[int, Target] = {}
        for count in loads:
            log = folder / f"workers-{count}.log"
            options = ("--workers", str(count))
            server = stack.enter_context(serving(prepared, log, *options, cores=EVERY))
            request = post(TOKEN, prepared.form("ES256"), port=server.port)
            targets[count] = to(server, request)
            run_load(targets[count], connections=_CONNECTIONS, seconds=1)
        with on(EVERY), progress.task("", pace.rounds * len(loads)) as step:
            for _ in range(pace.rounds):
                for count, target in targets.items():
                    step(f"{count} workers")
                    load = run_load(target, connections=_CONNECTIONS, seconds=2 * pace.seconds)
                    loads[count].append(load)
        memory = {count: sum(map(megabytes, target.pids)) for count, target in targets.items()}
    for count, shown in loads.items():
        table.add(
            str(count),
            statistics.median(load.per_second for load in shown),
            statistics.median(load.p99 for load in shown),
            calm(load.cpu for load in shown),
            statistics.median(
                load.per_second / first.per_second
                for load, first in zip(shown, loads[1], strict=True)
            ),
            memory[count],
        )
    return table
