"""Nonces for DPoP that no node has to remember: a time under a seal (RFC 9449 §8, §9)."""

import hmac

from tokenbooth.protocol import base64url

LIFETIME = 300  # seconds for which a nonce is accepted
RENEWED_EVERY = 60  # seconds; until then everybody gets the same one
_AHEAD = 60  # seconds that another node's clock may be ahead of ours

_TIME_BYTES = 8
_SEAL_BYTES = 16


class NonceOffice:
    """Makes nonces and knows its own again; every node with the same key does."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"tokenbooth dpop nonce", "sha256")

    def current(self, now: float) -> str:
        """Return the nonce to use from now on."""
        moment = (int(now) // RENEWED_EVERY * RENEWED_EVERY).to_bytes(_TIME_BYTES, "big")
        return base64url.encode(moment + self._seal(moment)).decode("ascii")

    def is_good(self, unverified_nonce: str, now: float) -> bool:
        """Whether this is a nonce of ours that has not expired."""
        try:
            raw = base64url.decode(unverified_nonce.encode("ascii"))
        except ValueError:
            return False
        moment, seal = raw[:_TIME_BYTES], raw[_TIME_BYTES:]
        if not hmac.compare_digest(seal, self._seal(moment)):
            return False
        return -_AHEAD <= now - int.from_bytes(moment, "big") <= LIFETIME

    def _seal(self, moment: bytes) -> bytes:
        return hmac.digest(self._key, moment, "sha256")[:_SEAL_BYTES]
