"""Key sets that clients and trusted issuers publish, kept per address and bounded in number."""

from collections import OrderedDict
from collections.abc import Callable

from tokenbooth.clock import Clock
from tokenbooth.protocol.keys import KeySet, parse_key_set
from tokenbooth.remote.fetch import Fetch
from tokenbooth.remote.key_set import RemoteKeySet

_MOST = 1000  # the least recently used is forgotten, and fetched anew when it is needed


class RemoteKeys:
    """Hands out one key set per address, whichever clients it serves."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self.fetch = fetch
        self._clock = clock
        self._sets: OrderedDict[tuple[str, str], RemoteKeySet] = OrderedDict()

    def at(
        self,
        address: str,
        *,
        kind: str = "jwks",
        locate: Callable[[], str] | None = None,
        parse: Callable[[bytes], KeySet] = parse_key_set,
    ) -> RemoteKeySet:
        """Return the key set at `address`, or where `locate` finds it from there."""
        name = (kind, address)
        found = self._sets.get(name)
        if found is None:
            found = RemoteKeySet(locate or address, self.fetch, self._clock, parse=parse)
            self._sets[name] = found
            if len(self._sets) > _MOST:
                self._sets.popitem(last=False)
        self._sets.move_to_end(name)
        return found
