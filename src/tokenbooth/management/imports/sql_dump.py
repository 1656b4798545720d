"""Read the rows of one table out of a dump: INSERT statements, or COPY as pg_dump writes it."""

import re
from collections.abc import Iterator

from tokenbooth.management.errors import BadInput

Row = dict[str, str | None]

_NAME = r'(?:["`\[]?[A-Za-z0-9_]+["`\]]?\.)?["`\[]?{table}["`\]]?'
_COPY = r"^COPY\s+{name}\s*\((?P<columns>[^)]*)\)\s+FROM\s+stdin;[^\n]*\n"
_INSERT = r"\bINSERT\s+INTO\s+{name}\s*(?:\((?P<columns>[^)]*)\))?\s*VALUES\s*"
_CREATE = (
    r"\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?{name}\s*\((?P<columns>.*?)\)\s*(?:;|ENGINE)"
)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CONSTRAINTS = ("PRIMARY", "UNIQUE", "KEY", "CONSTRAINT", "FOREIGN", "CHECK", "INDEX")
# One value of a list: a quoted text, a bare word or number, each followed by a comma or the end.
_VALUE = re.compile(
    r"\s*(?:(?P<escaped>E?)'(?P<text>(?:[^'\\]|''|\\.)*)'|(?P<bare>[^\s',()]+))"
    r"(?:::[a-z0-9 ]+)?\s*(?P<end>[,)])",
    re.DOTALL,
)


def rows_of(dump: str, table: str) -> list[Row]:
    """Return the rows of a table; raises BadInput if there is none, or one cannot be read."""
    name = _NAME.format(table=re.escape(table))
    rows = [*_copied(dump, name), *_inserted(dump, name)]
    if not rows:
        raise BadInput(f"There are no rows of the table {table} in this dump.")
    return rows


def _copied(dump: str, name: str) -> Iterator[Row]:
    for copy in re.finditer(_COPY.format(name=name), dump, re.MULTILINE):
        columns = _columns(copy["columns"])
        for line in dump[copy.end() :].split("\n"):
            if line == "\\.":
                break
            values = line.split("\t")
            if len(values) != len(columns):
                raise BadInput("A row of this dump has not as many values as its table columns.")
            yield dict(zip(columns, map(_copied_value, values), strict=True))


def _copied_value(value: str) -> str | None:
    if value == "\\N":
        return None
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), value)


def _inserted(dump: str, name: str) -> Iterator[Row]:
    flags = re.IGNORECASE | re.DOTALL
    created = re.search(_CREATE.format(name=name), dump, flags)
    of_table = _declared(created["columns"]) if created else []
    for insert in re.finditer(_INSERT.format(name=name), dump, flags):
        columns = _columns(insert["columns"]) if insert["columns"] else of_table
        position = insert.end()
        while dump[position : position + 1] == "(":
            values, position = _tuple(dump, position + 1)
            if len(values) != len(columns):
                raise BadInput(
                    "A row of this dump has not as many values as its table columns. "
                    "Dump with column names: pg_dump --column-inserts, mysqldump --complete-insert."
                )
            yield dict(zip(columns, values, strict=True))
            separator = re.compile(r"\s*,\s*").match(dump, position)
            position = separator.end() if separator else position


def _tuple(dump: str, position: int) -> tuple[list[str | None], int]:
    values: list[str | None] = []
    while True:
        found = _VALUE.match(dump, position)
        if found is None:
            raise BadInput("A row of this dump cannot be read: it holds more than plain values.")
        if found["text"] is None:
            values.append(None if found["bare"].upper() == "NULL" else found["bare"])
        else:
            values.append(_quoted(found["text"], is_escaped=bool(found["escaped"])))
        position = found.end()
        if found["end"] == ")":
            return values, position


def _quoted(text: str, *, is_escaped: bool) -> str:
    text = text.replace("''", "'")
    # MySQL writes backslashes before quotes; elsewhere they are part of the text, as in JSON.
    if is_escaped or "\\'" in text or text.startswith(('{\\"', '[\\"')):
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)
    return text


def _columns(listed: str) -> list[str]:
    return [name.strip().strip('"`[]') for name in listed.split(",")]


def _declared(listed: str) -> list[str]:
    lines = (line.strip() for line in re.split(r",\s*(?![^(]*\))", listed))
    names = (line.split()[0].strip('"`[]') for line in lines if line)
    return [name for name in names if name.upper() not in _CONSTRAINTS]
