"""Client secrets: made, not chosen, so that one HMAC is enough to check them."""

import hmac
import secrets

from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.secret_form import ALPHABET, PREFIX, RANDOM_LENGTH, base62, checksum

_RANDOM_BYTES = 32
_ID_LENGTH = 12
_TAG_LENGTH = 6
_SCHEME = "hmac-sha256$"


class SecretOffice:
    """Makes secrets, and checks them against their stored digests."""

    __slots__ = ("_keyed",)

    def __init__(self, pepper: bytes) -> None:
        self._keyed = hmac.new(pepper, digestmod="sha256")

    def make(self, tag: str, credential_id: str) -> Secret:
        """Return a new secret for that credential; it cannot be had a second time."""
        number = int.from_bytes(secrets.token_bytes(_RANDOM_BYTES), "big")
        body = f"{PREFIX}_{tag}_{credential_id}_{base62(number, RANDOM_LENGTH)}"
        return Secret(body + checksum(body))

    def digest(self, secret: Secret) -> str:
        """Return what is stored instead of the secret."""
        return _SCHEME + self.digest_bytes(secret).hex()

    def digest_bytes(self, secret: Secret) -> bytes:
        """Return the bare digest, to compare with `stored_digest` in constant time."""
        keyed = self._keyed.copy()  # half the time of keying it anew
        keyed.update(secret.reveal().encode("utf-8", "replace"))
        return keyed.digest()

    def derive(self, purpose: bytes) -> bytes:
        """Return a key for another purpose, which tells nothing about the pepper."""
        keyed = self._keyed.copy()
        # No secret of a client begins like this, so no stored digest is this key.
        keyed.update(b"\0tokenbooth derived key\0" + purpose)
        return keyed.digest()

    def matches(self, unverified_secret: Secret, stored: str) -> bool:
        """Whether the stored digest is this secret's."""
        return hmac.compare_digest(self.digest_bytes(unverified_secret), stored_digest(stored))


def is_own_digest(stored: str) -> bool:
    """Whether it is a digest that `SecretOffice` made; others come from other systems."""
    return stored.startswith(_SCHEME)


def stored_digest(stored: str) -> bytes:
    """Return the bare digest of a stored one; raises ValueError for an unknown scheme."""
    scheme, digest = stored[: len(_SCHEME)], stored[len(_SCHEME) :]
    if scheme != _SCHEME:
        message = "unknown digest scheme"
        raise ValueError(message)
    return bytes.fromhex(digest)


def new_credential_id() -> str:
    """Return an id from letters and digits alone, so that it fits inside a secret."""
    return "".join(secrets.choice(ALPHABET) for _ in range(_ID_LENGTH))


def new_issuer_tag() -> str:
    """Return a short mark for one issuer's secrets."""
    return "".join(secrets.choice(ALPHABET[:10] + ALPHABET[36:]) for _ in range(_TAG_LENGTH))


def new_pepper() -> bytes:
    """Return the key under which secrets are digested; made once for a service."""
    return secrets.token_bytes(_RANDOM_BYTES)
