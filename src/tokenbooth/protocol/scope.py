"""Scopes: sets of names that a token carries (RFC 6749 §3.3)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from tokenbooth.protocol.errors import InvalidScope

# scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), separated by single spaces
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*")

MAX_SCOPE_LENGTH = 4096
_CACHED_LENGTH = 256  # strangers choose the text, so the cache keeps short ones only


@dataclass(frozen=True, slots=True)
class Scope:
    """Scope names without repetition, in the order given; compares as a set."""

    names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the wire form; raises InvalidScope. The empty text is the empty scope."""
        if not text:
            return cls()
        if len(text) > MAX_SCOPE_LENGTH:
            raise InvalidScope(f"The scope is longer than {MAX_SCOPE_LENGTH} characters.")
        return cls(_cached_names(text) if len(text) <= _CACHED_LENGTH else _names(text))

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Build from single names; raises InvalidScope when one is no scope name."""
        listed = tuple(names)
        if not all(listed) or any(" " in name for name in listed):
            raise InvalidScope("A scope name is neither empty nor does it contain a space.")
        return cls.parse(" ".join(listed))

    def __str__(self) -> str:
        return " ".join(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __bool__(self) -> bool:
        return bool(self.names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scope):
            return NotImplemented
        return set(self.names) == set(other.names)

    def __hash__(self) -> int:
        return hash(frozenset(self.names))

    def __le__(self, other: "Scope") -> bool:
        return set(self.names) <= set(other.names)

    def __or__(self, other: "Scope") -> "Scope":
        return Scope(tuple(dict.fromkeys(self.names + other.names)))

    def __and__(self, other: "Scope") -> "Scope":
        return Scope(tuple(name for name in self.names if name in other.names))

    def __sub__(self, other: "Scope") -> "Scope":
        return Scope(tuple(name for name in self.names if name not in other.names))


NO_SCOPE = Scope()


def _names(text: str) -> tuple[str, ...]:
    if not _SCOPE.fullmatch(text):
        raise InvalidScope(_what_is_wrong(text))
    return tuple(dict.fromkeys(text.split(" ")))


_cached_names = lru_cache(maxsize=2048)(_names)


def _what_is_wrong(text: str) -> str:
    if text != text.strip(" ") or "  " in text:
        return "Separate scopes with exactly one space, with none before or after."
    return (
        "Write scopes as names separated by single spaces; "
        "quotes, backslashes, control and non-ASCII characters are not allowed."
    )
