"""From the start of the program to the first token, and what an idle worker holds in memory."""

import statistics
import time
from pathlib import Path

from bench.booths import prepare, serving
from bench.load import ask, post
from bench.processes import megabytes
from bench.progress import Progress
from bench.rounds import Pace
from bench.table import Table


def run(folder: Path, pace: Pace, progress: Progress) -> Table:
    """Start the service several times on a database that is there, and once on a new one."""
    log, starts = folder / "start.log", max(2, min(5, pace.rounds))
    prepared = prepare(folder / "start.db")
    firsts, memories = [], []
    with progress.task("", starts + 1) as step:
        for number in range(starts):
            step(f"start {number + 1}")
            with serving(prepared, log) as server:
                begun = time.perf_counter()
                request = post("/oauth2/token", prepared.form("ES256"), port=server.port)
                ask(server.port, request)
                firsts.append(server.started_in + time.perf_counter() - begun)
                memories.append(megabytes(server.pid))
    table = Table(title="Start", columns=("what", "figure"))
    table.add("start to first token, s", statistics.median(firsts))
    table.add("idle worker, MB", statistics.median(memories))
    return table
