"""`python -m bench.scale`: what a load needs, by arithmetic from measured figures.

It prints the tables of docs/scale.md and the one of docs/operations.md; `--write` puts them there,
with the picture. `--figures FILE` takes over what `make bench ARGS="--json FILE"` measured; what
that has not stays as it was.
"""

import argparse
import json
import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from bench.scale_picture import draw
from bench.scale_scenes import herd_rows, regions_rows
from tokenbooth.server.audit_windows import _MOST as KINDS_IN_A_WINDOW
from tokenbooth.server.checks.postgres import connections_of_a_worker
from tokenbooth.server.settings import Settings

_TOP = Path(__file__).parents[1]
PAGES = {
    _TOP / "docs" / "operations.md": ("sizing",),
    _TOP / "docs" / "scale.md": (
        "inputs", "loads", "habits", "breaks", "writes", "herd", "regions",
    ),
}  # fmt: skip
PICTURE = _TOP / "docs" / "images" / "scale-herd.svg"
FIGURES = Path(__file__).with_name("scale.json")

DAY = 86_400
CALLS_A_DAY = 1440  # of one client: one a minute
CALLS_A_TOKEN = 60  # so an hourly token serves
PEAK = 3.0  # the busiest second, as a multiple of the average
CORES, USED = 4, 0.5  # of a node; half of it, so that another one may fail
CALLS_A_GUARD = 500.0  # a second at the peak, for one process of an API
CONNECTIONS_OF_A_SERVER = 100  # PostgreSQL's own default
BILLION = 1_000_000_000

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured: CPU in µs for one, rates on the clock, and sizes."""

    source: str
    token_us: float
    opaque_us: float
    rs256_us: float
    introspection_us: float
    feed_us: float
    guard_us: float
    commits_per_second: float
    worker_mb: float
    client_bytes: float
    audit_bytes: float
    usage_bytes: float

    @classmethod
    def load(cls) -> Self:
        """Return those that the page was made from."""
        return cls(**json.loads(FIGURES.read_text("utf-8")))

    def measured_anew(self, run: dict[str, Any], source: str) -> Self:
        """Return them with what a run of the benchmark has."""
        found = {
            name: float(f"{value:.3g}")
            for name, places in _IN_A_RUN.items()
            for value in [next(filter(None, (_cell(run, *place) for place in places)), None)]
            if value is not None
        }
        return replace(self, **found, source=source)


# Where `make bench` has a figure: part, start of the row's name, column. Clients come once an hour:
# a token for one of many costs more than the same request again and again.
_LAST = ""
_CPU = "calm CPU µs"
_IN_A_RUN = {
    "token_us": (("growth", _LAST, _CPU), ("endpoints", "token, ES256", _CPU)),
    "opaque_us": (("endpoints", "token, opaque", _CPU),),
    "rs256_us": (("endpoints", "token, RS256", _CPU),),
    "introspection_us": (("endpoints", "introspection, ES256", _CPU),),
    "guard_us": (("guard", "ES256", "seen µs"),),
    "commits_per_second": (
        ("endpoints", "refresh, rotated (writes), on PostgreSQL", "per second"),
        ("endpoints", "refresh, rotated (writes)", "per second"),
    ),
    "worker_mb": (("startup", "idle worker", "figure"),),
    "client_bytes": (("memory", "a client that asked", "figure"),),
}


def _cell(run: dict[str, Any], part: str, row: str, column: str) -> float | None:
    table = run.get("parts", {}).get(part)
    if table is None or column not in table["columns"]:
        return None
    at = table["columns"].index(column)
    found = [cells[at] for cells in table["rows"] if str(cells[0]).startswith(row)]
    if not found:
        return None
    cell = found[-1] if row == _LAST else found[0]
    return float(cell) if isinstance(cell, int | float) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What so many API calls a day ask of the service at their peak."""

    calls: float
    calls_a_token: float = CALLS_A_TOKEN

    @property
    def clients(self) -> float:
        return self.calls / CALLS_A_DAY

    @property
    def peak_calls(self) -> float:
        return self.calls / DAY * PEAK

    @property
    def peak_tokens(self) -> float:
        return self.peak_calls / self.calls_a_token

    @property
    def guards(self) -> float:
        return max(1.0, self.peak_calls / CALLS_A_GUARD)

    def cores(self, figures: Figures) -> float:
        """Return how many cores issue these tokens and feed these guards."""
        return (self.peak_tokens * figures.token_us + self.guards * figures.feed_us) / 1e6

    def nodes(self, figures: Figures) -> int:
        """Return how many nodes that takes, two at least."""
        return max(2, math.ceil(self.cores(figures) / (CORES * USED)))


