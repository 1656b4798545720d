"""What the store needs from a database engine; the differences between engines stay behind it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Select

from tokenbooth.server.stores.contract import Claim
from tokenbooth.server.stores.rows import Row

T = TypeVar("T")

# A statement that never changes, and its parameters.
LookUp = tuple[Select[Any], Mapping[str, object]]


class Engine(Protocol):
    """Runs the queries; raises only StoreError."""

    async def look_up(self, look_ups: Sequence[LookUp]) -> list[list[Row]]:
        """Return the rows of each look-up, all as of one moment, the fastest way there is."""

    async def revision(self) -> int:
        """Return the feed's revision."""

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run the query in a transaction that only reads."""

    async def read_aside(self, query: Callable[[Connection], T]) -> T:
        """Do what `read` does for a query that may take long: nobody else waits for it."""

    async def write(self, query: Callable[[Connection], T], *, exclusive: bool = True) -> T:
        """Run the query in a transaction that is durable on return, or never happened.

        No two exclusive ones run at once. The others must be right whatever runs beside them.
        """

    async def claim(self, key: str, *, now: float, expires_at: float) -> Claim:
        """Claim the key, or say who has it; see contract.RevocationStore."""

    def listen(self, tell: Callable[[], None]) -> None:
        """Call `tell` soon after each change, by whichever node, as far as the engine hears."""

    async def close(self) -> None:
        """Finish what is under way and let go of every connection."""
