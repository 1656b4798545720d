"""At most one piece of work per key under way, whatever the number of threads and event loops."""

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

from tokenbooth.remote.per_process import PerProcess

T = TypeVar("T")

_IDLE_SECONDS = 10.0


class SingleFlight(Generic[T]):
    """Runs work in threads of its own and lets everybody who asks meanwhile share the outcome.

    Threads wait with `.result()`, tasks with `asyncio.wrap_future(...)`: the work belongs to no
    event loop, and a waiter that is cancelled or gives up takes nothing away from the others.
    """

    def __init__(self, *, threads: int = 8) -> None:
        self._inside = PerProcess(lambda: _Inside[T](threads))

    def join(self, key: Hashable, work: Callable[[], T]) -> "Future[T]":
        """Return the outcome of the work under way for `key`, starting `work` if there is none."""
        return self._inside.get().join(key, work)

    def under_way(self, key: Hashable) -> bool:
        """Tell whether work for `key` runs now."""
        return key in self._inside.get().flights


class _Inside(Generic[T]):
    def __init__(self, threads: int) -> None:
        self.flights: dict[Hashable, Future[T]] = {}
        self._lock = threading.Lock()
        self._workers = _Workers(threads)

    def join(self, key: Hashable, work: Callable[[], T]) -> "Future[T]":
        with self._lock:
            future = self.flights.get(key)
            if future is not None:
                return future
            future = Future()
            # Running futures cannot be cancelled: a cancelled waiter must not cancel the work.
            future.set_running_or_notify_cancel()
            self.flights[key] = future
        # The work belongs to whoever asked first, so that what it does shows in his trace.
        context = contextvars.copy_context()
        self._workers.submit(lambda: context.run(self._run, key, work, future))
        return future

    def _run(self, key: Hashable, work: Callable[[], T], future: "Future[T]") -> None:
        try:
            outcome = work()
        except BaseException as error:  # noqa: BLE001 - it is raised again, by whoever waits.
            self._leave(key)
            future.set_exception(error)
        else:
            self._leave(key)
            future.set_result(outcome)

    def _leave(self, key: Hashable) -> None:
        with self._lock:
            del self.flights[key]


class _Workers:
    """A few daemon threads, started when needed and gone when idle.

    Not a ThreadPoolExecutor: that one holds up the end of the program until the last fetch is
    over, and refuses work from then on.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tasks: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._idle = 0
        self._count = 0

    def submit(self, task: Callable[[], None]) -> None:
        with self._changed:
            self._tasks.append(task)
            if self._idle >= len(self._tasks) or self._count >= self._limit:
                self._changed.notify()
                return
            self._count += 1
        try:
            threading.Thread(target=self._work, name="tokenbooth-fetch", daemon=True).start()
        except RuntimeError:  # The interpreter is shutting down, or the system has no more threads.
            with self._changed:
                self._count -= 1
                own = task in self._tasks
                if own:
                    self._tasks.remove(task)
            if own:
                task()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                found = self._changed.wait_for(lambda: bool(self._tasks), _IDLE_SECONDS)
                self._idle -= 1
                if not found:
                    self._count -= 1
                    return
                task = self._tasks.popleft()
            task()
            del task
