"""How far a database's tables are, asked without changing anything."""

import asyncio
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tokenbooth.server.stores import schema
from tokenbooth.server.stores import sqlite_driver as sqlite
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.sql import NO_DRIVER
from tokenbooth.server.stores.sqlite import sqlite_path


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaState:
    """The newest migration that a database has seen, and the newest that this program knows."""

    database: str | None  # None: no tables yet, or no file
    program: str = schema.HEAD

    @property
    def is_up_to_date(self) -> bool:
        """Whether the program can work on it as it is."""
        return self.database == self.program

    @property
    def is_newer(self) -> bool:
        """Whether a newer version of the program made it."""
        return self.database is not None and self.database > self.program


async def schema_state(url: str) -> SchemaState:
    """Look at the database of that URL; raises StoreUnavailable when it cannot be asked."""
    path = sqlite_path(url)
    if path is None:
        try:
            from tokenbooth.server.stores.postgres_schema import revision_of
        except ModuleNotFoundError as error:
            raise StoreUnavailable(NO_DRIVER) from error
        return SchemaState(database=await revision_of(url))
    return SchemaState(database=await asyncio.to_thread(_revision_in, path.absolute()))


def _revision_in(path: Path) -> str | None:
    if not path.exists():
        return None
    with (
        sqlite.as_store_errors(path),
        closing(sqlite.connect(path, wait=sqlite.READ_WAIT, query_only=True)) as connection,
    ):
        named = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
        if connection.execute(named).fetchone() is None:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])
