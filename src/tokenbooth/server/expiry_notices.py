"""The service's own reminder: credentials that end soon are in its log once a day."""

from typing import Protocol

from tokenbooth.server.stores.contract import Store

_DAY = 86_400
_SOON = 30 * _DAY
_MOST = 100  # lines a day


class Log(Protocol):
    """Where the service tells of what it sees."""

    def warning(self, event: str, **fields: object) -> object:
        """Write a line."""


async def tell_of_ending_credentials(store: Store, now: float, log: Log) -> int:
    """Log what ends within 30 days, on whichever node comes first today; return how many."""
    day = int(now // _DAY)
    claim = await store.claim(f"reminders:{day}", now=now, expires_at=(day + 2) * _DAY)
    if not claim.won:
        return 0
    # Unused ones are not asked for: nothing was made before the beginning of time.
    found = await store.list_credentials_to_mind(
        now=now, expires_before=now + _SOON, used_before=0.0, limit=_MOST
    )
    ending = [
        each
        for each in found
        if each.credential.replaced_by is None and each.credential.expires_at is not None
    ]
    for each in ending:
        log.warning(
            "credential_expires_soon",
            issuer=each.credential.issuer,
            client_id=each.credential.client_id,
            credential_id=each.credential.id,
            account=each.account,
            expires_at=each.credential.expires_at,
        )
    return len(ending)
