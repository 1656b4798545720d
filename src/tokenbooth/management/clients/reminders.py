"""What somebody should look after: credentials that end soon, that nobody uses, open rotations."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tokenbooth.management.clients.bounds import own_account
from tokenbooth.management.clients.credentials import DAY
from tokenbooth.management.moments import moment
from tokenbooth.management.rights import require
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import Credential, OwnedCredential

SOON = 30 * DAY
MOST = 1000

ReminderKind = Literal["expires_soon", "rotation_unfinished", "unused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """One thing to look after."""

    kind: ReminderKind
    issuer: str
    client_id: str
    account: str | None
    credential_id: str
    label: str
    at: datetime  # when it ends, or since when nobody used it
    text: str


async def list_reminders(
    booth: Booth,
    *,
    within: float = SOON,
    unused_for: float = SOON,
    account: str | None = None,
    issuer: str | None = None,
    limit: int = MOST,
) -> tuple[Reminder, ...]:
    """Return what ends within so many seconds, or was not used for so many; the first ends first.

    A rotation is to be finished while an old secret is still there.
    """
    require(booth, "clients:read")
    now = booth.clock.now()
    account = own_account(booth, account)
    found: dict[str, OwnedCredential] = {}
    # Apart, for however many are unused: what ends must not be lost among them.
    for ends_before, used_before in ((now + within, 0.0), (now, now - unused_for)):
        for owned in await booth.store.list_credentials_to_mind(
            now=now,
            expires_before=ends_before,
            used_before=used_before,
            account=account,
            issuer=issuer,
            limit=limit,
        ):
            found[owned.credential.id] = owned
    reminders = [
        each
        for owned in found.values()
        for each in _reminders(owned, now=now, within=within, unused_for=unused_for)
    ]
    return tuple(sorted(reminders, key=lambda each: (each.at, each.client_id)))


def _reminders(
    owned: OwnedCredential, *, now: float, within: float, unused_for: float
) -> Iterator[Reminder]:
    credential = owned.credential
    ends = credential.expires_at
    if credential.replaced_by is not None:
        text = "Its secret was rotated: see whether the old one can go, and finish or cancel."
        at = credential.created_at if ends is None else ends
        yield _reminder("rotation_unfinished", owned, at, text)
    elif ends is not None and now < ends < now + within:
        yield _reminder("expires_soon", owned, ends, "It ends then: rotate it before.")
    used = credential.last_used_at or credential.created_at
    if credential.is_valid_at(now) and used < now - unused_for:
        text = (
            "Nobody has used it since: remove it if nobody needs it."
            if credential.last_used_at is not None
            else "Nobody has ever used it: remove it if nobody needs it."
        )
        yield _reminder("unused", owned, used, text)


def _reminder(kind: ReminderKind, owned: OwnedCredential, at: float, text: str) -> Reminder:
    credential: Credential = owned.credential
    return Reminder(
        kind=kind,
        issuer=credential.issuer,
        client_id=credential.client_id,
        account=owned.account,
        credential_id=credential.id,
        label=credential.label,
        at=moment(at),
        text=text,
    )
