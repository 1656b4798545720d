"""Let registered certificates through TLS, while the service runs (RFC 8705 §2.2)."""

from collections.abc import Sequence

from tokenbooth.server.client_certificates import KIND, trust_anchors
from tokenbooth.server.records import Change
from tokenbooth.server.stores.contract import ClientStore
from tokenbooth.server.tls_listener import TlsListener

_MOST_SINGLE = 200  # changed clients; for more, reading every certificate costs less


class Admission:
    """Tells the listener of new certificates. Removed ones still pass TLS, but match no client."""

    def __init__(self, listener: TlsListener, store: ClientStore) -> None:
        self._listener = listener
        self._store = store
        self._changed: set[tuple[str, str]] | None = None  # None: anything may have changed

    def note(self, changes: Sequence[Change] | None) -> None:
        """Take down which clients changed; None says that nobody knows."""
        if changes is None:
            self._changed = None
        elif self._changed is not None:
            self._changed |= {(each.issuer, each.id) for each in changes if each.kind == "client"}

    async def admit(self) -> None:
        """Let in what was registered since the last time; raises StoreUnavailable."""
        changed, self._changed = self._changed, set()
        if changed is not None and not changed:
            return
        try:
            await self._admit(changed)
        except BaseException:
            self._changed = None
            raise

    async def _admit(self, changed: set[tuple[str, str]] | None) -> None:
        if changed is None or len(changed) > _MOST_SINGLE:
            self._listener.let_in(trust_anchors(await self._store.list_credentials(KIND)))
            return
        for issuer, client_id in changed:
            registered = await self._store.get_client(issuer, client_id)
            if registered is not None:
                self._listener.let_in(trust_anchors(registered.credentials))
