"""Where in a TOML text something is said, for messages that name the line."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache

Path = tuple[str | int, ...]

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=")
_FENCES = ('"""', "'''")


@lru_cache(maxsize=16)
def lines_of(text: str) -> Mapping[Path, int]:
    """Return the line on which each table and each key of a good TOML text begins."""
    lines: dict[Path, int] = {}
    table: Path = ()
    listed: dict[Path, int] = {}  # how many entries of each array of tables there were
    for number, line in _outside_long_texts(text):
        if header := _HEADER.match(line):
            table = _with_positions(_names(header[2]), listed)
            if header[1] == "[[":
                position = listed[table] = listed.get(table, -1) + 1
                table = (*table, position)
            for depth in range(1, len(table) + 1):
                lines.setdefault(table[:depth], number)
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault((*table, *_names(assignment[1])), number)
    return lines


def line_of(lines: Mapping[Path, int], path: Path) -> int | None:
    """Return the line of that place, or of the nearest one around it."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def written(path: Path) -> str:
    """Return a place as it is written in TOML: issuers.default.clients."my.app".access[0]."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            text += ("." if text else "") + (part if plain else ascii(part).replace("'", '"'))
    return text


def _outside_long_texts(text: str) -> Iterator[tuple[int, str]]:
    fence = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if not fence:
            yield number, line
        for each in _FENCES:
            if line.count(each) % 2 and fence in ("", each):
                fence = "" if fence else each


def _names(dotted: str) -> Path:
    names: list[str | int] = []
    node: object = tomllib.loads(f"{dotted} = 0")
    while isinstance(node, dict):
        ((name, node),) = node.items()
        names.append(name)
    return tuple(names)


def _with_positions(names: Path, listed: Mapping[Path, int]) -> Path:
    """Put the number of the last entry behind each array of tables on the way."""
    path: Path = ()
    for depth, name in enumerate(names, start=1):
        path = (*path, name)
        if depth < len(names) and path in listed:
            path = (*path, listed[path])
    return path
