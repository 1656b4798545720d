"""The store's part for backups; see archive.py for what is written."""

from collections.abc import Callable, Iterable

from sqlalchemy import Connection, text

from tokenbooth.server.stores import archive
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.sql_people import SqlChanges
from tokenbooth.server.stores.tables import metadata


class SqlArchive(SqlChanges):
    """The whole database as lines, and back."""

    async def dump(
        self, write: Callable[[bytes], object], *, report: Callable[[int], None]
    ) -> None:
        made_at, has_begun = self._clock.now(), False

        def dump(connection: Connection) -> None:
            nonlocal has_begun
            if has_begun:  # lines that were written cannot be taken back
                raise StoreUnavailable(
                    "The connection was lost in the middle of the backup; start it again."
                )
            has_begun = True
            for line in archive.write(connection, made_at=made_at, report=report):
                write(line)

        await self._engine.read(dump)

    async def load(
        self, lines: Callable[[], Iterable[bytes]], *, report: Callable[[int], None]
    ) -> int:
        def load(connection: Connection) -> int:
            rows = archive.read(connection, lines(), report=report)
            if connection.dialect.name == "postgresql":
                # Until it knows how much there is, it looks things up the slow way.
                for table in metadata.sorted_tables:
                    connection.execute(text(f'ANALYZE "{table.name}"'))
            return rows

        return await self._engine.write(load)
