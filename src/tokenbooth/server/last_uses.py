"""When, how often and from where each credential was used: gathered in memory, written later.

Nothing waits for it: losing the last seconds in a crash is the price of a hot path without writes.
"""

from collections.abc import Callable
from itertools import islice

from tokenbooth.server.records import Credential, CredentialUse
from tokenbooth.server.stores.contract import ClientStore
from tokenbooth.server.write_pace import rows_now

_MOST = 20_000  # credentials and hosts between two writes; more are not noted
_PER_WRITE = 1000


class _Uses:
    """The uses of one credential by one host."""

    __slots__ = ("agent", "at", "count", "credential")

    def __init__(self, credential: Credential, at: float, agent: str) -> None:
        self.credential = credential
        self.at = at
        self.agent = agent
        self.count = 1


class LastUses:
    """Collects uses; the upkeep of the service calls `write()`."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending: dict[tuple[str, str], _Uses] = {}  # by credential and source

    def note(
        self, credential: Credential, *, at: float, source: str, agent: Callable[[], str]
    ) -> None:
        """Remember the use until the next `write()`; `agent` is asked for the first of many."""
        key = (credential.id, source)
        uses = self._pending.get(key)
        if uses is not None:
            uses.at = at
            uses.count += 1
        elif len(self._pending) < _MOST:
            self._pending[key] = _Uses(credential, at, agent())

    async def write(self, store: ClientStore, *, everything: bool = False) -> None:
        """Write what has gathered; keeps it for the next time when the store is away."""
        while self._pending:
            some = _PER_WRITE
            # Half full, it is written as fast as may be: what finds no room is not noted at all.
            if not everything and len(self._pending) <= _MOST // 2:
                some = rows_now(len(self._pending), most=_PER_WRITE)
            written = dict(islice(self._pending.items(), some))
            for key in written:
                del self._pending[key]
            try:
                await store.record_uses(
                    [_record(uses, source) for (_, source), uses in written.items()]
                )
            except BaseException:
                self._put_back(written)
                raise
            if not everything:
                return

    def _put_back(self, unwritten: dict[tuple[str, str], _Uses]) -> None:
        for key, uses in unwritten.items():
            newer = self._pending.setdefault(key, uses)
            if newer is not uses:
                newer.count += uses.count


def _record(uses: _Uses, source: str) -> CredentialUse:
    credential = uses.credential
    return CredentialUse(
        issuer=credential.issuer,
        client_id=credential.client_id,
        credential_id=credential.id,
        at=uses.at,
        source=source,
        agent=uses.agent,
        count=uses.count,
    )
