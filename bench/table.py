"""Tables of results, for people and as JSON."""

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Table:
    """Rows under a title; every cell is a text."""

    title: str
    columns: tuple[str, ...]
    note: str = ""
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """Append a row."""
        self.rows.append(cells)

    def show(self) -> str:
        """Return the table as Markdown, aligned."""
        every = [self.columns, *self.rows]
        widths = [max(len(row[i]) for row in every) for i in range(len(self.columns))]
        lines = [_line(row, widths) for row in every]
        lines.insert(1, "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|")
        lines[1] = "|" + "-" * (widths[0] + 2) + lines[1][widths[0] + 3 :]
        text = f"\n### {self.title}\n\n" + "\n".join(lines) + "\n"
        return f"{text}\n{self.note}\n" if self.note else text

    def to_json(self) -> dict[str, object]:
        """Return the table as plain data."""
        return {
            "title": self.title,
            "note": self.note,
            "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows],
        }


def number(value: float) -> str:
    """Write a figure with as many digits as it is worth."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    first, *others = [
        cell.ljust(w) if i == 0 else cell.rjust(w)
        for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join([first, *others]) + " |"
