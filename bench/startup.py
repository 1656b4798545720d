"""From the start of the program to the first token, and what an idle worker holds in memory."""

import statistics
import time
from pathlib import Path

from bench.booths import CLIENT_ID, prepare, serving
from bench.load import ask, post
from bench.table import Table, number

_STARTS = 5


def measure(folder: Path) -> Table:
    """Start the service several times on a database that is there, and once on a new one."""
    table = Table(
        title="Start (goal: first token ≤ 1.5 s, idle worker ≤ 90 MB)", columns=("what", "figure")
    )
    database, log = folder / "start.db", folder / "start.log"
    secret = prepare(database)["ES256"]
    firsts, memories = [], []
    for _ in range(_STARTS):
        with serving(database, log) as server:
            begun = time.perf_counter()
            form = f"grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={secret}"
            ask(server.port, post("/oauth2/token", form, port=server.port))
            firsts.append(server.started_in + time.perf_counter() - begun)
            memories.append(megabytes(server.pid))
    with serving(folder / "new.db", log) as server:
        new = server.started_in
    table.add("start to first token, s", f"{statistics.median(firsts):.2f}")
    table.add("start with a new database until it serves, s", f"{new:.2f}")
    table.add("idle worker, MB (RSS)", number(statistics.median(memories)))
    return table


def megabytes(pid: int) -> float:
    """Return the memory that the process holds."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    return (
        next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Rss:")) / 1024
    )
