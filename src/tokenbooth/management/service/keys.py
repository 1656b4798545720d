"""Show, rotate and remove the keys with which issuers sign and seal their tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from tokenbooth.management.errors import BadInput, Conflict, Failed, Missing, no_such
from tokenbooth.management.moments import moment
from tokenbooth.management.rights import require
from tokenbooth.management.service.issuers import check_profile, find_issuer, replace_issuer
from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.keys import SIGNING_ALGORITHMS
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.key_keeping import DATABASE, KeyKeeper, KeysAreBusy, Place
from tokenbooth.server.keyring import SERVICE, open_key
from tokenbooth.server.pkcs11 import DeviceRefused, Pkcs11Signer
from tokenbooth.server.pkcs11_uri import Pkcs11Uri, UriRefused
from tokenbooth.server.records import IssuerPolicy, KeyPurpose, StoredKey
from tokenbooth.server.revocations import of_pulled_key
from tokenbooth.server.rotation import DAY, current_key, is_needed
from tokenbooth.server.vault import VaultError

KeyStatus = Literal["next", "current", "retired", "expired"]

IN_DATABASE = "database"
LONGEST_LEAD = 30 * DAY
# Every node has the key by then: no node is shown a token of a key that it does not know.
SHORTEST_LEAD = 2
# A key set is cached for minutes by most verifiers, and for 12 hours by .NET's.
LEAST_PUBLISH_AHEAD = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """A key as people see it: never its private half."""

    kid: str
    issuer: str
    purpose: KeyPurpose
    alg: str
    status: KeyStatus
    age: int  # seconds since it was made
    signer: str  # where it lies: "database", or a device
    created_at: datetime
    activates_at: datetime
    retires_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleView:
    """What the keys of an issuer go by."""

    issuer: str
    lifetime_days: int
    publish_ahead: int  # seconds


async def list_keys(booth: Booth, *, issuer: str | None = None) -> tuple[KeyView, ...]:
    """Return the keys of one issuer, or of all, by issuer and purpose, oldest first."""
    require(booth, "keys:read", whole=True)
    if issuer is not None:
        await find_issuer(booth, issuer)
    stored = [
        key
        for key in await booth.store.list_keys()
        if key.issuer != SERVICE and issuer in (None, key.issuer)
    ]
    stored.sort(key=lambda key: (key.issuer, key.purpose, key.created_at))
    return tuple(_view(booth, key, stored) for key in stored)


async def rotate_key(
    booth: Booth,
    *,
    issuer: str,
    sealing: bool = False,
    alg: str | None = None,
    lead: int | None = None,
    signer: str | None = None,
) -> KeyView:
    """Have another key in use in `lead` seconds; None: as far ahead as the schedule publishes.

    At least SHORTEST_LEAD pass, so that all nodes of the service have it.
    `alg` is the issuer's from then on. `signer` is "database" or a PKCS#11 URI; None: where the
    key in use is.
    """
    require(booth, "keys:write", whole=True)
    found = await find_issuer(booth, issuer)
    if sealing and (alg is not None or signer is not None):
        raise BadInput("A sealing key has no algorithm to choose, and lies in the database.")
    if alg is not None and alg not in SIGNING_ALGORITHMS:
        raise BadInput(f"The algorithm is one of {', '.join(SIGNING_ALGORITHMS)}.")
    lead = found.policy.key_publish_ahead if lead is None else lead
    if not 0 <= lead <= LONGEST_LEAD:
        raise BadInput("A key is published at most 30 days ahead.")
    wished = found if alg is None else replace(found, alg=alg)
    check_profile(wished)
    purpose: KeyPurpose = "seal" if sealing else "sign"
    place = _place(signer)
    if wished != found:  # first, or the service would bring the old algorithm back
        await replace_issuer(booth, found, wished)
    try:
        made = await _keeper(booth).rotate(
            wished, purpose, lead=max(lead, SHORTEST_LEAD), place=place
        )
    except (DeviceRefused, KeyRefused, KeysAreBusy) as error:
        if wished != found:
            await replace_issuer(booth, wished, found, reason="the key could not be made")
        raise Failed(str(error)) from error
    return _view(booth, made, [made])


async def remove_key(
    booth: Booth, kid: str, *, issuer: str | None = None, force: bool = False
) -> KeyView:
    """Delete a key; with `force`, even one whose tokens are about: they are worth nothing then."""
    require(booth, "keys:write", whole=True)
    stored = [key for key in await booth.store.list_keys() if key.issuer != SERVICE]
    found = [key for key in stored if key.kid == kid and issuer in (None, key.issuer)]
    if not found:
        raise Missing(no_such("key", kid, [key.kid for key in stored]))
    key = found[0]
    view = _view(booth, key, stored)
    is_pulled = is_needed(key, booth.clock.now())
    if is_pulled and not force:
        raise Conflict(
            f"The key {kid} is {view.status}, and tokens that need it may be about. "
            "Rotate it and let it expire, or end all its tokens at once with --force."
        )
    try:
        await _keeper(booth).remove(
            await find_issuer(booth, key.issuer),
            key.purpose,
            kid,
            reason="forced" if is_pulled else "",
        )
    except (DeviceRefused, KeyRefused, KeysAreBusy) as error:
        raise Failed(str(error)) from error
    if is_pulled and key.purpose == "sign":
        await booth.store.revoke([of_pulled_key(key.issuer, kid, booth.clock.now())])
    return view


async def schedule_keys(
    booth: Booth,
    *,
    issuer: str,
    lifetime_days: int | None = None,
    publish_ahead: int | None = None,
) -> ScheduleView:
    """Set what is given, and return what the issuer's keys go by."""
    is_change = lifetime_days is not None or publish_ahead is not None
    require(booth, "keys:write" if is_change else "keys:read", whole=True)
    found = await find_issuer(booth, issuer)
    policy = found.policy
    if lifetime_days is not None:
        policy = replace(policy, key_lifetime_days=lifetime_days)
    if publish_ahead is not None:
        policy = replace(policy, key_publish_ahead=publish_ahead)
    check_schedule(policy)
    await replace_issuer(booth, found, replace(found, policy=policy))
    return ScheduleView(
        issuer=issuer,
        lifetime_days=policy.key_lifetime_days,
        publish_ahead=policy.key_publish_ahead,
    )


