"""Makes, hands over and drops the issuers' keys: by schedule, by hand and in an emergency.

Each step replaces what it has read and nothing else, so that of several nodes and commands at
the same time one does it, and the others look again.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex

from tokenbooth.clock import Clock
from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.keys import generate_key
from tokenbooth.server.actor import SERVICE, Actor
from tokenbooth.server.audit import event_by
from tokenbooth.server.audit_records import Event
from tokenbooth.server.keyring import new_sealing_key, open_key, signing_key_row
from tokenbooth.server.logs import get_logger
from tokenbooth.server.pkcs11 import DeviceRefused, Pkcs11Signer, key_in_device
from tokenbooth.server.pkcs11_uri import Pkcs11Uri
from tokenbooth.server.records import Issuer, KeyPurpose, StoredKey
from tokenbooth.server.rotation import (
    Schedule,
    WantedKey,
    due,
    hasten,
    next_keys,
    order,
    schedule_of,
    settle,
)
from tokenbooth.server.signing import SoftwareSigner
from tokenbooth.server.stores.contract import Store
from tokenbooth.server.vault import Vault, VaultError

ISSUER_PURPOSES: tuple[KeyPurpose, ...] = ("sign", "seal")

_ATTEMPTS = 8

_Change = Callable[[Sequence[StoredKey], float], Awaitable[Sequence[StoredKey]]]


class KeysAreBusy(Exception):
    """Others change the keys all the time; nothing was done."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signing key lies: in a device, or sealed in the database."""

    device: Pkcs11Uri | None = None


