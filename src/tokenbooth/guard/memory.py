"""What the guard remembers of tokens: bounded, and by their digest, never the token itself."""

import hashlib
from collections import OrderedDict
from contextlib import suppress
from typing import Generic, TypeVar

V = TypeVar("V")


def fingerprint(token: str) -> bytes:
    """Return the key under which a token is remembered (RFC 9700 §4.9.3)."""
    return hashlib.sha256(token.encode("ascii")).digest()


class Memory(Generic[V]):
    """At most `size` values; when full, the one remembered longest ago makes room.

    Whether a value still holds is the reader's to judge, each time it is read. There is no lock:
    each step is one operation of an OrderedDict, and a lock could be left closed by a fork.
    """

    __slots__ = ("_size", "_values", "get")

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[bytes, V] = OrderedDict()
        self.get = self._values.get

    def __len__(self) -> int:
        return len(self._values)

    def put(self, key: bytes, value: V) -> None:
        """Remember `value`, in place of what was under `key`."""
        self.forget(key)
        while len(self._values) >= self._size:
            with suppress(KeyError):  # another thread made room at this very moment
                self._values.popitem(last=False)
        self._values[key] = value

    def forget(self, key: bytes) -> None:
        """Forget what was under `key`, if anything."""
        self._values.pop(key, None)
