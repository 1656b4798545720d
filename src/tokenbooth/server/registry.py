"""The in-memory view of issuers, APIs and clients, kept fresh by the store's changes.

Issuers, APIs and keys are few and all held; clients are read when first asked for, and the
latest `cache_size` of them are kept.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tokenbooth.clock import Clock
from tokenbooth.protocol.dialects import Dialect
from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.server.client_certificates import KnownCertificate, known_certificates
from tokenbooth.server.client_keys import KnownKey, KnownKeyPlace, known_keys
from tokenbooth.server.federation import KnownTrust, known_trusts
from tokenbooth.server.imported_secrets import ImportedSecret, imported_secrets
from tokenbooth.server.issuer_view import (
    NO_OFFER,
    CertificateOffer,
    IssuerView,
    unusable_issuer,
    view_issuer,
)
from tokenbooth.server.keyring import FOREVER, Keyring
from tokenbooth.server.records import (
    Api,
    Change,
    Client,
    Credential,
    Issuer,
    RegisteredClient,
    StoredKey,
)
from tokenbooth.server.secrets import is_own_digest, stored_digest
from tokenbooth.server.stores.contract import Store
from tokenbooth.server.vault import VaultError
from tokenbooth.server.waste import Waste


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSecret:
    """A secret credential, ready to compare with."""

    credential: Credential = field(repr=False)
    digest: bytes = field(repr=False)


@dataclass(slots=True)
class Decided:
    """How often it was worked out what a client may have, for the metrics."""

    made: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownClient:
    """A registered client, ready for the hot path."""

    client: Client
    secrets: tuple[KnownSecret, ...]
    keys: tuple[KnownKey, ...] = ()
    key_places: tuple[KnownKeyPlace, ...] = ()
    trusts: tuple[KnownTrust, ...] = ()
    certificates: tuple[KnownCertificate, ...] = ()
    imported: tuple[ImportedSecret, ...] = ()
    # What was decided for it, for `policy` alone: goes when the client changes or is forgotten.
    decisions: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    decided: Decided = field(default_factory=Decided, repr=False, compare=False)
    waste: Waste = field(default_factory=Waste, repr=False, compare=False)
    # The requests of it that `repeats` remembers, for that module alone.
    repeats: list[bytes] = field(default_factory=list, repr=False, compare=False)


class Registry:
    """What this process knows; `refresh()` makes it what the store knows."""

    def __init__(
        self,
        *,
        store: Store,
        keyring: Keyring,
        dialects: Mapping[str, Dialect],
        clock: Clock,
        base_url: str,
        cache_size: int,
        offer: CertificateOffer = NO_OFFER,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._dialects = dialects
        self._clock = clock
        self._base_url = base_url
        self._cache_size = cache_size
        self._offer = offer
        self._clients: dict[tuple[str, str], KnownClient] = {}
        self._revision = -1
        self._stale_at = -FOREVER
        self._refreshing = asyncio.Lock()
        self.seen_at = clock.monotonic()  # when it was last known to be what the store knows
        self.hits = 0  # of clients that were asked for: from memory
        self.misses = 0  # and from the store
        self.decided = Decided()
        self.issuers: Mapping[str, IssuerView] = {}
        self.on_new_issuers: Callable[[], None] = lambda: None
        self.on_changes: Callable[[Sequence[Change] | None], None] = lambda _changes: None

    async def refresh(self) -> None:
        """Take over what has changed in the store; raises StoreUnavailable."""
        # One at a time: a slower reader must not put older issuers over newer ones.
        async with self._refreshing:
            revision = await self._store.revision()
            if revision != self._revision:
                self._take_over(await self._store.changes_since(self._revision), revision)
            if self._clock.now() >= self._stale_at:  # a change, or a key's time has come
                await self._load_issuers()
            self.seen_at = self._clock.monotonic()

    @property
    def revision(self) -> int:
        """The last change that was taken over."""
        return self._revision

    @property
    def remembered_clients(self) -> int:
        """How many clients are in memory."""
        return len(self._clients)

    def _take_over(self, changes: Sequence[Change] | None, revision: int) -> None:
        # Without a pause in between: whoever reads a client meanwhile sees the new revision, and
        # does not keep what was read under the old one.
        self._revision = revision
        self.on_changes(changes)
        if changes is None:  # too far behind: know nothing rather than something old
            self._clients.clear()
            self._stale_at = -FOREVER
            return
        for change in changes:
            if change.kind == "client":
                self._clients.pop((change.issuer, change.id), None)
            else:
                self._stale_at = -FOREVER

    async def client(self, issuer: str, client_id: str) -> KnownClient | None:
        """Return the client, from memory or the store; raises StoreUnavailable."""
        known = self.remembered(issuer, client_id)
        if known is not None:
            self.hits += 1
            return known
        self.misses += 1
        revision = self._revision
        registered = await self._store.get_client(issuer, client_id)
        if registered is None:
            return None
        known = _know(registered, self.decided)
        # What was read before a change that has been taken over meanwhile must not be kept.
        if revision == self._revision:
            if len(self._clients) >= self._cache_size:
                self._clients.pop(next(iter(self._clients)))
            self._clients[issuer, client_id] = known
        return known

    async def ask_store(self, issuer: str, client_id: str) -> None:
        """Ask the store for nothing but the time that an unknown client takes."""
        # No client id has this character, so the store finds as little as for an unknown one.
        await self._store.get_client(issuer, f"\x7f{client_id}")

    def remembered(self, issuer: str, client_id: str) -> KnownClient | None:
        """Return the client if it is known without asking the store."""
        return self._clients.get((issuer, client_id))

    async def _load_issuers(self) -> None:
        now = self._clock.now()
        # Issuers first: one that is added meanwhile comes with the next change, whole.
        issuers = await self._store.list_issuers()
        apis = await self._store.list_apis()
        keys = await self._store.list_keys()
        views = {issuer.name: self._view(issuer, apis, keys, now) for issuer in issuers}
        self.issuers = views
        self._stale_at = min((view.keys.stale_at for view in views.values()), default=FOREVER)
        self.on_new_issuers()

    def _view(
        self, issuer: Issuer, apis: Sequence[Api], keys: Sequence[StoredKey], now: float
    ) -> IssuerView:
        # What is wrong with one issuer must not take the others down.
        dialect = self._dialects.get(issuer.dialect)
        if dialect is None:
            why = (
                f"there is no file of its dialect {issuer.dialect!r}; "
                "set TOKENBOOTH_DIALECTS to its folder"
            )
            return unusable_issuer(issuer, base_url=self._base_url, why=why)
        try:
            issuer_keys = self._keyring.as_of(now, issuer.name, keys)
        except (VaultError, KeyRefused) as error:
            return unusable_issuer(issuer, base_url=self._base_url, why=str(error))
        return view_issuer(
            issuer,
            base_url=self._base_url,
            dialect=dialect,
            apis=tuple(api for api in apis if api.issuer == issuer.name),
            keys=issuer_keys,
            offer=self._offer,
        )


def _know(registered: RegisteredClient, decided: Decided) -> KnownClient:
    keys, key_places = known_keys(registered.credentials)
    return KnownClient(
        client=registered.client,
        keys=keys,
        key_places=key_places,
        trusts=known_trusts(registered.credentials),
        certificates=known_certificates(registered.credentials),
        imported=imported_secrets(registered.credentials),
        decided=decided,
        secrets=tuple(
            KnownSecret(credential=credential, digest=stored_digest(credential.data))
            for credential in registered.credentials
            if credential.kind == "secret" and is_own_digest(credential.data)
        ),
    )