DATABASE = Place()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyKeeper:
    """Works on the keys in one store, under one vault; what it does is recorded as the actor's."""

    store: Store
    vault: Vault
    clock: Clock
    actor: Actor = SERVICE

    async def keep(self) -> tuple[StoredKey, ...]:
        """Do what the schedules of all issuers ask for; return the keys that were made.

        What fails for one issuer is logged, and its keys stay as they are. Raises VaultError
        when the database was sealed with another master key meanwhile.
        """
        made: list[StoredKey] = []
        for issuer in await self.store.list_issuers():
            for purpose in ISSUER_PURPOSES:
                try:
                    made += await self._keep(issuer, purpose)
                except (DeviceRefused, KeyRefused) as error:
                    get_logger().error(
                        "key_not_made", issuer=issuer.name, purpose=purpose, reason=str(error)
                    )
        return tuple(made)

    async def rotate(
        self, issuer: Issuer, purpose: KeyPurpose, *, lead: float, place: Place | None = None
    ) -> StoredKey:
        """Have another key in use in `lead` seconds, and return it.

        A next key that is there already and fits is used sooner; one that does not is dropped.
        `place` None: where the key in use is. Raises DeviceRefused, KeyRefused, VaultError.
        """
        schedule = await self._schedule(issuer, purpose)
        chosen: list[StoredKey] = []

        async def change(keys: Sequence[StoredKey], now: float) -> Sequence[StoredKey]:
            coming = sorted(next_keys(keys, now), key=order)
            others = [key for key in keys if key not in coming]
            fitting = [
                key
                for key in coming
                if key.alg == schedule.alg and (place is None or place == self._place(key))
            ]
            if fitting:
                following = hasten(fitting[0], now + lead)
            else:
                wanted = WantedKey(
                    purpose=purpose,
                    alg=schedule.alg,
                    activates_at=now + lead,
                    like=max(others, key=order, default=None),
                )
                following = await self._make(issuer.name, wanted, now, place)
            settled = settle((*others, following), schedule, now)
            chosen[:] = [key for key in settled if key.kid == following.kid]
            return settled

        await self._change(issuer.name, purpose, change)
        return chosen[0]

    async def remove(
        self, issuer: Issuer, purpose: KeyPurpose, kid: str, *, reason: str = ""
    ) -> None:
        """Delete a key at once: what it signed or sealed is worth nothing any more.

        The next key stands in for it, or a new one, in the same place. `reason` is for the audit
        trail. Raises DeviceRefused.
        """
        schedule = await self._schedule(issuer, purpose)

        async def change(keys: Sequence[StoredKey], now: float) -> Sequence[StoredKey]:
            removed = next((key for key in keys if key.kid == kid), None)
            left = [key for key in keys if key.kid != kid]
            wanted = due(left, schedule, now, like=removed)
            if wanted is not None:
                left.append(await self._make(issuer.name, wanted, now, None))
            return settle(left, schedule, now)

        await self._change(issuer.name, purpose, change, reason=reason)

    async def _keep(self, issuer: Issuer, purpose: KeyPurpose) -> Sequence[StoredKey]:
        schedule = await self._schedule(issuer, purpose)
        made: list[StoredKey] = []

        async def change(keys: Sequence[StoredKey], now: float) -> Sequence[StoredKey]:
            wanted = due(keys, schedule, now)
            made[:] = [] if wanted is None else [await self._make(issuer.name, wanted, now, None)]
            return settle((*keys, *made), schedule, now)

        await self._change(issuer.name, purpose, change)
        return made

    async def _schedule(self, issuer: Issuer, purpose: KeyPurpose) -> Schedule:
        return schedule_of(issuer, purpose, await self.store.longest_client_token(issuer.name))

    async def _change(
        self, issuer: str, purpose: KeyPurpose, change: _Change, *, reason: str = ""
    ) -> None:
        for _ in range(_ATTEMPTS):
            seen = await self.store.list_keys()
            self._refuse_outdated_master_key(seen)
            before = [key for key in seen if (key.issuer, key.purpose) == (issuer, purpose)]
            after = await change(before, self.clock.now())
            if set(after) == set(before):
                return
            others = [key for key in seen if key not in before]
            audit = self._events(before, after, reason)
            if await self.store.exchange_keys(seen, (*others, *after), audit=audit):
                return
        raise KeysAreBusy("The keys are being changed by others; try again.")

    def _events(
        self, before: Sequence[StoredKey], after: Sequence[StoredKey], reason: str
    ) -> list[Event]:
        known = {key.kid: key for key in before}
        now = self.clock.now()
        made = [
            event_by(
                self.actor,
                "key_rotated",
                at=now,
                issuer=key.issuer,
                subject=key.kid,
                details={
                    "purpose": key.purpose,
                    "alg": key.alg,
                    "activates_at": key.activates_at,
                },
            )
            for key in after
            if key.kid not in known or key.activates_at < known[key.kid].activates_at
        ]
        left = {key.kid for key in after}
        removed = [
            event_by(
                self.actor,
                "key_removed",
                at=now,
                issuer=key.issuer,
                subject=key.kid,
                reason="expired"
                if key.expires_at is not None and key.expires_at <= now
                else reason,
                details={"purpose": key.purpose, "alg": key.alg},
            )
            for key in before
            if key.kid not in left
        ]
        return [*made, *removed]

    def _refuse_outdated_master_key(self, keys: Sequence[StoredKey]) -> None:
        # A key under the old master key, beside keys under the new one, would open for nobody.
        if not all(self.vault.seals_like(key.sealed) for key in keys):
            raise VaultError(
                "The database was sealed with another master key than this process has; "
                "start it with the key file that belongs to it (TOKENBOOTH_MASTER_KEY_FILE)."
            )

    async def _make(
        self, issuer: str, wanted: WantedKey, now: float, place: Place | None
    ) -> StoredKey:
        at = wanted.activates_at
        if wanted.purpose == "seal":
            return new_sealing_key(issuer, self.vault, now=now, activates_at=at)
        if place is None:
            place = self._place(wanted.like) if wanted.like is not None else DATABASE
        signer: SoftwareSigner | Pkcs11Signer
        if place.device is None:
            signer = SoftwareSigner(generate_key(wanted.alg))
        else:
            label = f"tokenbooth {issuer} {token_hex(4)}"
            signer = await key_in_device(place.device, wanted.alg, label=label)
        return signing_key_row(issuer, signer, self.vault, now=now, activates_at=at)

    def _place(self, key: StoredKey) -> Place:
        signer = open_key(key, self.vault)
        if not isinstance(signer, Pkcs11Signer):
            return DATABASE
        return Place(replace(signer.uri, label=None, id=None))
