"""The results in docs/performance.md: every figure there comes from one run."""

from pathlib import Path

from bench import cost, goals
from bench.picture import draw
from bench.results import WHEN_BUSY, Results
from bench.table import Table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "performance.png"
BEGIN = "<!-- From here on written by `python -m bench --write-docs`. -->"
END = "<!-- Up to here. -->"
# In the order of the page; what else was measured follows.
_FIRST = ("peers", "setups", "endpoints", "rates", "workers", "guard", "client", "growth")


def write(results: Results) -> None:
    """Keep the results, and put them with their picture into the documentation."""
    results.save(RESULTS)
    PAGE.write_text(renewed(PAGE.read_text("utf-8"), results), "utf-8")
    draw(results, PICTURE)


def renewed(page: str, results: Results) -> str:
    """Return the page with these results in place of those that it holds."""
    before, _, rest = page.partition(BEGIN)
    _old, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"The page holds no place for results: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{rendered(results)}\n{END}{after}"


def rendered(results: Results) -> str:
    """Return the results in Markdown."""
    about = ", ".join(f"{name}: {said}" for name, said in results.about.items())
    picture = "![Tokens per second: Tokenbooth, its peers and the limit](images/performance.png)"
    parts = [
        f"{picture}\n",
        f"Measured in one run. {about[:1].upper()}{about[1:]}.\n",
        *([f"**{WHEN_BUSY}**\n"] if results.busy else []),
        *map(_section, (goals.table(results), *in_order(results), cost.table(results))),
    ]
    return "\n".join(parts)


def in_order(results: Results) -> list[Table]:
    """Return the tables as people should read them."""
    names = [name for name in _FIRST if name in results.tables]
    names += [name for name in results.tables if name not in _FIRST]
    return [results.tables[name] for name in names]


def _section(table: Table) -> str:
    return f"### {table.title}\n\n{table.markdown()}"