def tables(figures: Figures) -> dict[str, str]:
    """Return every table of the page by its name."""
    return {
        "sizing": markdown(("what", "how much"), _sizing(figures)),
        "inputs": markdown(("figure", "value"), _inputs(figures)),
        "loads": markdown(
            (
                "API calls a day", "clients", "calls/s at the peak", "tokens/s at the peak",
                "cores for tokens and feed", "nodes", "cores for guards, at the APIs",
            ),
            _loads(figures),
        ),
        "habits": markdown(
            ("a token serves", "tokens/s at the peak", "cores", "nodes"), _habits(figures)
        ),
        "writes": markdown(
            ("clients prove themselves by", "commits/s at the peak", "of one primary"),
            _writes(figures),
        ),
        "breaks": markdown(("what", "has", "needs", "used"), _breaks(figures)),
        "herd": markdown(
            ("", "by hand", "`TokenSource`", "with `spread=0.1`"), herd_rows(figures.token_us)
        ),
        "regions": markdown(
            ("guards", "half know after", "99 of 100", "the last", "let nothing pass meanwhile"),
            regions_rows(),
        ),
    }  # fmt: skip


def _sizing(figures: Figures) -> Iterable[Row]:
    usual = Settings()
    tokens = 1e6 / 3600
    yield "ES256 tokens", f"{_round(1e6 / figures.token_us)} a second and core"
    yield "opaque tokens", f"{_round(1e6 / figures.opaque_us)} a second and core"
    yield "RS256 tokens", f"{_round(1e6 / figures.rs256_us)} a second and core"
    yield (
        "a million clients with hourly tokens",
        f"{tokens:.0f} requests a second: {share(tokens * figures.token_us / 1e6)} of a core",
    )
    yield (
        "refreshes, signed assertions",
        f"{_round(figures.commits_per_second)} a second, each a commit of its own",
    )
    yield (
        "a worker",
        (
            f"{figures.worker_mb:.0f} MB, and {figures.client_bytes / 1000:.1f} kB for each client "
            "that asks, up to `TOKENBOOTH_CLIENT_CACHE_SIZE`"
        ),
    )
    yield (
        "PostgreSQL",
        f"up to {connections_of_a_worker(usual)} connections for each worker of each node",
    )
    yield (
        "[Valkey or Redis](redis.md), to keep limits together",
        "at most 64 MB, and two connections for each worker",
    )


def _round(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.0f}"


def _inputs(figures: Figures) -> Iterable[Row]:
    yield "measured on", figures.source
    yield "an ES256 token", f"{figures.token_us:g} µs of CPU"
    yield "an opaque token", f"{figures.opaque_us:g} µs"
    yield "an RS256 token", f"{figures.rs256_us:g} µs"
    yield "an introspection of a JWT", f"{figures.introspection_us:g} µs"
    yield "a look of a guard at the revocation feed", f"{figures.feed_us:g} µs"
    yield "a token that a guard has seen before", f"{figures.guard_us:g} µs"
    yield "commits of one primary, one by one", f"{figures.commits_per_second:,.0f} a second"
    yield "a client in memory", f"{figures.client_bytes:,.0f} bytes"
    yield "an entry of the audit trail", f"{figures.audit_bytes:g} bytes"
    yield "a row of usage", f"{figures.usage_bytes:g} bytes"


def _loads(figures: Figures) -> Iterable[Row]:
    for calls in (1e6, 1e7, 1e8, 1e9, 1e10):
        load = Load(calls=calls)
        yield (
            large(calls),
            large(load.clients),
            large(load.peak_calls),
            large(load.peak_tokens),
            small(load.cores(figures)),
            f"{load.nodes(figures)}",
            small(load.peak_calls * figures.guard_us / 1e6),
        )


