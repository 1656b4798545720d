"""Tables of results: figures kept as measured, written with as many digits as they are worth."""

from collections.abc import Iterable
from dataclasses import dataclass, field

Cell = float | str | None  # None: not measured


@dataclass(slots=True, kw_only=True)
class Table:
    """Rows under a title; the first cell of a row is its name."""

    title: str
    columns: tuple[str, ...]
    note: str = ""
    rows: list[tuple[Cell, ...]] = field(default_factory=list)

    def add(self, *cells: Cell) -> None:
        """Append a row; columns it says nothing about are left empty."""
        self.rows.append((*cells, *[None] * (len(self.columns) - len(cells))))

    def texts(self) -> list[list[str]]:
        """Return the rows as people read them."""
        return [[written(cell) for cell in row] for row in self.rows]

    def markdown(self) -> str:
        """Return the table in Markdown, without its title."""
        lines = [list(self.columns), self._alignment(), *self.texts()]
        text = "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
        return f"{text}\n{self.note}\n" if self.note else text

    def _alignment(self) -> list[str]:
        # Figures to the right; sentences, and the names of rows, to the left.
        columns = list(zip(*self.texts(), strict=True)) or [()] * len(self.columns)
        wordy = [number == 0 or _has_sentences(cells) for number, cells in enumerate(columns)]
        return ["---" if left else "---:" for left in wordy]

    def to_json(self) -> dict[str, object]:
        """Return the table as plain data."""
        return {
            "title": self.title,
            "note": self.note,
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
        }


def _has_sentences(cells: Iterable[str]) -> bool:
    return any(len(cell) > 24 for cell in cells)


def written(cell: Cell) -> str:
    """Write one cell."""
    return "–" if cell is None else cell if isinstance(cell, str) else number(cell)


def number(value: float) -> str:
    """Write a figure with as many digits as it is worth."""
    if isinstance(value, int) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
