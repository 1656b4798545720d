"""Read, change, write, so that nothing that others write meanwhile is lost."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tokenbooth.management.errors import Outdated
from tokenbooth.server.stores.contract import Stale

# Whoever fails once, lost to somebody who did not: so many must come at once for this to end.
_TRIES = 50

T = TypeVar("T")


async def revise(attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what `attempt` returns: it reads, decides and writes what it saw, or raises Stale.

    It is called again as long as somebody else was faster. Raises Outdated when that never ends.
    """
    for _ in range(_TRIES - 1):
        with contextlib.suppress(Stale):
            return await attempt()
    try:
        return await attempt()
    except Stale as error:
        raise Outdated("Others change it all the time; try again later.") from error
