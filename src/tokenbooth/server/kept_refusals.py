"""Refused requests on their way into the store, so few that an attack fills no disk."""

from tokenbooth.server.audit_records import RefusedRequest
from tokenbooth.server.exchange import Exchange
from tokenbooth.server.outcome import Outcome

# In a minute: alike ones, those of clients that do not exist, and all together.
MOST_ALIKE = 10
MOST_OF_STRANGERS = 60
MOST = 600
_MOST_PENDING = 2000  # while the store is away

_Alike = tuple[str, str, str, str]  # issuer, client, reason, source


class KeptRefusals:
    """The first ones of each sort in every minute; the others are counted elsewhere."""

    __slots__ = ("_alike", "_kept", "_minute", "_pending", "_strangers", "lost", "too_many")

    def __init__(self) -> None:
        self._pending: list[RefusedRequest] = []
        self._minute = 0
        self._alike: dict[_Alike, int] = {}
        self._kept = 0
        self._strangers = 0
        self.too_many = 0  # not kept one by one, by the bounds of a minute
        self.lost = 0  # not kept, because those before could not be written

    def note(
        self,
        exchange: Exchange,
        issuer: str,
        endpoint: str,
        outcome: Outcome,
        *,
        now: float,
        is_known: bool,
    ) -> None:
        """Keep the refusal, unless there are enough of it."""
        if int(now) // 60 != self._minute:
            self._minute = int(now) // 60
            self._alike.clear()
            self._kept = self._strangers = 0
        if len(self._pending) >= _MOST_PENDING:
            self.lost += 1
            return
        alike = (issuer, outcome.client_id, outcome.reason, outcome.source)
        if (
            self._kept >= MOST
            or (not is_known and self._strangers >= MOST_OF_STRANGERS)
            or self._alike.get(alike, 0) >= MOST_ALIKE
        ):
            self.too_many += 1
            return
        self._alike[alike] = self._alike.get(alike, 0) + 1
        self._kept += 1
        self._strangers += not is_known
        self._pending.append(
            RefusedRequest(
                request_id=exchange.request_id,
                at=round(now, 6),  # as exact as the times that people and programs are shown
                endpoint=endpoint,
                status=exchange.status,
                error=outcome.error,
                reason=outcome.reason,
                issuer=issuer,
                client_id=outcome.client_id,
                source=outcome.source,
                agent=exchange.agent(),
                method=outcome.method,
                credential_id=outcome.credential_id or outcome.claimed_credential,
            )
        )

    def pending(self, most: int) -> list[RefusedRequest]:
        """Return those to write, the oldest first."""
        return self._pending[:most]

    def __len__(self) -> int:
        return len(self._pending)

    def written(self, count: int) -> None:
        """Let go of the oldest ones."""
        del self._pending[:count]
