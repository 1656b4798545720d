"""The design's goals for speed, each beside what was measured."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.comparison import FASTER, OURS
from bench.memory import BOUNDED
from bench.results import Results
from bench.table import Table, number

_PS = "per second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A bound, and the figure that keeps to it or not; None: not measured."""

    what: str
    bound: float
    measured: float | None
    at_most: bool = False
    unit: str = ""

    @property
    def reached(self) -> bool | None:
        """Tell whether it is reached; None where nothing was measured."""
        if self.measured is None:
            return None
        return self.measured <= self.bound if self.at_most else self.measured >= self.bound

    @property
    def wanted(self) -> str:
        """Write the bound."""
        return f"{'≤' if self.at_most else '≥'} {self.bound:g}{self.unit}"

    @property
    def found(self) -> str:
        """Write the figure."""
        return "–" if self.measured is None else number(self.measured) + self.unit


def goals(results: Results) -> list[Goal]:
    """Return all goals."""
    return [*_tokens(results), *_guard_and_client(results), *_growth(results), *_start(results)]


def table(results: Results) -> Table:
    """Return the goals as a table."""
    shown = Table(title="Goals", columns=("what", "goal", "measured", "reached"))
    words = {True: "yes", False: "**no**", None: "not measured"}
    for goal in goals(results):
        shown.add(goal.what, goal.wanted, goal.found, words[goal.reached])
    return shown


def _tokens(results: Results) -> Iterable[Goal]:
    readings = [
        results.value("endpoints", "token, ES256", column)
        for column in ("of limit", "of limit, calm CPU")
    ]
    yield Goal(
        what="ES256 tokens, share of the limit (the worse of both readings)",
        bound=0.6,
        measured=min((each for each in readings if each is not None), default=None),
    )
    for peer, bound in (
        ("oidc-provider, ES256", 4.0),
        ("Authlib + Flask, ES256", 25.0),
        ("Authlib + Flask, opaque", 25.0),
        *((name, 25.0) for name in results.names("peers") if name.startswith("django")),
    ):
        yield Goal(
            what=f"ES256 tokens beside {peer}",
            bound=bound,
            measured=_ratio(results, f"{OURS}, ES256", peer),
            unit=" ×",
        )
    yield Goal(
        what="opaque tokens beside oidc-provider, opaque",
        bound=2.0,
        measured=results.value("peers", "oidc-provider, opaque", FASTER),
        unit=" ×",
    )


def _ratio(results: Results, ours: str, peer: str) -> float | None:
    mine, theirs = results.value("peers", ours, _PS), results.value("peers", peer, _PS)
    return mine / theirs if mine and theirs else None


def _guard_and_client(results: Results) -> Iterable[Goal]:
    algorithms = ("ES256", "EdDSA", "RS256", "PS256")
    columns = ("seen µs", "seen, async µs")
    yield Goal(
        what="guard, token seen before (the slowest of all kinds)",
        bound=5,
        measured=_worst(results.value("guard", alg, of) for alg in algorithms for of in columns),
        at_most=True,
        unit=" µs",
    )
    for alg in algorithms:
        yield Goal(
            what=f"guard, new {alg} token beside the bare check",
            bound=1.3,
            measured=results.value("guard", alg, "new / bare"),
            at_most=True,
            unit=" ×",
        )
    at_hand = [name for name in results.names("client") if name.startswith("token at hand")]
    yield Goal(
        what="client, token at hand",
        bound=2,
        measured=_worst(results.value("client", name, "figure") for name in at_hand),
        at_most=True,
        unit=" µs",
    )
    asked = [name for name in results.names("client") if name.endswith("token requests")]
    yield Goal(
        what="token requests of 100 threads and 100 tasks, cold",
        bound=1,
        measured=_worst(results.value("client", name, "figure") for name in asked),
        at_most=True,
    )


def _growth(results: Results) -> Iterable[Goal]:
    sizes = results.names("growth")
    yield Goal(
        what=f"p50 with {sizes[-1] if sizes else 'many'} registered clients beside 10",
        bound=1.1,
        measured=_worst(results.value("growth", size, "p50, of 10 clients'") for size in sizes),
        at_most=True,
        unit=" ×",
    )
    yield Goal(
        what="memory with room for a twentieth of the clients, all asking twice beside once",
        bound=1.1,
        measured=results.value("memory", BOUNDED, "figure"),
        at_most=True,
        unit=" ×",
    )


def _start(results: Results) -> Iterable[Goal]:
    for what, row, bound, unit in (
        ("start to first token", "start to first token, s", 1.5, " s"),
        ("idle worker", "idle worker, MB", 90, " MB"),
    ):
        measured = results.value("startup", row, "figure")
        yield Goal(what=what, bound=bound, measured=measured, at_most=True, unit=unit)


def _worst(figures: Iterable[float | None]) -> float | None:
    return max((each for each in figures if each is not None), default=None)
