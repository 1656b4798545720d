"""Hashes of secrets as other systems keep them, for clients that were imported with theirs.

bcrypt (`$2a$`, `$2b$`, `$2y$`), and PBKDF2 as it is written by Ory Hydra
(`$pbkdf2-sha256$i=…,l=…$salt$hash`), passlib (`$pbkdf2-sha256$rounds$salt$hash`) and Werkzeug
(`pbkdf2:sha256:rounds$salt$hash`).
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Protocol

# Whoever writes the hash chooses its cost, and the service pays it: these are seconds already.
MAX_ROUNDS = 2_000_000
MAX_BCRYPT_COST = 15

_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}", re.ASCII)
_PBKDF2 = re.compile(
    r"\$pbkdf2-(?P<digest>sha1|sha224|sha256|sha384|sha512)"
    r"\$(?:i=(?P<hydra>[0-9]{1,9}),l=[0-9]{1,4}|(?P<passlib>[0-9]{1,9}))"
    r"\$(?P<salt>[A-Za-z0-9+/.]{0,512})\$(?P<key>[A-Za-z0-9+/.]{16,512})",
    re.ASCII,
)
_WERKZEUG = re.compile(
    r"pbkdf2:(?P<digest>sha1|sha224|sha256|sha384|sha512):(?P<rounds>[0-9]{1,9})"
    r"\$(?P<salt>[\x21-\x23\x25-\x7e]{0,512})\$(?P<key>(?:[0-9a-f]{2}){16,256})",
    re.ASCII,
)
_BCRYPT_BYTES = 72  # it looks at no more


class ForeignHash(Protocol):
    """What another system kept of a secret."""

    @property
    def scheme(self) -> str:
        """The name of the algorithm."""

    def matches(self, unverified_secret: str) -> bool:
        """Whether it is this secret's; takes from milliseconds to seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bcrypt:
    stored: bytes = field(repr=False)
    scheme: str = "bcrypt"

    def matches(self, unverified_secret: str) -> bool:
        import bcrypt

        secret = unverified_secret.encode("utf-8", "replace")[:_BCRYPT_BYTES]
        return bcrypt.checkpw(secret, self.stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pbkdf2:
    digest: str
    rounds: int
    salt: bytes = field(repr=False)
    key: bytes = field(repr=False)

    @property
    def scheme(self) -> str:
        return f"pbkdf2-{self.digest}"

    def matches(self, unverified_secret: str) -> bool:
        secret = unverified_secret.encode("utf-8", "replace")
        key = hashlib.pbkdf2_hmac(self.digest, secret, self.salt, self.rounds, len(self.key))
        return hmac.compare_digest(key, self.key)


def read_foreign_hash(stored: str) -> ForeignHash:
    """Return the hash; raises ValueError with what is wrong, and without the hash."""
    if found := _BCRYPT.fullmatch(stored):
        if not 4 <= int(found[1]) <= MAX_BCRYPT_COST:
            raise ValueError(f"a bcrypt hash costs 4 to {MAX_BCRYPT_COST}")
        return _Bcrypt(stored=stored.encode("ascii"))
    if found := _PBKDF2.fullmatch(stored):
        return _pbkdf2(
            found["digest"],
            found["hydra"] or found["passlib"],
            salt=_unpadded_base64(found["salt"]),
            key=_unpadded_base64(found["key"]),
        )
    if found := _WERKZEUG.fullmatch(stored):
        return _pbkdf2(
            found["digest"],
            found["rounds"],
            salt=found["salt"].encode("ascii"),
            key=bytes.fromhex(found["key"]),
        )
    raise ValueError("it is no hash of bcrypt or PBKDF2")


def _pbkdf2(digest: str, rounds: str, *, salt: bytes, key: bytes) -> _Pbkdf2:
    if not 1 <= int(rounds) <= MAX_ROUNDS:
        raise ValueError(f"PBKDF2 takes 1 to {MAX_ROUNDS} rounds")
    return _Pbkdf2(digest=digest, rounds=int(rounds), salt=salt, key=key)


def _unpadded_base64(text: str) -> bytes:
    # passlib writes "." for "+".
    standard = text.replace(".", "+")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("its base64 is damaged") from error
