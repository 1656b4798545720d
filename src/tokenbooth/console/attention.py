"""What somebody should look after: credentials, rotations, and who still uses old secrets."""

from dataclasses import dataclass
from datetime import datetime

from tokenbooth.management.clients.reminders import Reminder, list_reminders
from tokenbooth.management.clients.rotation import rotation_status
from tokenbooth.management.errors import Missing
from tokenbooth.server.bootstrap import Booth

_SHOWN = 12
_ROTATIONS = 10  # are looked into, the first to end first


@dataclass(frozen=True, slots=True, kw_only=True)
class OldHost:
    """An address from which an old secret is used while a new one is there."""

    issuer: str
    client_id: str
    source: str
    agent: str
    last_at: datetime
    ends_at: datetime | None  # when its secret ends by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What is to be done, and how much more there is."""

    reminders: tuple[Reminder, ...]
    count: int
    old_hosts: tuple[OldHost, ...]


async def attention(booth: Booth) -> Attention:
    """Return what whoever looks should look after: an account its own."""
    reminders = await list_reminders(booth)
    hosts: list[OldHost] = []
    rotating = dict.fromkeys(
        (each.issuer, each.client_id) for each in reminders if each.kind == "rotation_unfinished"
    )
    for issuer, client_id in list(rotating)[:_ROTATIONS]:
        try:
            status = await rotation_status(booth, client_id, issuer=issuer)
        except Missing:  # it was finished meanwhile
            continue
        hosts += [
            OldHost(
                issuer=issuer,
                client_id=client_id,
                source=host.source,
                agent=host.agent,
                last_at=host.last_at,
                ends_at=old.credential.expires_at,
            )
            for old in status.old
            for host in old.hosts
        ]
    hosts.sort(key=lambda host: host.last_at, reverse=True)
    return Attention(
        reminders=reminders[:_SHOWN], count=len(reminders), old_hosts=tuple(hosts[:_SHOWN])
    )
