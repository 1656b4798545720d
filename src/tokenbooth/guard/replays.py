"""Which DPoP proofs were seen: exact within this process, and bounded (RFC 9449 §11.1)."""

import threading

from tokenbooth.protocol.dpop import Proof
from tokenbooth.remote.per_process import PerProcess

_SPAN = 30  # seconds; proofs that end within one span are forgotten together


class MemoryFull(Exception):
    """No further proof can be remembered now, so none can be accepted."""


class ReplayMemory:
    """Remembers at most `size` proofs until they end; one key may fill half of it.

    When it is full it forgets nothing that could still be replayed: it refuses.
    """

    __slots__ = ("_count", "_lock", "_size", "_spans")

    def __init__(self, size: int) -> None:
        self._size = size
        self._count = 0
        # By the span in which they end, then by key.
        self._spans: dict[int, dict[str, set[bytes]]] = {}
        self._lock = PerProcess(threading.Lock)

    def __len__(self) -> int:
        return self._count

    def claim(self, proof: Proof, now: float) -> bool:
        """Remember the proof; atomic: exactly one caller is told True. Raises MemoryFull."""
        with self._lock.get():
            self._forget_ended(now)
            ends_in = int(proof.ends_at // _SPAN)
            if proof.fingerprint in self._spans.get(ends_in, {}).get(proof.jkt, ()):
                return False
            of_this_key = sum(len(span.get(proof.jkt, ())) for span in self._spans.values())
            if self._count >= self._size or of_this_key * 2 >= self._size:
                raise MemoryFull
            self._spans.setdefault(ends_in, {}).setdefault(proof.jkt, set()).add(proof.fingerprint)
            self._count += 1
            return True

    def _forget_ended(self, now: float) -> None:
        current = int(now // _SPAN)
        for ended in [span for span in self._spans if span < current]:
            self._count -= sum(map(len, self._spans.pop(ended).values()))
