"""The store's part for metrics."""

from collections.abc import Mapping

from tokenbooth.server.stores.queries import counts
from tokenbooth.server.stores.sql_people import SqlChanges


class SqlCounts(SqlChanges):
    """How many there are of what; asked aside, so that no token waits for it."""

    async def count_clients(self) -> Mapping[tuple[str, bool], int]:
        return await self._engine.read_aside(counts.count_clients)

    async def count_ending_credentials(
        self, *, now: float, before: float
    ) -> Mapping[tuple[str, str], int]:
        return await self._engine.read_aside(
            lambda connection: counts.count_ending_credentials(connection, now=now, before=before)
        )
