"""Client secrets: made, not chosen, so that one HMAC is enough to check them.

A secret reads `tbs_<issuer tag>_<credential id>_<random><checksum>`.
"""

import hmac
import secrets
import zlib
from dataclasses import dataclass
from typing import Self

from tokenbooth.protocol.secret import Secret

PREFIX = "tbs"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_BYTES = 32
_RANDOM_LENGTH = 43  # 256 bits in base 62
_CHECKSUM_LENGTH = 6  # 32 bits in base 62
_ID_LENGTH = 12
_TAG_LENGTH = 6
_SCHEME = "hmac-sha256$"
_PARTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretParts:
    """What a well-formed secret says of itself."""

    tag: str
    credential_id: str

    @classmethod
    def read(cls, unverified_secret: Secret) -> Self | None:
        """Return the parts of an undamaged secret, else None."""
        text = unverified_secret.reveal()
        if not text.startswith(f"{PREFIX}_"):
            return None
        parts = text.split("_")
        if len(parts) != _PARTS or _checksum(text[:-_CHECKSUM_LENGTH]) != text[-_CHECKSUM_LENGTH:]:
            return None
        return cls(tag=parts[1], credential_id=parts[2])


class SecretOffice:
    """Makes secrets, and checks them against their stored digests."""

    __slots__ = ("_keyed",)

    def __init__(self, pepper: bytes) -> None:
        self._keyed = hmac.new(pepper, digestmod="sha256")

    def make(self, tag: str, credential_id: str) -> Secret:
        """Return a new secret for that credential; it cannot be had a second time."""
        number = int.from_bytes(secrets.token_bytes(_RANDOM_BYTES), "big")
        body = f"{PREFIX}_{tag}_{credential_id}_{_base62(number, _RANDOM_LENGTH)}"
        return Secret(body + _checksum(body))

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
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


def new_issuer_tag() -> str:
    """Return a short mark for one issuer's secrets."""
    return "".join(secrets.choice(_ALPHABET[:10] + _ALPHABET[36:]) for _ in range(_TAG_LENGTH))


def new_pepper() -> bytes:
    """Return the key under which secrets are digested; made once for a service."""
    return secrets.token_bytes(_RANDOM_BYTES)


def what_is_wrong(unverified_secret: Secret) -> str | None:
    """Say what can be known to be wrong without knowing any secret; None: nothing."""
    text = unverified_secret.reveal()
    if text != text.strip():
        return _about_white_space(text)
    if text and not text.strip("*"):
        return "The client secret consists of asterisks: a masked value was copied."
    if text.startswith(("tbo_", "tbr_")):
        return "This is a token, not a client secret."
    if text.startswith(f"{PREFIX}_") and SecretParts.read(unverified_secret) is None:
        return _about_damage(text)
    return None


def _about_white_space(text: str) -> str:
    at_end = text[len(text.rstrip()) :]
    if "\n" in at_end or "\r" in at_end:
        return (
            "The client secret contains a line break at the end (%0A). "
            "Remove it: write the secret with printf %s."
        )
    return "The client secret begins or ends with white space. Remove it."


def _about_damage(text: str) -> str:
    parts = text.split("_")
    if len(parts) == _PARTS:
        missing = _RANDOM_LENGTH + _CHECKSUM_LENGTH - len(parts[-1])
        if missing > 0:
            return (
                f"The client secret is altered (checksum), {missing} characters short. "
                "Copy it whole; in a .env file put it between single quotes."
            )
        if missing < 0:
            return f"The client secret is altered (checksum), {-missing} characters too long."
    return "The client secret is altered (checksum). Copy it again, or make a new one."


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode("utf-8", "replace")), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
