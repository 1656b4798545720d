"""uvicorn's worker processes, replaced without losing a request when the settings are read anew.

SIGHUP first checks everything. Then new workers start, and once all of them serve, the old ones
finish what they have. A new worker that does not get ready ends the reload, and changes nothing.
"""

import signal
import socket
import time
from collections.abc import Callable

from uvicorn.supervisors.multiprocess import Process

from tokenbooth.cli.serve_settings import GivenSettings, changed_settings
from tokenbooth.cli.uvicorn_drain import DrainConfig, DrainingSupervisor
from tokenbooth.cli.uvicorn_workers import started
from tokenbooth.clock import SYSTEM_CLOCK
from tokenbooth.server.logs import configure_logs, get_logger
from tokenbooth.server.settings import Settings, SettingsRefused

_ASK_SECONDS = 1.0
_LOOK_SECONDS = 0.1


class ReloadingSupervisor(DrainingSupervisor):
    """Several processes that serve, of which all are replaced when SIGHUP comes."""

    def __init__(
        self,
        settings: Settings,
        sockets: list[socket.socket],
        *,
        given: GivenSettings,
        prepare: Callable[[Settings], DrainConfig],
    ) -> None:
        """`prepare` leaves settings to the workers that start afterwards."""
        configure_logs(settings.log_format, settings.log_level)
        super().__init__(prepare(settings), sockets, settings.drain_seconds)
        self._settings = settings
        self._given = given
        self._prepare = prepare
        self._leaving: list[Process] = []

    def handle_hup(self) -> None:
        """Read the settings anew; a mistake in them changes nothing."""
        before = self._settings
        configure_logs(before.log_format, before.log_level)
        log = get_logger()
        try:
            wanted = self._given.read_anew(before)
        except SettingsRefused as refused:
            log.warning("settings_not_reloaded", reason=str(refused))
            return
        self._take(wanted)
        if self._replace_workers(wanted.workers):
            log.info("settings_reloaded", changed=changed_settings(before, wanted))
        elif not self._is_told_to_end():
            self._take(before)
            log.error("settings_not_reloaded", reason="A new worker did not start; see above why.")

    def keep_subprocess_alive(self) -> None:
        """Replace workers that died, and forget those that finished."""
        self._leaving = [each for each in self._leaving if each.exitcode is None]
        super().keep_subprocess_alive()

    def join_all(self) -> None:
        """Wait for all workers, those that were replaced included."""
        super().join_all()
        for each in self._leaving:
            each.join()

    def _take(self, settings: Settings) -> None:
        self._settings = settings
        self._drain_seconds = settings.drain_seconds
        self.config = self._prepare(settings)

    def _replace_workers(self, number: int) -> bool:
        """Have so many new workers serve instead of the old ones; whether all of them do."""
        old, new = self.processes, list[Process]()
        for _ in range(number):
            process = started(self.config, self.sockets)
            if process is None or not self._gets_ready(process):
                if process is not None:
                    process.kill()
                    process.join()
                for each in new:
                    self._retire(each)
                return False
            new.append(process)
        self.processes, self.processes_num = new, number
        for each in old:
            self._retire(each)
        return True

    def _gets_ready(self, process: Process) -> bool:
        end = SYSTEM_CLOCK.monotonic() + self.config.timeout_worker_healthcheck
        while SYSTEM_CLOCK.monotonic() < end and not self._is_told_to_end():
            if process.is_ready(timeout=_ASK_SECONDS):
                return True
            if not process.process.is_alive():
                return False
            time.sleep(_LOOK_SECONDS)
        return False

    def _retire(self, process: Process) -> None:
        # Not waited for: the next signal must be heard meanwhile.
        process.terminate()
        self._leaving.append(process)

    def _is_told_to_end(self) -> bool:
        return any(number in self.signal_queue for number in (signal.SIGTERM, signal.SIGINT))
