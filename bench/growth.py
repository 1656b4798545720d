"""What more registered clients cost: the same load on databases of different sizes."""

import contextlib
import statistics
from pathlib import Path

from pysqlite3 import dbapi2 as sqlite3

from bench.booths import CLIENT_ID, prepare, serving
from bench.load import Load, Target, ask_all, post, run_load, turns
from bench.processes import megabytes
from bench.progress import Progress
from bench.rounds import Pace, calm
from bench.table import Table

USUAL = (10, 1_000, 10_000)
QUICK = (10, 1_000)
MILLION = 1_000_000

_TABLES = ("clients", "client_apis", "credentials")
_ACTIVE = 10_000  # as many clients at most ask during a round


def run(folder: Path, pace: Pace, progress: Progress, *, sizes: tuple[int, ...] = USUAL) -> Table:
    """Load services with few and many clients in turns; every client asks, up to 10,000."""
    loads: dict[int, list[Load]] = {size: [] for size in sizes}
    with contextlib.ExitStack() as stack:
        targets = {}
        for size in sizes:
            progress.say(f"registering {size:,} clients")
            prepared = prepare(folder / f"{size}.db")
            register(folder / f"{size}.db", size)
            server = stack.enter_context(serving(prepared, folder / "growth.log"))
            asking = range(0, size, max(1, size // _ACTIVE))
            form = prepared.form("ES256").replace(CLIENT_ID, "client-%07d")
            requests = [post("/oauth2/token", form % n, port=server.port) for n in asking]
            stream = turns(requests, pace.connections)
            targets[size] = Target(port=server.port, pids=(server.pid,), stream=stream)
            ask_all(server.port, requests)  # whoever asks is read from the database once
            run_load(targets[size], connections=pace.connections, seconds=pace.seconds)
        with progress.task("", pace.rounds * len(sizes)) as step:
            for _ in range(pace.rounds):
                for size, target in targets.items():
                    step(f"{size:,} clients")
                    load = run_load(target, connections=pace.connections, seconds=pace.seconds)
                    loads[size].append(load)
        memory = {size: sum(map(megabytes, target.pids)) for size, target in targets.items()}
    return _table(sizes, loads, memory)


def register(database: Path, count: int) -> None:
    """Copy the bench client `count` times, its secret's digest included."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for table in _TABLES:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            copied = ", ".join(_copied(table, column) for column in columns)
            connection.execute(
                f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?) "  # noqa: S608
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {copied} FROM {table} t, n "
                "WHERE t.issuer = 'default' AND t.client_id = ?",
                (count, CLIENT_ID),
            )


def _copied(table: str, column: str) -> str:
    if column == "client_id":
        return "printf('client-%07d', n.i)"
    if table == "credentials" and column == "id":
        return "printf('copy%08d', n.i)"
    return f"t.{column}"


def _table(sizes: tuple[int, ...], loads: dict[int, list[Load]], memory: dict[int, float]) -> Table:
    table = Table(
        title="Registered clients",
        columns=("registered", "per second", "p50 µs", "p50, of 10 clients'", "calm CPU µs", "MB"),
        note=f"Every client asks in turn, up to {_ACTIVE:,} of them. "
        "Ratios within the same round, and their median.",
    )
    base = loads[sizes[0]]
    for size in sizes:
        shown = loads[size]
        of_base = [load.p50 / first.p50 for load, first in zip(shown, base, strict=True)]
        table.add(
            f"{size:,}",
            statistics.median(load.per_second for load in shown),
            statistics.median(load.p50 for load in shown),
            statistics.median(of_base),
            calm(load.cpu for load in shown),
            memory[size],
        )
    return table
