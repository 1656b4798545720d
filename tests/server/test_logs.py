"""A log that cannot be written costs lines, never requests."""

import asyncio
import sys

import pytest

from tokenbooth.server.logs import configure_logs, get_logger, outcome_writer


class FullDisk:
    """Standard error on a disk without a free byte, as Python sees it."""

    def __init__(self) -> None:
        self.buffer = self
        self.tried = 0

    def isatty(self) -> bool:
        return False

    def write(self, _line: bytes) -> None:
        self.tried += 1
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_nothing_fails_for_lack_of_room_for_the_log(monkeypatch, log_format):
    disk = FullDisk()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", disk)
        configure_logs(log_format, "info")
        outcome_writer()({"event": "issued"})
        await asyncio.sleep(0)  # lines reach the stream at the end of a turn
        get_logger().warning("upkeep_failed", reason="StoreUnavailable")
    configure_logs("json", "info")  # as the tests around this one have it

    assert disk.tried == 2
