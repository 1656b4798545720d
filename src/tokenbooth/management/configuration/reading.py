"""Read configuration files: TOML in, entries out, or every mistake with its place."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path as FilePath
from typing import Any, Generic, TypeVar

import msgspec

from tokenbooth.management.configuration.document import (
    NESTED,
    AccountEntry,
    ApiEntry,
    ClientEntry,
    IssuerEntry,
)
from tokenbooth.management.configuration.places import Path, line_of, lines_of, written
from tokenbooth.management.errors import BadInput
from tokenbooth.protocol import strict_json

MAX_BYTES = 64 << 20
_AT = re.compile(r"(.*) - at `\$(.*)`", re.DOTALL)
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[([0-9]+)\]|\[\.\.\.\]")
_MOST_SHOWN = 50
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file as it was read; relative paths in it start at `folder`."""

    name: str
    text: str
    folder: FilePath


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is said."""

    source: Source
    path: Path

    def __str__(self) -> str:
        line = line_of(lines_of(self.source.text), self.path)
        where = f"{self.source.name}:{line}" if line else self.source.name
        return f"{where}: {written(self.path)}" if self.path else where

    def within(self, *steps: str | int) -> "Place":
        """Return the place of something in it."""
        return Place(self.source, (*self.path, *steps))


@dataclass(frozen=True, slots=True)
class Said(Generic[T]):
    """An entry, and where it stands."""

    entry: T
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What all files say together."""

    accounts: dict[str, Said[AccountEntry]] = field(default_factory=dict)
    issuers: dict[str, Said[IssuerEntry]] = field(default_factory=dict)
    apis: dict[tuple[str, str], Said[ApiEntry]] = field(default_factory=dict)
    clients: dict[tuple[str, str], Said[ClientEntry]] = field(default_factory=dict)


