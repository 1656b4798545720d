"""uvicorn's worker processes, replaced when they die for as long as it takes.

uvicorn ends the whole service when a new worker cannot start. That is right at the start; later it
would take the workers along that serve, because one died while the database was away.
"""

import socket

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from tokenbooth.clock import SYSTEM_CLOCK
from tokenbooth.server.logs import get_logger

_ASK_SECONDS = 1.0
_RETRY_SECONDS = 2.0  # between two starts of one worker


def started(config: uvicorn.Config, sockets: list[socket.socket]) -> Process | None:
    """Return a new worker; None where the machine lets none start now, which is in the log."""
    try:
        process = Process(config, sockets)
        process.start()
        _let_go(process)
    except OSError as error:  # no descriptors, processes or memory left
        get_logger().error("worker_not_started", reason=error.strerror)
        return None
    return process


def _let_go(process: Process) -> None:
    """Close the worker's end of the pipe here: else nobody hears that a worker is gone.

    One that died before it answered would be waited for as long as one that is slow.
    """
    process.child_conn.close()


class ReplacingSupervisor(Multiprocess):
    """Several processes that serve; once one has, the others may fail and are started again."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self._has_served = False
        self._replaced_at: dict[int, float] = {}  # by place

    def init_processes(self) -> None:
        """Start the first workers."""
        super().init_processes()
        for process in self.processes:
            _let_go(process)

    def keep_subprocess_alive(self) -> None:
        """Replace workers that died or hang; end when the first ones cannot start at all."""
        if self.should_exit.is_set():
            return
        for place, process in enumerate(self.processes):
            if process.is_alive(timeout=self.config.timeout_worker_healthcheck):
                self._has_served = self._has_served or process.is_ready(timeout=_ASK_SECONDS)
                continue
            process.kill()
            process.join()
            cannot_start = process.exitcode == STARTUP_FAILURE
            if cannot_start and not self._has_served:
                get_logger().error("worker_not_started", pid=process.pid)
                self.should_exit.set()
                return
            if self._may_start(place):
                get_logger().warning(
                    "worker_replaced", pid=process.pid, could_start=not cannot_start
                )
                # If none starts now, the dead one keeps the place until the next attempt.
                self.processes[place] = started(self.config, self.sockets) or process

    def _may_start(self, place: int) -> bool:
        now = SYSTEM_CLOCK.monotonic()
        if now - self._replaced_at.get(place, -_RETRY_SECONDS) < _RETRY_SECONDS:
            return False
        self._replaced_at[place] = now
        return True
