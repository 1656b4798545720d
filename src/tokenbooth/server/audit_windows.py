"""Frequent events in sums: the first of its kind is written soon, its repeats once per window."""

from tokenbooth.server.actor import Actor
from tokenbooth.server.audit_records import Event

# type, issuer, client, credential, source, reason; what does not apply is empty
Kind = tuple[str, str, str, str, str, str]

_MOST = 5000  # kinds that are told apart within a window
_MOST_OF_STRANGERS = 100  # of which by clients that do not exist


class Tally:
    """How often something of one kind happened, and when."""

    __slots__ = ("account", "count", "first", "is_stranger", "last", "request_id")

    def __init__(self) -> None:
        self.account: str | None = None
        self.is_stranger = False  # its client has to be looked up
        self.count = 0
        self.first = 0.0
        self.last = 0.0
        self.request_id = ""  # the last one's

    def add(self, at: float, request_id: str) -> None:
        """Count one more."""
        if not self.count:
            self.first = at
        self.count += 1
        self.last = at
        self.request_id = request_id

    def join(self, other: "Tally") -> None:
        """Take over what another one counted."""
        self.first = min(self.first, other.first) if self.count else other.first
        if other.last >= self.last:
            self.last, self.request_id = other.last, other.request_id
        self.count += other.count
        self.account = other.account


class _Window(Tally):
    """What is to be written of one kind when its window ends; a new one has ended already."""

    __slots__ = ("ends_at",)

    def __init__(self) -> None:
        super().__init__()
        self.ends_at = 0.0


class AuditWindows:
    """Sums that become events of the audit trail."""

    __slots__ = ("_length", "_strangers", "_windows")

    def __init__(self, length: float) -> None:
        self._length = length
        self._windows: dict[Kind, _Window] = {}
        self._strangers = 0

    def __len__(self) -> int:
        return len(self._windows)

    def add(self, kind: Kind, tally: Tally) -> None:
        """Add to what is to be written; beyond the bounds, kinds are summed up."""
        window = self._windows.get(kind)
        if window is None:
            window = self._open(kind)
        window.join(tally)

    def _open(self, kind: Kind) -> _Window:
        type_, issuer, client_id, _, _, reason = kind
        is_full = len(self._windows) >= _MOST
        if is_full or (not client_id and self._strangers >= _MOST_OF_STRANGERS):
            kind = (type_, issuer, "", "", "", reason)
        if kind not in self._windows:
            self._windows[kind] = _Window()
            self._strangers += not kind[2]
        return self._windows[kind]

    def due(self, now: float, *, everything: bool, most: int) -> list[tuple[Kind, Event]]:
        """Return the events to write now, and drop the windows in which nothing came."""
        found: list[tuple[Kind, Event]] = []
        for kind, window in list(self._windows.items()):
            if len(found) >= most:
                break
            if window.count and (everything or now >= window.ends_at):
                found.append((kind, _event(kind, window)))
            elif not window.count and now >= window.ends_at:
                del self._windows[kind]
                self._strangers -= not kind[2]
        return found

    def written(self, kind: Kind, count: int, now: float) -> None:
        """Begin the next window of that kind: so many were written."""
        window = self._windows[kind]
        window.count -= count
        window.ends_at = now + self._length


def _event(kind: Kind, tally: Tally) -> Event:
    type_, issuer, client_id, credential_id, source, reason = kind
    # Whoever failed to prove to be the client is not the client.
    actor = Actor(kind="client", name=client_id if credential_id else "")
    return Event(
        type=type_,
        at=tally.last,
        actor=str(actor),
        account=tally.account if client_id else None,
        issuer=issuer,
        client_id=client_id or None,
        subject=credential_id or None,
        source=source,
        request_id=tally.request_id,
        reason=reason,
        count=tally.count,
        details={} if tally.count == 1 else {"first_at": tally.first},
    )
