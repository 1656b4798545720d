"""Cases that take turns, so that whatever else the machine does hits all of them."""

import contextlib
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from bench.load import Load, Target, run_load
from bench.processes import Server
from bench.progress import Progress
from bench.raw import microseconds, raw_operations
from bench.table import Cell

HELLO = "hello: one HTTP exchange"
BY_CPU = ("calm CPU µs", "calm limit µs", "of limit, calm CPU")
LOADED = ("per second", "p50 µs", "p99 µs", "of limit")
FAILED = "failed"
_RAW_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much is measured."""

    rounds: int
    seconds: float  # per case and round
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row of the table. `signature` names the bare operation that the limit contains."""

    name: str
    target: Target
    signature: str | None = None
    connections: int | None = None  # where the usual number would only queue

    def also(self, server: Server) -> "Case":
        """Return the case with another server's work counted as well."""
        return replace(self, target=replace(self.target, pids=(*self.target.pids, server.pid)))


@dataclass(slots=True, kw_only=True)
class Round:
    """What was measured within the same few seconds; a case that failed is missing."""

    loads: dict[str, Load] = field(default_factory=dict)
    raw: dict[str, float] = field(default_factory=dict)  # microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All rounds, and why some cases have none."""

    rounds: list[Round]
    failed: dict[str, str]

    def of(self, name: str) -> list[tuple[Load, Round]]:
        """Return what one case showed, and the rounds it belongs to."""
        return [(each.loads[name], each) for each in self.rounds if name in each.loads]

    def median(self, name: str, figure: Callable[[Load], float]) -> float | None:
        """Return the median of a figure; None where the case failed."""
        found = [figure(load) for load, _round in self.of(name)]
        return statistics.median(found) if found else None

    def calm(self, name: str) -> float | None:
        """Return the CPU time for one request in the calmest rounds."""
        return calm(load.cpu for load, _round in self.of(name))

    def ratio(self, name: str, other: str) -> float | None:
        """Return how many times the requests per second of another, within the same rounds."""
        found = [
            load.per_second / each.loads[other].per_second
            for load, each in self.of(name)
            if other in each.loads
        ]
        return statistics.median(found) if found else None

    def bare(self, signature: str | None) -> float:
        """Return the CPU time of a bare operation in the calmest rounds; 0 of none."""
        return calm(each.raw[signature] for each in self.rounds) or 0.0 if signature else 0.0

    def row(self, case: Case) -> tuple[Cell, ...]:
        """Return what belongs under the columns `LOADED` and `BY_CPU`."""
        if case.name in self.failed:
            return (FAILED,)
        limits = [
            load.per_second * (1 / each.loads[HELLO].per_second + _bare(each, case) / 1e6)
            for load, each in self.of(case.name)
            if HELLO in each.loads
        ]
        cpu, hello = self.calm(case.name), self.calm(HELLO)
        limit = hello + self.bare(case.signature) if hello else None
        return (
            self.median(case.name, lambda load: load.per_second),
            self.median(case.name, lambda load: load.p50),
            self.median(case.name, lambda load: load.p99),
            statistics.median(limits) if limits else None,
            cpu,
            limit,
            limit / cpu if limit and cpu else None,
        )

    def _busy(self) -> str:
        shares = [load.cpu * load.per_second / 1e6 for load, _round in self.of(HELLO)]
        if not shares:
            return ""
        return (
            f" Hello kept its core {statistics.median(shares):.0%} busy: the further below 100 %, "
            "the more the readings by the clock say of the load generator and of other work."
        )

    def note(self) -> str:
        """Say how the figures came about."""
        names = self.rounds[0].raw if self.rounds else {}
        shown = ", ".join(f"{name} {self.bare(name):.1f}" for name in names)
        return (
            f"Medians of {len(self.rounds)} interleaved rounds; calm: the lowest tenth, "
            f"since other work on the machine only adds. Bare operations, calm CPU µs: {shown}."
            + self._busy()
            + told(self.failed)
        )


def _bare(each: Round, case: Case) -> float:
    return each.raw[case.signature] if case.signature else 0.0


def measure(cases: Iterable[Case], pace: Pace, progress: Progress) -> Measured:
    """Load the cases in turns; one that fails is left out from then on, and the others go on."""
    operations = raw_operations()
    failed: dict[str, str] = {}
    left = list(cases)
    with progress.task("", len(left) * (pace.rounds + 1)) as step:
        # Warm up: caches, pools, and whatever a just-in-time compiler wants to see first.
        _turn(left, replace(pace, seconds=max(0.3, pace.seconds)), failed, step)
        rounds = [
            Round(
                raw={name: microseconds(run, _RAW_SECONDS) for name, run in operations.items()},
                loads=_turn(left, pace, failed, step),
            )
            for _ in range(pace.rounds)
        ]
    return Measured(rounds=rounds, failed=failed)


def _turn(
    left: list[Case], pace: Pace, failed: dict[str, str], step: Callable[[str], None]
) -> dict[str, Load]:
    loads = {}
    for case in list(left):
        step(case.name)
        connections = case.connections or pace.connections
        try:
            loads[case.name] = run_load(case.target, connections=connections, seconds=pace.seconds)
        except Exception as error:  # noqa: BLE001 - whatever it was, the others go on
            failed[case.name] = _said(error)
            left.remove(case)
    return loads


def told(failed: dict[str, str]) -> str:
    """Say what failed and why."""
    return "".join(f" {name} failed: {reason.rstrip('.')}." for name, reason in failed.items())


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


@contextlib.contextmanager
def reporting(failed: dict[str, str], name: str) -> Iterator[None]:
    """Note under that name why the block failed, and go on after it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - each server fails in ways of its own
        failed[name] = _said(error)


def calm(values: Iterable[float]) -> float | None:
    """Return the value that a tenth lies below."""
    ordered = sorted(values)
    return ordered[len(ordered) // 10] if ordered else None
