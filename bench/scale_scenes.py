"""The scenes that docs/scale.md tells of, played with each kind of client."""

import functools
from collections.abc import Iterable

from bench.simulation import BY_HAND, SPREAD, TOKEN_SOURCE, Habits, Run, Scene, simulate
from bench.simulation_regions import Region
from bench.simulation_regions import simulate as notice

HABITS = (BY_HAND, TOKEN_SOURCE, SPREAD)
HOUR = 3600
_SETTLED = 2 * HOUR  # by then every client has its own place in the hour
_CORES = 2.0  # that issue tokens

REGIONS = (
    ("in the region of the primary", Region(name="near", away=0.001)),
    ("90 ms away", Region(name="far", away=0.09)),
    ("250 ms away", Region(name="farthest", away=0.25)),
    ("90 ms away, cut off for 30 s", Region(name="cut", away=0.09, cut=30.0)),
    ("90 ms away, cut off for 5 min", Region(name="long cut", away=0.09, cut=300.0)),
)


def together(token_us: float) -> Scene:
    """A million clients that start within ten seconds."""
    capacity = _CORES * 1e6 / token_us
    return Scene(starts_within=10.0, capacity=lambda _now: capacity)


def outage(token_us: float, seconds: int) -> Scene:
    """A million clients over the whole hour, and no service for so many seconds."""
    capacity = _CORES * 1e6 / token_us

    def at(now: int) -> float:
        return 0.0 if _SETTLED <= now < _SETTLED + seconds else capacity

    return Scene(capacity=at)


def node_dies(token_us: float) -> Scene:
    """The same, and after two hours one of two cores is gone for good."""
    capacity = _CORES * 1e6 / token_us
    return Scene(capacity=lambda now: capacity if now < _SETTLED else capacity / 2)


@functools.cache
def play(token_us: float, scene: str) -> dict[Habits, Run]:
    """Return the runs of one scene."""
    scenes = {
        "together": together(token_us),
        "45 s": outage(token_us, 45),
        "10 min": outage(token_us, 600),
        "node": node_dies(token_us),
    }
    return {habits: simulate(scenes[scene], habits) for habits in HABITS}


def herd_rows(token_us: float) -> Iterable[tuple[str, ...]]:
    """Return what the fleets asked for and went without, a row for each question."""
    start, brief, long, node = (
        play(token_us, name) for name in ("together", "45 s", "10 min", "node")
    )
    yield "**all start within 10 s**: requests/s at most", *_peaks(start, 0, HOUR // 2)
    yield "an hour later", *_peaks(start, HOUR // 2, HOUR + HOUR // 2)
    yield "three hours later", *_peaks(start, 2 * HOUR + HOUR // 2, 3 * HOUR + HOUR // 2)
    yield "**no service for 45 s**: requests/s at most", *_peaks(brief, _SETTLED, _SETTLED + 600)
    yield "client-seconds without a token", *_without(brief)
    yield "**no service for 10 min**: requests/s at most", *_peaks(long, _SETTLED, _SETTLED + 1200)
    yield "an hour later", *_peaks(long, _SETTLED + HOUR, _SETTLED + 2 * HOUR)
    yield "client-seconds without a token", *_without(long)
    yield "**one of two nodes dies**: requests/s at most", *_peaks(node, _SETTLED, 4 * HOUR)


def regions_rows() -> Iterable[tuple[str, ...]]:
    """Return when guards notice a revocation, a row for each region."""
    for words, region in REGIONS:
        seen = notice(region)
        closed = "yes" if seen.closed else "no"
        yield words, f"{seen.half:.1f} s", f"{seen.most:.1f} s", f"{seen.last:.1f} s", closed


def _peaks(runs: dict[Habits, Run], since: int, until: int) -> Iterable[str]:
    return (_round(run.peak(since, until)) for run in runs.values())


def _without(runs: dict[Habits, Run]) -> Iterable[str]:
    return (_round(run.without_token) for run in runs.values())


def _round(value: float) -> str:
    # Two digits: the fleet is simulated by its ten-thousandth part.
    return f"{float(f'{value:.2g}'):,.0f}"
