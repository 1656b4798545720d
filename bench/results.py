"""The results of one run: what was measured where, kept as JSON, and looked up by name."""

import datetime as dt
import json
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.table import Cell, Table
from tokenbooth.clock import SYSTEM_CLOCK

BUSY = 0.5  # load average, above which other work is felt
WHEN_BUSY = (
    "The machine had other work to do when the run began: "
    "trust the readings by CPU, not those by the clock."
)


@dataclass(slots=True, kw_only=True)
class Results:
    """Tables by part."""

    about: dict[str, str] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def value(self, part: str, row: str, column: str) -> float | None:
        """Return one figure; None where it was not measured."""
        table = self.tables.get(part)
        if table is None or column not in table.columns:
            return None
        at = table.columns.index(column)
        cell = next((each[at] for each in table.rows if each[0] == row), None)
        return None if isinstance(cell, str) else cell

    def names(self, part: str) -> list[str]:
        """Return the names of the rows of a part."""
        table = self.tables.get(part)
        return [str(row[0]) for row in table.rows] if table else []

    @property
    def busy(self) -> bool:
        """Tell whether other work on the machine was felt."""
        return float(self.about.get("load before", 0)) > BUSY

    def save(self, file: Path) -> None:
        """Write everything as JSON."""
        written = {
            "about": self.about,
            "failed": self.failed,
            "parts": {name: table.to_json() for name, table in self.tables.items()},
        }
        file.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", "utf-8")


def load(file: Path) -> Results:
    """Read what `save` wrote."""
    read: dict[str, Any] = json.loads(file.read_bytes())
    return Results(
        about=read["about"],
        failed=read["failed"],
        tables={
            name: Table(
                title=table["title"],
                note=table["note"],
                columns=tuple(table["columns"]),
                rows=[_row(row) for row in table["rows"]],
            )
            for name, table in read["parts"].items()
        },
    )


def _row(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    return tuple(cells)


def machine() -> dict[str, str]:
    """Say on what and with what is measured."""
    day = dt.datetime.fromtimestamp(SYSTEM_CLOCK.now(), dt.UTC)
    return {
        "date": day.date().isoformat(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "system": f"Linux {platform.release().partition('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": ", ".join(
            f"{name} {version(name)}" for name in ("cryptography", "uvicorn", "uvloop")
        ),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
