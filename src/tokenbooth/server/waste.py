"""Tell clients that get many more tokens than they need, before any quota does."""

# So many tokens within one token's life are more than a few processes and scopes need.
WASTEFUL = 20


class Waste:
    """What one client got while its first token was good; per process, and roughly."""

    __slots__ = ("_count", "_since")

    def __init__(self) -> None:
        self._since = 0.0
        self._count = 0

    def hint(self, *, lifetime: int, now: float) -> str | None:
        """Count one token, and return what to tell its client."""
        since = self._since
        if not since <= now < since + lifetime:
            since = self._since = now
            self._count = 0
        self._count += 1
        if self._count <= WASTEFUL:
            return None
        return (
            f"{self._count} tokens for this client within {int(now - since) + 1} s, and one lasts "
            f"{lifetime} s: keep it, and ask for the next when it is about to end"
        )
