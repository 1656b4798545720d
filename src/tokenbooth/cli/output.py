"""Data on stdout, talk on stderr: JSON for programs, tables and fields for people."""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

import click
import msgspec

from tokenbooth.protocol.secret import Secret

_WIDEST_PLAIN = 60


class Output:
    """Writes a command's result in the one form that was asked for."""

    __slots__ = ("as_json",)

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def one(self, value: object) -> None:
        """Write one thing: a JSON object, or a line per field."""
        fields = as_mapping(value)
        if self.as_json:
            write_json(fields)
            return
        shown = {name: _cell(each) for name, each in fields.items()}
        width = max(map(len, shown), default=0)
        for name, text in shown.items():
            click.echo(f"{name:<{width}}  {text}".rstrip())

    def many(self, values: Sequence[object], columns: Sequence[str], *, empty: str) -> None:
        """Write a list: a JSON array of whole objects, or a table of the chosen columns."""
        rows = [as_mapping(value) for value in values]
        if self.as_json:
            write_json(rows)
            return
        if not rows:
            self.talk(empty)
            return
        cells = [[_cell(row.get(column)) for column in columns] for row in rows]
        _table([column.replace("_", " ").upper() for column in columns], cells)

    def talk(self, text: str) -> None:
        """Say something to the person; programs that read JSON are left in peace."""
        if not self.as_json:
            click.echo(text, err=True)


def as_mapping(value: object) -> dict[str, object]:
    """Return the fields of a result; a secret in it is revealed, for this is where it is told."""
    found = msgspec.to_builtins(value, enc_hook=_revealed, builtin_types=(datetime,))
    return dict(found)


def write_json(value: object) -> None:
    """Write one JSON document to stdout."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _revealed(value: object) -> object:
    if isinstance(value, Secret):
        return value.reveal()
    message = f"{type(value).__name__} has no JSON form"
    raise TypeError(message)


def _cell(value: object) -> str:
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%SZ")
        case list() | tuple():
            return ", ".join(_cell(each) for each in value) or "-"
        case {"api": api, "scopes": scopes}:
            return f"{api} ({_cell(scopes)})" if scopes else str(api)
        case Mapping():
            return " ".join(f"{name}={_cell(each)}" for name, each in value.items())
        case _:
            return str(value)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    if sys.stdout.isatty() and _fits(widths):
        _rich_table(headings, rows)
        return
    for row in (headings, *rows):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def _fits(widths: Sequence[int]) -> bool:
    import shutil

    return sum(widths) + 3 * len(widths) <= shutil.get_terminal_size().columns


def _rich_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    # Imported here: a pipe needs no table, and the import is slow.
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=SIMPLE_HEAD, header_style="bold")
    for row in rows:
        # Names are data, never markup.
        table.add_row(*map(Text, row))
    Console().print(table)
