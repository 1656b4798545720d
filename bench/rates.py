"""How long an answer takes at rates that stay the same, whatever the service does."""

import contextlib
import statistics
from pathlib import Path

from bench.booths import prepare, serving
from bench.endpoints import TOKEN
from bench.load import Target, post, run_load, to
from bench.openloop import Paced, run_rate
from bench.peers import authlib_flask, oidc_provider
from bench.progress import Progress
from bench.rounds import FAILED, Pace, reporting, told
from bench.table import Table

RATES = (50, 500, 2000, 5000)
_CONNECTIONS = 64
_PEERS = (*oidc_provider.PEERS, *authlib_flask.PEERS)


def run(folder: Path, pace: Pace, progress: Progress) -> Table:
    """Send ES256 token requests at fixed rates to the service and to the faster peers."""
    table = Table(
        title="Latency at fixed rates, ES256 tokens, one core",
        columns=("what", "asked per second", "answered", "p50 µs", "p99 µs", "p99.9 µs"),
        note="Each request leaves when it is due and its time runs from then on, "
        f"so waiting is counted. Up to {_CONNECTIONS} connections; medians of the rounds. "
        "Rates above what a server can do are left out.",
    )
    failed: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        targets = {"Tokenbooth": _ours(folder, stack)}
        for peer in _PEERS:
            with reporting(failed, peer.name):
                for offer in stack.enter_context(peer.start(folder)):
                    if offer.kind == "ES256":
                        targets[offer.name] = offer.target
        rounds = max(1, pace.rounds // 4)
        with progress.task("", rounds * len(RATES) * len(targets)) as step:
            for name, target in targets.items():
                with reporting(failed, name):
                    # Warm, and far enough from the edge that it is no question of luck.
                    most = run_load(target, connections=16, seconds=max(0.5, pace.seconds))
                    for rate in RATES:
                        step(f"{name}, {rate} a second")
                        if rate < most.per_second * 0.9:
                            shown = [_stretch(target, rate, pace) for _ in range(rounds)]
                            _add(table, name, rate, shown)
    for name in failed:
        table.add(name, FAILED)
    table.note += told(failed)
    return table


def _ours(folder: Path, stack: contextlib.ExitStack) -> Target:
    prepared = prepare(folder / "rates.db")
    server = stack.enter_context(serving(prepared, folder / "rates.log"))
    return to(server, post(TOKEN, prepared.form("ES256"), port=server.port))


def _stretch(target: Target, rate: float, pace: Pace) -> Paced:
    return run_rate(
        target, per_second=rate, seconds=max(1.0, 4 * pace.seconds), connections=_CONNECTIONS
    )


def _add(table: Table, name: str, rate: int, shown: list[Paced]) -> None:
    def median(values: list[float]) -> float:
        return statistics.median(values)

    answered = min(each.answered for each in shown)
    table.add(
        name,
        rate,
        "all" if answered == 1 else f"{answered:.1%}",
        median([each.p50 for each in shown]),
        median([each.p99 for each in shown]),
        median([each.p999 for each in shown]),
    )
