"""What a client secret of this project looks like, so that a damaged one is recognised anywhere.

A secret reads `tbs_<issuer tag>_<credential id>_<random><checksum>`.
"""

import zlib
from dataclasses import dataclass
from typing import Self

from tokenbooth.protocol.secret import Secret

PREFIX = "tbs"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_LENGTH = 43  # 256 bits in base 62
_CHECKSUM_LENGTH = 6  # 32 bits in base 62
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
        if len(parts) != _PARTS or checksum(text[:-_CHECKSUM_LENGTH]) != text[-_CHECKSUM_LENGTH:]:
            return None
        return cls(tag=parts[1], credential_id=parts[2])


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
        missing = RANDOM_LENGTH + _CHECKSUM_LENGTH - len(parts[-1])
        if missing > 0:
            return (
                f"The client secret is altered (checksum), {missing} characters short. "
                "Copy it whole; in a .env file put it between single quotes."
            )
        if missing < 0:
            return f"The client secret is altered (checksum), {-missing} characters too long."
    return "The client secret is altered (checksum). Copy it again, or make a new one."


def checksum(text: str) -> str:
    """Return what follows the rest of a secret."""
    return base62(zlib.crc32(text.encode("utf-8", "replace")), _CHECKSUM_LENGTH)


def base62(number: int, length: int) -> str:
    """Return the number in letters and digits, filled up with zeros."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
