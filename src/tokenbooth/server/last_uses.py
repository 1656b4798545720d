"""When each credential was last used: gathered in memory, written now and then.

Nothing waits for it: losing the last seconds in a crash is the price of a hot path without writes.
"""

from tokenbooth.server.records import Credential, CredentialUse
from tokenbooth.server.stores.contract import ClientStore

_PRECISION_SECONDS = 1.0


class LastUses:
    """Collects uses; the background task of the service calls `write()`."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending: dict[str, CredentialUse] = {}

    def note(self, credential: Credential, *, at: float, source: str) -> None:
        """Remember the use until the next `write()`, to the second."""
        noted = self._pending.get(credential.id)
        if noted is not None and at - noted.at < _PRECISION_SECONDS and source == noted.source:
            return
        self._pending[credential.id] = CredentialUse(
            issuer=credential.issuer,
            client_id=credential.client_id,
            credential_id=credential.id,
            at=at,
            source=source,
        )

    async def write(self, store: ClientStore) -> None:
        """Write what has gathered; keeps it for the next time when the store is away."""
        if not self._pending:
            return
        pending, self._pending = self._pending, {}
        try:
            await store.record_uses(tuple(pending.values()))
        except BaseException:
            self._pending = {**pending, **self._pending}
            raise
