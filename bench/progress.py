"""What is being measured right now, on stderr, so that a long run is seen to go on."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A bar on a terminal; one line a part elsewhere."""

    console: Console
    part: str

    def say(self, text: str) -> None:
        """Tell a thing that takes a while."""
        self.console.print(f"[bold]{self.part}[/bold]: {text}", highlight=False)

    @contextlib.contextmanager
    def task(self, text: str, total: int) -> Iterator[Callable[[str], None]]:
        """Show a bar; call what is yielded at the beginning of each step, with its name."""
        columns = (
            TextColumn("[bold]{task.fields[part]}[/bold] {task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        # Redrawn by the steps alone: a thread that draws would disturb what is measured.
        with Bars(*columns, console=self.console, transient=True, auto_refresh=False) as bars:
            task = bars.add_task(text, total=total, part=self.part)
            begun = iter([0])

            def step(name: str) -> None:
                bars.update(task, description=name, advance=next(begun, 1))
                if self.console.is_terminal:
                    bars.refresh()

            yield step
