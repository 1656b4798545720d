"""The results for whoever sits in front of it."""

from rich.console import Console
from rich.table import Table as Grid

from bench import cost, goals
from bench.goals import Goal
from bench.results import WHEN_BUSY, Results
from bench.rounds import FAILED
from bench.table import Table, written


def show(console: Console, table: Table) -> None:
    """Print one table, unless nothing is in it."""
    if not table.rows:
        return
    grid = Grid(title=table.title, title_justify="left", caption=table.note or None)
    grid.caption_justify = "left"
    for number, column in enumerate(table.columns):
        grid.add_column(column, justify="right" if number else "left")
    for row in table.rows:
        grid.add_row(*map(written, row), style="yellow" if FAILED in row else None)
    console.print(grid)


def conclude(console: Console, results: Results) -> None:
    """Print what follows from the tables."""
    grid = Grid(title="Goals", title_justify="left")
    for number, column in enumerate(("what", "goal", "measured", "")):
        grid.add_column(column, justify="right" if number else "left")
    for goal in goals.goals(results):
        grid.add_row(goal.what, goal.wanted, goal.found, _verdict(goal))
    console.print(grid)
    show(console, cost.table(results))
    for part, reason in results.failed.items():
        console.print(f"[red]{part} failed:[/red] {reason}")
    if results.busy:
        console.print(f"[yellow]{WHEN_BUSY}[/yellow]")


def _verdict(goal: Goal) -> str:
    words = {True: "[green]reached[/green]", False: "[red]not reached[/red]", None: "not measured"}
    return words[goal.reached]
