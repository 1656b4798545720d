"""What more registered clients cost: the same load on databases of different sizes."""

import contextlib
import statistics
from pathlib import Path

from pysqlite3 import dbapi2 as sqlite3

from bench.booths import CLIENT_ID, prepare, serving
from bench.load import Load, Target, post, run_load, turns
from bench.startup import megabytes
from bench.table import Table, number

USUAL = (10, 1_000, 10_000)
MILLION = 1_000_000

_TABLES = ("clients", "client_apis", "credentials")
_ACTIVE = 10_000  # as many clients at most ask during a round
_CONNECTIONS = 16


def measure(folder: Path, *, sizes: tuple[int, ...], rounds: int, seconds: float) -> Table:
    """Load services with few and many clients in turns; every client asks."""
    loads: dict[int, list[Load]] = {size: [] for size in sizes}
    memory = {}
    with contextlib.ExitStack() as stack:
        targets = {}
        for size in sizes:
            database = folder / f"{size}.db"
            secret = prepare(database)["ES256"]
            register(database, size)
            server = stack.enter_context(serving(database, folder / "growth.log"))
            asking = range(0, size, max(1, size // _ACTIVE))
            form = f"grant_type=client_credentials&client_secret={secret}&client_id=client-%07d"
            requests = [post("/oauth2/token", form % n, port=server.port) for n in asking]
            stream = turns(requests, _CONNECTIONS)
            targets[size] = Target(port=server.port, pid=server.pid, stream=stream)
            # Warm up: whoever asks is read from the database once.
            run_load(targets[size], connections=_CONNECTIONS, seconds=2 + len(requests) / 3000)
        for _ in range(rounds):
            for size, target in targets.items():
                load = run_load(target, connections=_CONNECTIONS, seconds=seconds)
                loads[size].append(load)
        memory = {size: megabytes(target.pid) for size, target in targets.items()}
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
        title="Growth (goal: p50 within 10 % from 10 clients on)",
        columns=(
            "registered",
            "per second",
            "p50 µs",
            "CPU µs",
            "CPU, of 10 clients'",
            "worker MB",
        ),
    )
    base = loads[sizes[0]]
    for size in sizes:
        of_base = statistics.median(
            load.cpu / first.cpu for load, first in zip(loads[size], base, strict=True)
        )
        table.add(
            f"{size:,}",
            number(statistics.median(load.per_second for load in loads[size])),
            number(statistics.median(load.p50 for load in loads[size])),
            number(statistics.median(load.cpu for load in loads[size])),
            f"{of_base:.2f}",
            number(memory[size]),
        )
    return table