class Mistakes:
    """Gathers what is wrong, to tell all of it at once."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def add(self, place: Place, text: str) -> None:
        """Remember one mistake."""
        self._texts.append(f"{place}: {text}")

    def add_of_all(self, text: str) -> None:
        """Remember a mistake that stands in no single place."""
        self._texts.append(text)

    def refuse(self) -> None:
        """Raise BadInput if there was any."""
        if not self._texts:
            return
        shown = self._texts[:_MOST_SHOWN]
        if more := len(self._texts) - len(shown):
            shown.append(f"… and {more} more mistakes.")
        raise BadInput("\n".join(shown))


def read_documents(sources: Iterable[Source]) -> Document:
    """Read all files as one; raises BadInput with every mistake."""
    document, mistakes = Document(), Mistakes()
    for source in sources:
        _read(source, document, mistakes)
    mistakes.refuse()
    return document


def _read(source: Source, document: Document, mistakes: Mistakes) -> None:
    place = Place(source, ())
    try:
        tables = tomllib.loads(source.text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        mistakes.add(place, f"This is no TOML: {str(error)[:200] or 'nested too deeply'}.")
        return
    for name, value in _tables(tables, ("accounts", "issuers"), place, mistakes):
        for each, child in _children(value, place.within(name), mistakes):
            if name == "accounts":
                _take(document.accounts, each, AccountEntry, child, mistakes)
            else:
                _read_issuer(each, child, document, mistakes)


def _read_issuer(
    name: str, said: Said[dict[str, Any]], document: Document, mistakes: Mistakes
) -> None:
    place = said.place
    settings = {key: value for key, value in said.entry.items() if key not in ("apis", "clients")}
    silent = document.issuers.get(name)
    if silent is None or silent.entry.is_silent:
        document.issuers.pop(name, None)
    if settings or name not in document.issuers:
        _take(
            document.issuers,
            name,
            IssuerEntry,
            Said(settings, place),
            mistakes,
            others=("apis", "clients"),
        )
    for each, api in _children(said.entry.get("apis", {}), place.within("apis"), mistakes):
        _take(document.apis, (name, each), ApiEntry, api, mistakes)
    for each, client in _children(said.entry.get("clients", {}), place.within("clients"), mistakes):
        _take(document.clients, (name, each), ClientEntry, client, mistakes)


def _tables(
    tables: dict[str, Any], known: tuple[str, ...], place: Place, mistakes: Mistakes
) -> list[tuple[str, Any]]:
    for name in tables:
        if name not in known:
            mistakes.add(place.within(name), _unknown(name, known))
    return [(name, value) for name, value in tables.items() if name in known]


def _children(
    value: object, place: Place, mistakes: Mistakes
) -> list[tuple[str, Said[dict[str, Any]]]]:
    if not isinstance(value, dict):
        mistakes.add(place, "This is a table of tables, each under its own name.")
        return []
    found = []
    for name, entry in value.items():
        if isinstance(entry, dict):
            found.append((name, Said(entry, place.within(name))))
        else:
            mistakes.add(place.within(name), "This is a table, not a value.")
    return found


def _take(
    entries: Any,  # noqa: ANN401 - a dict of one of four kinds, by a name or a pair of them
    name: str | tuple[str, str],
    kind: type,
    said: Said[dict[str, Any]],
    mistakes: Mistakes,
    *,
    others: tuple[str, ...] = (),
) -> None:
    if name in entries:
        mistakes.add(said.place, f"This is said twice: also in {entries[name].place}.")
        return
    if _refuse_unknown(said.entry, kind, said.place, mistakes, others=others):
        return
    try:
        entry: object = msgspec.convert(said.entry, kind)
    except msgspec.ValidationError as error:
        text, path = _placed(str(error))
        mistakes.add(said.place.within(*path), text)
        return
    entries[name] = Said(entry, said.place)


def _refuse_unknown(
    value: object, kind: type, place: Place, mistakes: Mistakes, *, others: tuple[str, ...] = ()
) -> bool:
    """Remember keys that there are not, at any depth; tell whether there was one."""
    if isinstance(value, list):
        each = [
            _refuse_unknown(one, kind, place.within(position), mistakes)
            for position, one in enumerate(value)
        ]
        return any(each)
    if not isinstance(value, dict):
        return False
    known = _names(kind)
    strange = [name for name in value if name not in known]
    for name in strange:
        mistakes.add(place.within(name), _unknown(name, (*known, *others)))
    inner = [
        _refuse_unknown(value[name], nested, place.within(name), mistakes)
        for name, nested in NESTED.get(kind, {}).items()
        if name in value
    ]
    return bool(strange) or any(inner)


def _names(kind: type) -> tuple[str, ...]:
    if is_dataclass(kind):
        return tuple(each.name for each in fields(kind))
    return tuple(each.name for each in msgspec.structs.fields(kind))


def _unknown(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = get_close_matches(name, names, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(names)}."
    return f"There is no such key here. {hint}"


def _placed(message: str) -> tuple[str, Path]:
    """Split a message of msgspec into what is wrong and where."""
    found = _AT.fullmatch(message)
    if found is None:
        return message + ".", ()
    steps: list[str | int] = []
    for step in _STEP.finditer(found[2]):
        if step[1] is not None:
            steps.append(step[1])
        elif step[2] is not None:
            steps.append(int(step[2]))
    return found[1].replace("`", "") + ".", tuple(steps)


def read_source(name: str, data: bytes, folder: FilePath) -> Source:
    """Return a file's text; raises BadInput."""
    if len(data) > MAX_BYTES:
        raise BadInput(f"{name} is longer than {MAX_BYTES >> 20} MB.")
    try:
        return Source(name=name, text=data.decode("utf-8-sig"), folder=folder)
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is not UTF-8 text.") from error


def table_of(value: dict[str, Any] | str) -> Mapping[str, Any]:
    """Return claims, which may be written as JSON; raises BadInput."""
    if not isinstance(value, str):
        return value
    try:
        return strict_json.parse_object(value.encode())
    except ValueError as error:
        raise BadInput("Claims are a table, or a text that is a JSON object.") from error
