"""Change a client so that its tokens, its account's bounds and the audit trail follow."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from tokenbooth.management.clients.bounds import check_bounds
from tokenbooth.management.clients.lookup import find_client
from tokenbooth.management.differences import differences
from tokenbooth.management.revise import revise
from tokenbooth.management.rights import require
from tokenbooth.management.versions import refuse_outdated
from tokenbooth.server import revocations
from tokenbooth.server.audit import EventType
from tokenbooth.server.audit_records import Event
from tokenbooth.server.bootstrap import Booth
from tokenbooth.server.records import Client, RegisteredClient, Revocation


async def revise_client(
    booth: Booth,
    client_id: str,
    change: Callable[[Client], Awaitable[Client]],
    *,
    issuer: str | None = None,
    version: str | None = None,
    event: EventType = "client_changed",
    subject: str | None = None,
) -> RegisteredClient:
    """Make the client what `change` makes of it; raises Missing, Ambiguous, NotAllowed, Outdated.

    Tokens of a client that is disabled by that end in the same step.
    """
    require(booth, "clients:write")

    async def attempt() -> RegisteredClient:
        registered = await find_client(booth, client_id, issuer=issuer)
        before = registered.client
        refuse_outdated(before, version)
        changed = await change(before)
        if changed == before:
            return registered
        await check_bounds(booth, before, changed)
        now = booth.clock.now()
        changed = replace(changed, updated_at=now)
        revoking: list[Revocation] = []
        if before.enabled and not changed.enabled:
            revoking.append(revocations.of_stopped_client(changed, now))
        await booth.store.replace_client(
            changed,
            seen=before,
            revoking=revoking,
            audit=_events(booth, before, changed, event, subject),
        )
        return replace(registered, client=changed)

    return await revise(attempt)


def client_event(
    booth: Booth,
    type_: EventType,
    client: Client,
    *,
    subject: str | None = None,
    reason: str = "",
    **details: object,
) -> Event:
    """Return what is done to the client, for its account to read."""
    return booth.event(
        type_,
        account=client.account,
        issuer=client.issuer,
        client_id=client.client_id,
        subject=subject,
        reason=reason,
        **details,
    )


def _events(
    booth: Booth, before: Client, after: Client, type_: EventType, subject: str | None
) -> Sequence[Event]:
    changes = differences(before, after)
    told = after
    if before.account != after.account:
        # Neither account is told the name of the other.
        told = replace(after, account=None)
    events = []
    if before.enabled != after.enabled:
        on_or_off: EventType = "client_enabled" if after.enabled else "client_disabled"
        events.append(client_event(booth, on_or_off, told))
        for name in ("enabled", "disabled_by"):
            changes.pop(name, None)
    if changes:
        events.append(client_event(booth, type_, told, subject=subject, changes=changes))
    return events
