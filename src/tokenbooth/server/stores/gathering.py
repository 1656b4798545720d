"""An engine that gathers writes, to run all of them in one transaction of another engine."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

from tokenbooth.server.stores.contract import Claim
from tokenbooth.server.stores.engine import Engine, LookUp
from tokenbooth.server.stores.rows import Row

T = TypeVar("T")


class Gathering:
    """Reads from `engine` at once, and writes to it only when it is told to commit."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._gathered: list[Callable[[Connection], Any]] = []

    async def look_up(self, look_ups: Sequence[LookUp]) -> list[list[Row]]:
        """Ask the engine, which knows nothing of what is gathered."""
        return await self._engine.look_up(look_ups)

    async def revision(self) -> int:
        """Ask the engine."""
        return await self._engine.revision()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Ask the engine, which knows nothing of what is gathered."""
        return await self._engine.read(query)

    async def read_aside(self, query: Callable[[Connection], T]) -> T:
        """Ask the engine, which knows nothing of what is gathered."""
        return await self._engine.read_aside(query)

    async def write(self, query: Callable[[Connection], Any], *, exclusive: bool = True) -> Any:  # noqa: ANN401 - see Engine
        """Keep the query for the commit; what it returns is lost."""
        self._gathered.append(query)

    async def claim(self, key: str, *, now: float, expires_at: float) -> Claim:
        """Ask the engine: a claim is decided at once."""
        return await self._engine.claim(key, now=now, expires_at=expires_at)

    def listen(self, tell: Callable[[], None]) -> None:
        """Ask the engine."""
        self._engine.listen(tell)

    async def commit(self) -> None:
        """Run what was gathered, in its order and in one transaction."""
        gathered, self._gathered = self._gathered, []

        def run(connection: Connection) -> None:
            for query in gathered:
                query(connection)

        await self._engine.write(run)

    async def close(self) -> None:
        """Let go of nothing: the engine is somebody else's."""
