"""Tell clients that get many more tokens than they need, before any quota does."""

from tokenbooth.server.records import Client

# So many tokens within one token's life are more than a few processes and scopes need.
WASTEFUL = 20
_CAPACITY = 100_000


class WasteWatch:
    """Counts what each client got while its first token was good; per process, and roughly."""

    def __init__(self, *, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}  # since when, and how many

    def hint(self, client: Client, *, lifetime: int, now: float) -> str | None:
        """Count one token, and return what to tell its client."""
        key = client.issuer, client.client_id
        since, count = self._seen.get(key) or (now, 0)
        if not since <= now < since + lifetime:
            since, count = now, 0
        if key not in self._seen and len(self._seen) >= self._capacity:
            del self._seen[next(iter(self._seen))]
        count += 1
        self._seen[key] = since, count
        if count <= WASTEFUL:
            return None
        return (
            f"{count} tokens for this client within {int(now - since) + 1} s, and one lasts "
            f"{lifetime} s: keep it, and ask for the next when it is about to end"
        )
