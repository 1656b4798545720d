"""Callers who go on while nodes come and go, and note every request that failed."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator

Call = Callable[[], object]
_PAUSE = 0.005


class Callers:
    """Threads that each make one kind of call over and over, until told to end."""

    def __init__(self, **calls: Call) -> None:
        self.done: Counter[str] = Counter()
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=item, daemon=True) for item in calls.items()
        ]

    @contextlib.contextmanager
    def calling(self) -> Iterator["Callers"]:
        """Call while inside."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)

    def _run(self, name: str, call: Call) -> None:
        while not self._stop.wait(_PAUSE):
            try:
                call()
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller was let down
                self.failures.append(f"{name}: {error!r}")
            else:
                self.done[name] += 1