def check_schedule(policy: IssuerPolicy) -> None:
    """Refuse a schedule by which keys would come too late or never; raises BadInput."""
    if not 1 <= policy.key_lifetime_days <= 3650:
        raise BadInput("A key is in use from 1 day to 10 years.")
    if policy.key_publish_ahead < LEAST_PUBLISH_AHEAD:
        raise BadInput("Publish keys at least 15 minutes ahead: verifiers cache the key set.")
    if policy.key_publish_ahead > policy.key_lifetime_days * DAY / 2:
        raise BadInput("Publish keys at most half their lifetime ahead.")


def _keeper(booth: Booth) -> KeyKeeper:
    return KeyKeeper(store=booth.store, vault=booth.vault, clock=booth.clock, actor=booth.actor)


def _place(signer: str | None) -> Place | None:
    if signer is None:
        return None
    if signer == IN_DATABASE:
        return DATABASE
    try:
        return Place(Pkcs11Uri.parse(signer))
    except UriRefused as error:
        raise BadInput(str(error)) from error


def _view(booth: Booth, key: StoredKey, keys: Sequence[StoredKey]) -> KeyView:
    now = booth.clock.now()
    return KeyView(
        kid=key.kid,
        issuer=key.issuer,
        purpose=key.purpose,
        alg=key.alg,
        status=_status(key, keys, now),
        age=max(0, int(now - key.created_at)),
        signer=_signer(booth, key),
        created_at=moment(key.created_at),
        activates_at=moment(key.activates_at),
        retires_at=moment(key.retires_at),
        expires_at=moment(key.expires_at),
    )


def _signer(booth: Booth, key: StoredKey) -> str:
    try:
        opened = open_key(key, booth.vault)
    except (VaultError, KeyRefused):
        return "unreadable"
    return str(opened.uri) if isinstance(opened, Pkcs11Signer) else IN_DATABASE


def _status(key: StoredKey, keys: Sequence[StoredKey], now: float) -> KeyStatus:
    if key.expires_at is not None and now >= key.expires_at:
        return "expired"
    if now < key.activates_at:
        return "next"
    siblings = [each for each in keys if (each.issuer, each.purpose) == (key.issuer, key.purpose)]
    current = current_key(siblings, now)
    return "current" if current is not None and current.kid == key.kid else "retired"
