"""A value that each process makes for itself, so that nothing is shared across a fork."""

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Makes its value on first use, once in each process; a forked child starts without one."""

    __slots__ = ("__weakref__", "_lock", "_make", "_value")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._value: T | None = None
        _ALL.add(self)

    def get(self) -> T:
        """Return this process's value."""
        value = self._value
        if value is not None:
            return value
        with self._lock:
            if self._value is None:
                self._value = self._make()
            return self._value

    def take(self) -> T | None:
        """Return the value and forget it, None where none was made."""
        with self._lock:
            value, self._value = self._value, None
            return value

    def forget(self) -> None:
        """Start over in a forked child, where the parent's threads and locks do not run on."""
        self._lock = threading.Lock()
        self._value = None


_ALL: "weakref.WeakSet[PerProcess[Any]]" = weakref.WeakSet()


def _start_over() -> None:
    for each in list(_ALL):
        each.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_over)
