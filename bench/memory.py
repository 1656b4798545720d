"""What a worker holds: idle, after load, and for each client it knows."""

from dataclasses import dataclass
from pathlib import Path

from bench.booths import Prepared, prepare, serving
from bench.growth import register
from bench.load import ask_all, post, run_load, to
from bench.processes import megabytes
from bench.progress import Progress
from bench.rounds import Pace
from bench.table import Table

PER_CLIENT = "a client that asked, bytes"
BOUNDED = "with little room, after all asked a second time, after the first = 1"
CLIENTS = 20_000
QUICK_CLIENTS = 2_000
_KEPT = 20  # where there is little room, one client of so many is kept
_CONNECTIONS = 16
_LOAD_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    idle: float
    loaded: float
    known: float  # after all clients asked
    again: float  # after all clients asked once more


def run(folder: Path, pace: Pace, progress: Progress) -> Table:
    """Let many clients ask one worker, once with room for all of them and once without."""
    clients = CLIENTS if pace.rounds >= 6 else QUICK_CLIENTS
    kept = clients // _KEPT
    prepared = prepare(folder / "memory.db")
    register(folder / "memory.db", clients)
    with progress.task("", 2) as step:
        step(f"{clients:,} clients kept")
        roomy = _held(folder, prepared, clients)
        step(f"{clients:,} clients, {kept:,} kept")
        small = _held(folder, prepared, clients, {"client_cache_size": str(kept)})
    table = Table(title="Memory of one worker", columns=("what", "figure"))
    table.add("idle, MB", roomy.idle)
    table.add(f"after {_LOAD_SECONDS:.0f} s of load by one client, MB", roomy.loaded)
    table.add(f"after {clients:,} clients asked, MB", roomy.known)
    table.add(f"after {clients:,} clients asked, {kept:,} kept, MB", small.known)
    for_clients = roomy.known - roomy.loaded
    table.add(PER_CLIENT, for_clients * 2**20 / clients)
    table.add(BOUNDED, small.again / small.known)
    return table


def _held(
    folder: Path, prepared: Prepared, clients: int, settings: dict[str, str] | None = None
) -> _Held:
    form = prepared.form("ES256").replace("client_id=bench-client", "client_id=client-%07d")
    with serving(prepared, folder / "memory.log", settings=settings) as server:
        idle = megabytes(server.pid)
        usual = to(server, post("/oauth2/token", prepared.form("ES256"), port=server.port))
        run_load(usual, connections=_CONNECTIONS, seconds=_LOAD_SECONDS)
        loaded = megabytes(server.pid)
        requests = [post("/oauth2/token", form % n, port=server.port) for n in range(clients)]
        ask_all(server.port, requests)
        known = megabytes(server.pid)
        ask_all(server.port, requests)
        return _Held(idle=idle, loaded=loaded, known=known, again=megabytes(server.pid))
