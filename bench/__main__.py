"""`make bench`: run all measurements, or some of them, and print the tables."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import client, endpoints, growth, guard, inside, startup
from bench.booths import ISSUERS
from bench.cores import BENCH, stay_on
from bench.table import Table


def main() -> None:
    """Measure, print, and write the JSON where asked for."""
    arguments = _arguments()
    stay_on(BENCH)
    if arguments.profile:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            print(inside.profile(Path(folder), arguments.profile))
        return
    parts: dict[str, Callable[[Path], Table]] = {
        "endpoints": lambda folder: endpoints.measure(
            folder,
            rounds=arguments.rounds,
            seconds=arguments.seconds,
            connections=arguments.connections,
        ),
        "inside": inside.measure,
        "guard": guard.measure,
        "client": client.measure,
        "startup": startup.measure,
        "growth": lambda folder: growth.measure(
            folder,
            sizes=(*growth.USUAL, growth.MILLION) if arguments.million else growth.USUAL,
            rounds=arguments.rounds,
            seconds=arguments.seconds,
        ),
    }
    chosen = arguments.parts or list(parts)
    unknown = [name for name in chosen if name not in parts]
    if unknown:
        sys.exit(f"There is no part {unknown[0]!r}; choose from: {', '.join(parts)}.")
    tables = []
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            tables.append(parts[name](Path(folder)))
        print(tables[-1].show(), flush=True)
    if arguments.json:
        Path(arguments.json).write_text(
            json.dumps([table.to_json() for table in tables], indent=2, ensure_ascii=False) + "\n",
            "utf-8",
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("parts", nargs="*", help="what to measure; everything if left out")
    parser.add_argument("--rounds", type=int, default=12, help="interleaved rounds [%(default)s]")
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="per case and round [%(default)s]"
    )
    parser.add_argument("--connections", type=int, default=16, help="[%(default)s]")
    parser.add_argument(
        "--profile", choices=ISSUERS[:4], help="profile one kind of request instead"
    )
    parser.add_argument("--million", action="store_true", help="growth up to 1,000,000 clients")
    parser.add_argument("--json", metavar="FILE", help="also write the tables there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
