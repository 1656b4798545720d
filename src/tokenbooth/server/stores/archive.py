"""A whole database as one stream of JSON lines, which any engine reads back.

The first line says what it is, then each table follows with its rows, and the last line holds the
number of rows and a digest of everything before it: half a file is never taken for a whole one.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, LargeBinary, Table, delete, func, insert, select

from tokenbooth.server.stores import schema
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.tables import audit_head, feed, metadata

FORMAT = 1
_ROWS_AT_ONCE = 500
_NAME = "tokenbooth_backup"

Report = Callable[[int], None]  # hears how many rows are done


class ArchiveRefused(StoreUnavailable):
    """The stream is no backup, is damaged, or does not fit this database."""


def write(connection: Connection, *, made_at: float, report: Report) -> Iterator[bytes]:
    """Yield the lines; everything as of the one moment that the connection's transaction sees."""
    digest, rows = hashlib.sha256(), 0

    def line(value: object) -> bytes:
        encoded = msgspec.json.encode(value) + b"\n"
        digest.update(encoded)
        return encoded

    yield line({_NAME: FORMAT, "schema": schema.HEAD, "made_at": made_at})
    for table in metadata.sorted_tables:
        yield line(
            {"table": str(table.name), "columns": [str(column.name) for column in table.columns]}
        )
        ordered = select(table).order_by(*table.primary_key.columns)
        for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(ordered):
            yield line([_plain(value) for value in row])
            rows += 1
            if rows % _ROWS_AT_ONCE == 0:
                report(rows)
    report(rows)
    yield msgspec.json.encode({"rows": rows, "sha256": digest.hexdigest()}) + b"\n"


def read(connection: Connection, lines: Iterable[bytes], *, report: Report) -> int:
    """Fill an empty database, and return the number of rows; raises ArchiveRefused.

    Within one transaction: what is refused at the end has never been there.
    """
    _require_empty(connection)
    for table in (feed, audit_head):
        connection.execute(delete(table))
    reader = _Reader(connection, report)
    for line in lines:
        reader.take(line)
    return reader.finish()


class _Reader:
    """Takes line after line; what it was told is true only after `finish`."""

    def __init__(self, connection: Connection, report: Report) -> None:
        self._connection = connection
        self._report = report
        self._digest = hashlib.sha256()
        self._rows = 0
        self._table: _TableReader | None = None
        self._has_begun = self._is_whole = False

    def take(self, line: bytes) -> None:
        value = _decoded(line)
        if self._is_whole:
            raise ArchiveRefused("Something follows the end of the backup.")
        if not self._has_begun:
            _check_head(value)
            self._has_begun = True
        elif isinstance(value, list) and self._table is not None:
            self._table.take(value)
            self._rows += 1
        elif isinstance(value, dict) and "table" in value:
            self._end_table()
            self._table = _TableReader(self._connection, value)
        elif isinstance(value, dict) and "sha256" in value:
            self._end_table()
            if (value.get("rows"), value["sha256"]) != (self._rows, self._digest.hexdigest()):
                raise ArchiveRefused("The backup is damaged: its digest does not fit.")
            self._is_whole = True
        else:
            raise ArchiveRefused("The backup is damaged: a line is neither a table nor a row.")
        self._digest.update(line)

    def finish(self) -> int:
        if not self._is_whole:
            raise ArchiveRefused("The backup is cut off: its end is missing.")
        return self._rows

    def _end_table(self) -> None:
        if self._table is not None:
            self._table.flush()
        self._table = None
        self._report(self._rows)


class _TableReader:
    """Gathers rows of one table and inserts many at once."""

    def __init__(self, connection: Connection, value: dict[str, Any]) -> None:
        table = metadata.tables.get(str(value["table"]))
        columns = value.get("columns")
        if table is None or columns != [column.name for column in table.columns]:
            raise ArchiveRefused(
                f"The backup holds a table {value['table']!r} that this version does not know."
            )
        self._connection = connection
        self._table: Table = table
        self._binary = [isinstance(column.type, LargeBinary) for column in table.columns]
        self._names: list[str] = columns
        self._rows: list[dict[str, object]] = []

    def take(self, row: list[Any]) -> None:
        if len(row) != len(self._names):
            raise ArchiveRefused("The backup is damaged: a row has another number of columns.")
        try:
            values = [
                base64.b64decode(value, validate=True) if is_binary and value is not None else value
                for value, is_binary in zip(row, self._binary, strict=True)
            ]
        except (TypeError, ValueError) as error:
            raise ArchiveRefused("The backup is damaged: a value is no base64.") from error
        self._rows.append(dict(zip(self._names, values, strict=True)))
        if len(self._rows) >= _ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._connection.execute(insert(self._table), self._rows)
            self._rows = []


def _require_empty(connection: Connection) -> None:
    for table in metadata.sorted_tables:
        if table in (feed, audit_head):
            continue
        if connection.execute(select(func.count()).select_from(table)).scalar_one():
            raise ArchiveRefused(
                f"The database is not empty (there is something in {table.name!r}). Restore into "
                "a new one: nothing is ever overwritten."
            )


def _check_head(value: object) -> None:
    if not isinstance(value, dict) or value.get(_NAME) != FORMAT:
        raise ArchiveRefused("This is no backup of Tokenbooth.")
    if value.get("schema") != schema.HEAD:
        raise ArchiveRefused(
            f"The backup was made by a version whose tables are numbered {value.get('schema')}, "
            f"this one's are {schema.HEAD}: restore it with that version, then upgrade."
        )


def _decoded(line: bytes) -> Any:  # noqa: ANN401 - a list or an object
    try:
        return msgspec.json.decode(line)
    except (ValueError, RecursionError) as error:  # of msgspec too
        raise ArchiveRefused("The backup is damaged: a line cannot be read.") from error


def _plain(value: object) -> object:
    if isinstance(value, (bytes, memoryview)):
        return base64.b64encode(value).decode("ascii")
    return value
