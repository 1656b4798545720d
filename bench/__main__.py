"""`make bench`: run all measurements, or some of them, and print the tables."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console

from bench import (
    client,
    comparison,
    endpoints,
    growth,
    guard,
    inside,
    memory,
    page,
    rates,
    startup,
    workers,
)
from bench.booths import ISSUERS
from bench.cores import BENCH, stay_on
from bench.progress import Progress
from bench.results import Results, load, machine
from bench.rounds import Pace
from bench.table import Table
from bench.terminal import conclude, show

_Part = Callable[[Path, Pace, Progress], Table]
_QUICK = Pace(rounds=2, seconds=0.2, connections=16)


def main() -> None:
    """Measure, print, and write what is asked for."""
    arguments = _arguments()
    # Unwinds like Ctrl-C, so that every server is ended.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    stay_on(BENCH)
    if arguments.profile:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            print(inside.profile(Path(folder), arguments.profile))
        return
    # Where nothing tells how wide it is, as in a log, lines are not broken.
    width = None if sys.stdout.isatty() else 160
    console = Console(width=width)
    try:
        results = load(Path(arguments.from_)) if arguments.from_ else _measure(arguments, console)
    except KeyboardInterrupt:
        sys.exit(130)  # every server was ended on the way here
    if arguments.from_:
        for table in page.in_order(results):
            show(console, table)
    conclude(console, results)
    if arguments.write_docs:
        page.write(results)
    sys.exit(1 if results.failed else 0)


def _measure(arguments: argparse.Namespace, console: Console) -> Results:
    parts = _parts(arguments)
    chosen = arguments.parts or list(parts)
    unknown = [name for name in chosen if name not in parts]
    if unknown:
        sys.exit(f"There is no part {unknown[0]!r}; choose from: {', '.join(parts)}.")
    pace = Pace(
        rounds=arguments.rounds, seconds=arguments.seconds, connections=arguments.connections
    )
    if arguments.quick:
        pace = _QUICK
    results = Results(about=machine())
    for name in chosen:
        progress = Progress(console=Console(stderr=True), part=name)
        begun = time.perf_counter()
        try:
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                results.tables[name] = parts[name](Path(folder), pace, progress)
        except Exception as error:  # noqa: BLE001 - whatever it was, the other parts go on
            results.failed[name] = f"{type(error).__name__}: {error}"
            progress.say(f"failed: {results.failed[name]}")
            continue
        finally:
            # What was measured is kept, whatever comes next.
            if arguments.json:
                results.save(Path(arguments.json))
        if name == "peers":
            results.tables["setups"] = comparison.setups()
        progress.say(f"took {time.perf_counter() - begun:.0f} s")
        show(console, results.tables[name])
    if arguments.json:
        results.save(Path(arguments.json))
    return results


def _parts(arguments: argparse.Namespace) -> dict[str, _Part]:
    sizes = growth.QUICK if arguments.quick else growth.USUAL
    if arguments.million:
        sizes = (*sizes, growth.MILLION)
    return {
        "peers": comparison.run,
        "endpoints": endpoints.run,
        "rates": rates.run,
        "workers": workers.run,
        "guard": guard.run,
        "client": client.run,
        "growth": partial(growth.run, sizes=sizes),
        "memory": memory.run,
        "startup": startup.run,
        "inside": inside.run,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help="what to measure; everything if left out")
    parser.add_argument("--quick", action="store_true", help="two short rounds of everything")
    parser.add_argument("--rounds", type=int, default=12, help="interleaved rounds [%(default)s]")
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="per case and round [%(default)s]"
    )
    parser.add_argument("--connections", type=int, default=16, help="[%(default)s]")
    parser.add_argument("--million", action="store_true", help="growth up to 1,000,000 clients")
    parser.add_argument("--json", metavar="FILE", help="also write all figures there")
    parser.add_argument(
        "--from",
        metavar="FILE",
        dest="from_",
        help="measure nothing: show what --json wrote",
    )
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="put results and picture into docs/ and bench/results.json",
    )
    parser.add_argument(
        "--profile", choices=ISSUERS[:5], help="profile one kind of request instead"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
