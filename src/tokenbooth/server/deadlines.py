"""Ends waits that take too long, with one timer for all of them.

Nearly every wait for a body ends at once, and a timer of its own costs more than the reading.
"""

import asyncio
from typing import Any

_LOOK_SECONDS = 0.25  # by so much a wait may outlast its deadline

Waiting = asyncio.Task[Any]


class Deadlines:
    """The tasks of one event loop that are waiting, each with its deadline."""

    __slots__ = ("_due", "_late", "_timer")

    def __init__(self) -> None:
        self._due: dict[Waiting, float] = {}
        self._late: set[Waiting] = set()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, seconds: float) -> Waiting | None:
        """Cancel the running task unless `stop()` is called within so many seconds."""
        task = asyncio.current_task()
        if task is not None:
            loop = task.get_loop()
            self._due[task] = loop.time() + seconds
            if self._timer is None:
                self._timer = loop.call_later(_LOOK_SECONDS, self._look, loop)
        return task

    def stop(self, task: Waiting | None) -> bool:
        """End the wait; tell whether its deadline, and nothing else, has cancelled the task."""
        if task is None:
            return False
        self._due.pop(task, None)
        if task not in self._late:
            return False
        self._late.discard(task)
        return task.uncancel() == 0

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task in [task for task, due in self._due.items() if now >= due]:
            del self._due[task]
            self._late.add(task)
            task.cancel()
        self._timer = loop.call_later(_LOOK_SECONDS, self._look, loop) if self._due else None
