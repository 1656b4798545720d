"""Replace a client's secret without an outage: both work for a while, and one sees who is left."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from tokenbooth.management.clients.credentials import (
    DAY,
    LONGEST_VALIDITY,
    CredentialView,
    HostView,
    NewSecret,
    find_own,
    list_hosts,
    make_secret,
    view_credential,
)
from tokenbooth.management.clients.lookup import find_client
from tokenbooth.management.clients.revise_client import client_event
from tokenbooth.management.errors import BadInput, Conflict, Missing
from tokenbooth.management.moments import moment
from tokenbooth.management.revise import revise
from tokenbooth.management.rights import require
from tokenbooth.management.service.issuers import find_issuer
from tokenbooth.server import revocations
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import Credential, RegisteredClient

# A job that runs once a night must have had its turn before its secret counts as unused.
QUIET: int = DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A new secret, and the older ones that end with the overlap."""

    new: NewSecret
    ending: tuple[CredentialView, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretInUse:
    """A secret of a rotation, and from where it is used, the latest first."""

    credential: CredentialView
    used_since: datetime | None
    last_used_at: datetime | None
    hosts: tuple[HostView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationStatus:
    """How far a rotation is."""

    issuer: str
    client_id: str
    new: SecretInUse
    old: tuple[SecretInUse, ...]
    ends_at: datetime | None  # when the last of the old ones ends by itself
    is_safe_to_finish: bool
    safe_at: datetime | None  # when it will be, if no old one is used until then
    why: str


async def rotate_secret(
    booth: Booth,
    client_id: str,
    *,
    issuer: str | None = None,
    overlap: float = DAY,
    label: str = "",
) -> Rotation:
    """Make a new secret, and let the older ones end after `overlap` seconds, all at once."""
    if not 0 <= overlap <= LONGEST_VALIDITY:
        raise BadInput("The overlap is 0 seconds to 100 years.")

    async def attempt() -> Rotation:
        registered = await find_own(booth, client_id, issuer=issuer)
        client = registered.client
        owner = await find_issuer(booth, client.issuer)
        new, told = make_secret(booth, owner, client.client_id, label=label)
        end = booth.clock.now() + overlap
        older = [
            each
            for each in registered.credentials
            if each.kind == "secret" and each.is_valid_at(booth.clock.now())
        ]
        ending = [_ended(each, end, new.id) for each in older]
        started = client_event(
            booth,
            "rotation_started",
            client,
            subject=new.id,
            label=label,
            ending={each.id: each.expires_at for each in ending},
        )
        together = booth.store.together()
        await together.add_credential(new, audit=[started])
        for before, after in zip(older, ending, strict=True):
            await together.replace_credential(after, seen=before)
        await together.commit()
        return Rotation(new=told, ending=tuple(view_credential(booth, each) for each in ending))

    return await revise(attempt)


def _ended(older: Credential, end: float, new_id: str) -> Credential:
    ends = end if older.expires_at is None else min(older.expires_at, end)
    if older.replaced_by is not None:
        return replace(older, expires_at=ends)  # it belongs to an earlier rotation
    return replace(older, expires_at=ends, replaced_by=new_id, former_expires_at=older.expires_at)


async def rotation_status(
    booth: Booth, client_id: str, *, issuer: str | None = None, quiet: float = QUIET
) -> RotationStatus:
    """Tell who still uses the old secrets, and whether they can go; raises Missing.

    They can once the new one is in use and no old one was used for `quiet` seconds.
    """
    require(booth, "clients:read")
    registered = await find_client(booth, client_id, issuer=issuer)
    return await _status(booth, registered, quiet)


async def finish_rotation(
    booth: Booth,
    client_id: str,
    *,
    issuer: str | None = None,
    force: bool = False,
    quiet: float = QUIET,
    revoke_tokens: bool = False,
) -> RotationStatus:
    """Remove the old secrets now; raises Conflict while that is not safe, unless forced."""

    async def attempt() -> RotationStatus:
        registered = await find_own(booth, client_id, issuer=issuer)
        status = await _status(booth, registered, quiet)
        if not status.is_safe_to_finish and not force:
            raise Conflict(f"{status.why} Wait, or force it.")
        new, old = _pair(registered)
        event = client_event(
            booth,
            "rotation_finished",
            registered.client,
            subject=new.id,
            reason=status.why,
            removed=[each.id for each in old],
            tokens_revoked=revoke_tokens,
        )
        revoking = revocations.of_removed_credentials(old, booth.clock.now())
        together = booth.store.together()
        for number, each in enumerate(old):
            await together.delete_credential(
                each.issuer,
                each.client_id,
                each.id,
                seen=each,
                revoking=revoking if revoke_tokens and number == 0 else (),
                audit=[event] if number == 0 else (),
            )
        await together.commit()
        return status

    return await revise(attempt)


async def cancel_rotation(
    booth: Booth, client_id: str, *, issuer: str | None = None, force: bool = False
) -> tuple[CredentialView, ...]:
    """Remove the new secret, and let the old ones live as long as they were to; return all.

    Raises Conflict when the new one is in use already, unless forced, and when no old one is left.
    """

    async def attempt() -> tuple[CredentialView, ...]:
        registered = await find_own(booth, client_id, issuer=issuer)
        now = booth.clock.now()
        new, old = _pair(registered)
        back = [each for each in old if each.replaced_by == new.id and each.is_valid_at(now)]
        if not back:
            raise Conflict("The old secret has ended: there is nothing to go back to.")
        if new.last_used_at is not None and not force:
            raise Conflict(
                f"The new secret is in use, last from {new.last_used_from}, "
                "and would be refused from now on. Change that first, or force it."
            )
        restored = [
            replace(
                each, expires_at=each.former_expires_at, replaced_by=None, former_expires_at=None
            )
            for each in back
        ]
        event = client_event(
            booth,
            "rotation_cancelled",
            registered.client,
            subject=new.id,
            kept=[each.id for each in restored],
        )
        together = booth.store.together()
        await together.delete_credential(new.issuer, new.client_id, new.id, seen=new, audit=[event])
        for before, after in zip(back, restored, strict=True):
            await together.replace_credential(after, seen=before)
        await together.commit()
        by_id = {each.id: each for each in restored}
        return tuple(
            view_credential(booth, by_id.get(each.id, each))
            for each in registered.credentials
            if each.id != new.id
        )

    return await revise(attempt)


def _pair(registered: RegisteredClient) -> tuple[Credential, list[Credential]]:
    """Return the newest secret of the latest rotation, and all that it and earlier ones replace."""
    by_id = {each.id: each for each in registered.credentials}
    old = [each for each in registered.credentials if each.replaced_by in by_id]
    new = [by_id[str(each.replaced_by)] for each in old]
    latest = [each for each in new if each.replaced_by not in by_id]
    if not latest:
        raise Missing(
            f"No secret of {registered.client.client_id!r} is being rotated. "
            "Start with: tokenbooth credentials rotate"
        )
    return latest[-1], old


async def _status(booth: Booth, registered: RegisteredClient, quiet: float) -> RotationStatus:
    new, old = _pair(registered)
    hosts = await list_hosts(booth, registered)
    now = booth.clock.now()
    is_safe, safe_at, why = judge(new, old, now=now, quiet=quiet)
    ends = [each.expires_at for each in old]
    return RotationStatus(
        issuer=registered.client.issuer,
        client_id=registered.client.client_id,
        new=_in_use(booth, new, hosts),
        old=tuple(_in_use(booth, each, hosts) for each in old),
        ends_at=None if None in ends else moment(max(each for each in ends if each is not None)),
        is_safe_to_finish=is_safe,
        safe_at=moment(safe_at),
        why=why,
    )


def judge(
    new: Credential, old: list[Credential], *, now: float, quiet: float
) -> tuple[bool, float | None, str]:
    """Return whether the old secrets can go, when they could, and why; does no I/O."""
    valid = [each for each in old if each.is_valid_at(now)]
    if not valid:
        return True, now, "The old secrets have ended: nobody can use them any more."
    if new.last_used_at is None:
        return False, None, "Nobody has used the new secret yet."
    latest = max(valid, key=lambda each: each.last_used_at or 0.0)
    if latest.last_used_at is None:
        return True, now, "The new secret is in use, and the old one never was."
    safe_at = latest.last_used_at + quiet
    when = moment(latest.last_used_at).strftime("%Y-%m-%d %H:%M:%SZ")
    if now < safe_at:
        return (
            False,
            safe_at,
            f"The old secret {latest.id} was used lately, at {when} from {latest.last_used_from}.",
        )
    return True, now, f"The new secret is in use, and the old one was not since {when}."


def _in_use(
    booth: Booth, credential: Credential, hosts: Mapping[str, tuple[HostView, ...]]
) -> SecretInUse:
    own = hosts.get(credential.id, ())
    return SecretInUse(
        credential=view_credential(booth, credential),
        used_since=min((each.first_at for each in own), default=None),
        last_used_at=moment(credential.last_used_at),
        hosts=own,
    )
