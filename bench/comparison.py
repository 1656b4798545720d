"""Tokenbooth beside its peers: all started together, loaded in turns."""

import contextlib
from functools import partial
from pathlib import Path

from bench.booths import greeting as hello_server
from bench.booths import issuer_path, prepare, serving
from bench.endpoints import TOKEN
from bench.load import post, to
from bench.peers import authlib_flask, django_toolkit, glewlwyd, oidc_provider
from bench.peers.peer import Peer, version
from bench.processes import megabytes
from bench.progress import Progress
from bench.rounds import FAILED, HELLO, Case, Measured, Pace, measure, reporting, told
from bench.table import Cell, Table

OURS = "Tokenbooth"
FASTER = "Tokenbooth is × as fast"
PEERS = (*oidc_provider.PEERS, *authlib_flask.PEERS, *django_toolkit.PEERS, *glewlwyd.PEERS)
_SLOW_CONNECTIONS = 2


def run(folder: Path, pace: Pace, progress: Progress, peers: tuple[Peer, ...] = PEERS) -> Table:
    """Measure whoever can be started; say of the others why they cannot."""
    failed: dict[str, str] = {}
    kinds: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        cases = _ours(folder, stack)
        kinds |= {case.name: case.signature or "" for case in cases}
        for peer in peers:
            progress.say(f"starting {peer.name}")
            own = folder / peer.name.replace(", ", "-").replace(" ", "-")
            own.mkdir()
            with reporting(failed, peer.name):
                for offer in stack.enter_context(peer.start(own)):
                    few = _SLOW_CONNECTIONS if peer.slow else None
                    cases.append(Case(name=offer.name, target=offer.target, connections=few))
                    kinds[offer.name] = offer.kind
        measured = measure(cases, pace, progress)
        memory = {case.name: sum(map(megabytes, case.target.pids)) for case in cases}
    return _table(cases, kinds, measured, memory, failed)


def setups(peers: tuple[Peer, ...] = PEERS) -> Table:
    """Return which peers there are, in which version and how they are set up."""
    table = Table(
        title="How the peers are set up",
        columns=("peer", "version", "setup"),
        note="All on one core with whatever database they need, over kept-alive connections, "
        "one worker, loaded by the same generator.",
    )
    for peer in peers:
        try:
            installed = version(peer.package)
        except RuntimeError as error:
            installed = str(error)
        table.add(peer.name, installed, peer.setup)
    return table


def _ours(folder: Path, stack: contextlib.ExitStack) -> list[Case]:
    prepared, log = prepare(folder / "booth.db"), folder / "booth.log"
    hello = stack.enter_context(hello_server(log))
    server = stack.enter_context(serving(prepared, log))
    request = partial(post, form=prepared.form("ES256"), port=hello.port)
    cases = [Case(name=HELLO, target=to(hello, request("/")))]
    for kind in ("ES256", "opaque"):
        request_for = post(issuer_path(kind) + TOKEN, prepared.form(kind), port=server.port)
        cases.append(Case(name=f"{OURS}, {kind}", target=to(server, request_for), signature=kind))
    return cases


def _table(
    cases: list[Case],
    kinds: dict[str, str],
    measured: Measured,
    memory: dict[str, float],
    failed: dict[str, str],
) -> Table:
    columns = ("per second", "p50 µs", "p99 µs", "calm CPU µs", FASTER, "MB")
    table = Table(
        title="Token requests per second on one core, beside the peers",
        columns=("what", *columns),
        note=measured.note() + told(failed),
    )
    for kind in ("ES256", "opaque"):
        table.add(f"limit, {kind}: hello and one bare operation", _limit(measured, kind))
    for case in cases:
        if case.name in measured.failed:
            table.add(case.name, FAILED)
            continue
        per_second, p50, p99, _of_limit, cpu, *_rest = measured.row(case)
        times: Cell = None
        if not case.name.startswith((OURS, "hello")):
            times = measured.ratio(f"{OURS}, {kinds[case.name]}", case.name)
        table.add(case.name, per_second, p50, p99, cpu, times, memory[case.name])
    for name in failed:
        table.add(name, FAILED)
    return table


def _limit(measured: Measured, kind: str) -> float | None:
    hello = measured.median(HELLO, lambda load: load.per_second)
    return 1 / (1 / hello + measured.bare(kind) / 1e6) if hello else None