def _habits(figures: Figures) -> Iterable[Row]:
    for words, calls in (("one call", 1), ("60 calls", 60), ("3,600 calls", 3600)):
        load = Load(calls=BILLION, calls_a_token=calls)
        yield (
            words,
            large(load.peak_tokens),
            small(load.cores(figures)),
            f"{load.nodes(figures)}",
        )
    load = Load(calls=BILLION)
    cores = load.cores(figures) + load.peak_calls * figures.introspection_us / 1e6
    yield (
        "60 calls, each of them introspected",
        large(load.peak_tokens),
        small(cores),
        f"{max(2, math.ceil(cores / (CORES * USED)))}",
    )


def _writes(figures: Figures) -> Iterable[Row]:
    load = Load(calls=BILLION)
    for words, commits in (
        ("secret, certificate", 0.0),
        ("signed assertion (`private_key_jwt`), federated token", load.peak_tokens),
        ("secret, and tokens bound by DPoP", load.peak_tokens),
        ("refresh token", load.peak_tokens),
        ("refresh token for every call", load.peak_calls),
    ):
        yield words, large(commits), share(commits / figures.commits_per_second)


def _breaks(figures: Figures) -> Iterable[Row]:
    """Return what two nodes and one primary have and need for a billion calls a day."""
    load = Load(calls=BILLION)
    usual = Settings()
    workers = 2 * CORES
    connections = workers * connections_of_a_worker(usual)
    audited = workers * KINDS_IN_A_WINDOW * DAY / usual.audit_window_seconds
    audit = min(audited, load.calls / load.calls_a_token) * figures.audit_bytes * 365
    usage = load.clients * 24 * usual.usage_kept_days * figures.usage_bytes
    rows = [
        ("connections of the database", CONNECTIONS_OF_A_SERVER, connections, ""),
        ("disk for a year of audit trail", 1e12, audit, "B"),
        (f"disk for {usual.usage_kept_days} days of usage", 1e12, usage, "B"),
        ("commits/s, if all clients sign", figures.commits_per_second, load.peak_tokens, ""),
        ("clients in a worker's memory", usual.client_cache_size, load.clients, ""),
        ("cores of the nodes", workers, load.cores(figures), ""),
    ]
    for what, has, needs, unit in sorted(rows, key=lambda row: -row[2] / row[1]):
        yield what, large(has) + unit, large(needs) + unit, share(needs / has)


def markdown(columns: Row, rows: Iterable[Row]) -> str:
    """Return a table in Markdown."""
    lines = [columns, ("---", *["---:"] * (len(columns) - 1)), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def large(value: float) -> str:
    """Write a number with at most three digits that count."""
    for size, word in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e4, " k")):
        if value >= size:
            scaled = value / (1e3 if word == " k" else size)
            return f"{scaled:.3g}{word}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def small(value: float) -> str:
    """Write a number of cores."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}" if value >= 0.01 else "0.00"


def share(value: float) -> str:
    """Write a share in percent."""
    return f"{value:.0%}" if value >= 0.01 or value == 0 else "under 1%"


def in_page(page: Path, figures: Figures) -> str:
    """Return the page with its tables made anew, each between its two comments."""
    text, made = page.read_text("utf-8"), tables(figures)
    for name in PAGES[page]:
        table = made[name]
        block = re.compile(rf"<!-- {name} -->\n.*?<!-- end -->", re.DOTALL)
        found = f"<!-- {name} -->\n{table}\n<!-- end -->"
        text, times = block.subn(lambda _, found=found: found, text)
        if times != 1:
            raise ValueError(f"{page.name} has no place for the table {name!r}, or several")
    return text


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--figures", metavar="FILE", help="what `make bench` wrote as JSON")
    parser.add_argument("--write", action="store_true", help="write the page and the picture")
    arguments = parser.parse_args()
    figures = Figures.load()
    if arguments.figures:
        run = json.loads(Path(arguments.figures).read_text("utf-8"))
        about = run.get("about", {})
        source = f"{about.get('processor', '')}, {about.get('python', '')}, {about.get('date', '')}"
        figures = figures.measured_anew(run, source)
    if not arguments.write:
        for name, table in tables(figures).items():
            print(f"\n{name}\n\n{table}")
        return
    FIGURES.write_text(json.dumps(asdict(figures), indent=2) + "\n", "utf-8")
    for page in PAGES:
        page.write_text(in_page(page, figures), "utf-8")
    PICTURE.write_text(draw(figures.token_us), "utf-8")


if __name__ == "__main__":
    main()
