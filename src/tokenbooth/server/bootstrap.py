"""Opens the service's database and vault, and makes what a new one needs."""

import contextlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from tokenbooth.clock import SYSTEM_CLOCK, Clock
from tokenbooth.protocol.dialects import Dialect
from tokenbooth.server.actor import SERVICE as SERVICE_ITSELF
from tokenbooth.server.actor import Actor
from tokenbooth.server.audit import EventType, event_by
from tokenbooth.server.audit_records import Event
from tokenbooth.server.keyring import PEPPER, SERVICE, new_issuer_keys
from tokenbooth.server.metrics.counting import Metrics
from tokenbooth.server.records import DEFAULT_ISSUER, Issuer, StoredKey
from tokenbooth.server.secrets import SecretOffice, new_issuer_tag, new_pepper
from tokenbooth.server.settings import Settings
from tokenbooth.server.stores.contract import AlreadyExists, Store
from tokenbooth.server.vault import Vault, VaultError, open_vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Booth:
    """Everything that the service, its command line and its console work on."""

    settings: Settings
    store: Store
    vault: Vault
    secrets: SecretOffice
    dialects: dict[str, Dialect]
    clock: Clock
    actor: Actor = SERVICE_ITSELF  # who works on it
    metrics: Metrics = field(default_factory=Metrics, repr=False)  # what is counted on the way

    def acting_as(self, actor: Actor) -> Self:
        """Return the same booth for somebody: what is changed through it is recorded so."""
        return replace(self, actor=actor)

    def event(
        self,
        type_: EventType,
        *,
        account: str | None = None,
        issuer: str | None = None,
        client_id: str | None = None,
        subject: str | None = None,
        reason: str = "",
        **details: object,
    ) -> Event:
        """Return what its actor does now, to be recorded along with the change.

        `account` is whose members may read it, and None for operators and auditors alone.
        """
        return event_by(
            self.actor,
            type_,
            at=self.clock.now(),
            account=account,
            issuer=issuer,
            client_id=client_id,
            subject=subject,
            reason=reason,
            details=details,
        )

    async def close(self) -> None:
        """Let go of the database."""
        await self.store.close()


async def open_booth(
    settings: Settings, *, clock: Clock = SYSTEM_CLOCK, metrics: Metrics | None = None
) -> Booth:
    """Open the database, made and migrated where needed, unless the settings forbid it.

    What becomes of calls to the database is counted in `metrics`.
    Raises SettingsRefused, VaultError or StoreError, with a text for the operator.
    """
    # Imported here: SQLAlchemy takes longer to import than everything else together.
    from tokenbooth.server.stores.sql import open_store

    dialects = settings.load_dialects()
    store = await open_store(
        settings.database,
        create=settings.migrate == "on",
        limits=settings.database_limits,
        watch=metrics,
    )
    try:
        keys = await store.list_keys()
        vault = open_vault(master_key_file(settings), create=not keys)
        pepper = await _pepper(store, vault, clock, keys)
        await _default_issuer(store, vault, clock)
    except BaseException:
        await store.close()
        raise
    return Booth(
        settings=settings,
        store=store,
        vault=vault,
        secrets=SecretOffice(pepper),
        dialects=dialects,
        clock=clock,
        metrics=metrics or Metrics(),
    )


def master_key_file(settings: Settings) -> Path:
    """Return where the master key lies; raises VaultError when that is nowhere."""
    if settings.master_key_file is not None:
        return Path(settings.master_key_file)
    if settings.database.startswith("sqlite:///"):
        return Path(settings.database.removeprefix("sqlite:///") + ".key")
    message = "Set TOKENBOOTH_MASTER_KEY_FILE to the file that holds the master key."
    raise VaultError(message)


async def _pepper(store: Store, vault: Vault, clock: Clock, keys: tuple[StoredKey, ...]) -> bytes:
    if not any(key.purpose == "pepper" for key in keys):
        now = clock.now()
        made = StoredKey(
            kid=PEPPER,
            issuer=SERVICE,
            purpose="pepper",
            alg="HS256",
            sealed=vault.seal(PEPPER, new_pepper()),
            created_at=now,
            activates_at=now,
        )
        with contextlib.suppress(AlreadyExists):  # another process was faster; use its pepper
            await store.add_key(made)
        keys = await store.list_keys()
    stored = next(key for key in keys if key.purpose == "pepper")
    return vault.unseal(PEPPER, stored.sealed)


async def _default_issuer(store: Store, vault: Vault, clock: Clock) -> None:
    if any(issuer.name == DEFAULT_ISSUER for issuer in await store.list_issuers()):
        return
    now = clock.now()
    issuer = Issuer(name=DEFAULT_ISSUER, tag=new_issuer_tag(), created_at=now)
    with contextlib.suppress(AlreadyExists):
        await store.add_issuer(issuer, new_issuer_keys(issuer, vault, now))
