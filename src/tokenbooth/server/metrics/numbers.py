"""Numbers in memory that all workers of a service can read, and each has a part of to write.

Every worker maps a file of its own: the numbers first, their names behind. To count is to write
to memory, so it costs no call, every number is seen by all at once, and what a killed worker had
counted stays. The file of a worker that is gone is continued by the next one, so there are never
more files than workers. The lock on the file tells who lives; the system drops it with its owner.
"""

import fcntl
import itertools
import mmap
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from tokenbooth.server.logs import get_logger

Series = tuple[str, ...]  # the family's name and its labels' values

SLOTS = 8192
RESERVED = 256  # of these for series under which everything is summed up that finds no room
_NUMBER_BYTES = 8
_NAMES_AT = SLOTS * _NUMBER_BYTES
_SIZE = 1 << 20
_SUFFIX = ".numbers"


class NoRoom(Exception):
    """There are too many series already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one worker has counted."""

    worker: str
    lives: bool
    series: dict[Series, tuple[float, ...]]


class Numbers:
    """The part of one worker. `values[slot]` is what a series counts to; slot 0 counts nothing."""

    __slots__ = ("_file", "_folder", "_memory", "_names_end", "_next", "_slots", "values", "worker")

    def __init__(
        self,
        memory: mmap.mmap,
        *,
        worker: str = "1",
        file: int | None = None,
        folder: Path | None = None,
    ) -> None:
        self._memory = memory
        self._file = file  # kept open: the lock goes with it
        self._folder = folder
        self.worker = worker
        with memoryview(memory) as whole, whole[:_NAMES_AT] as numbers:
            self.values = numbers.cast("d")
        self._slots: dict[Series, int] = {}
        self._next = 1
        self._names_end = _NAMES_AT
        for line in _lines(memory):
            slot, width, series = _decode_name(line)
            self._slots[series] = slot
            self._next = slot + width
            self._names_end += len(line) + 1

    @classmethod
    def alone(cls) -> Self:
        """Return numbers that no other process reads."""
        return cls(_own_memory())

    @classmethod
    def within(cls, folder: Path) -> Self:
        """Return a part of the numbers in `folder`; a part of its own where it cannot be had."""
        try:
            return cls._within(folder)
        except OSError as error:
            # Metrics are no reason not to serve. The others still see what the others count.
            get_logger().error("metrics_not_shared", reason=error.strerror)
            return cls(_own_memory(), worker="unshared", folder=folder)

    @classmethod
    def _within(cls, folder: Path) -> Self:
        for worker in itertools.count(1):
            file = os.open(folder / f"{worker}{_SUFFIX}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Taken from the disk now: a page that is missing later would end the process.
                os.posix_fallocate(file, 0, _SIZE)
                memory = mmap.mmap(file, _SIZE)
            except BlockingIOError:  # somebody counts there
                os.close(file)
            except BaseException:
                os.close(file)
                raise
            else:
                return cls(memory, worker=str(worker), file=file, folder=folder)
        raise AssertionError

    def slot(self, series: Series, *, width: int = 1, is_rest: bool = False) -> int:
        """Return the first of the `width` slots of the series; raises NoRoom.

        `is_rest` is for the few series that take in what finds no room.
        """
        slot = self._slots.get(series)
        if slot is not None:
            return slot
        line = msgspec.json.encode([self._next, width, series]) + b"\n"
        kept_free = 0 if is_rest else RESERVED
        end = self._names_end + len(line)
        if self._next + width > SLOTS - kept_free or end >= _SIZE - 64 * kept_free:
            raise NoRoom
        # The line break last: until then, readers see no name.
        self._memory[self._names_end : end - 1] = line[:-1]
        self._memory[end - 1 : end] = b"\n"
        slot, self._next, self._names_end = self._next, self._next + width, end
        self._slots[series] = slot
        return slot

    def close(self) -> None:
        """Count no more: the part is free for another worker."""
        self.values.release()
        self._memory.close()
        if self._file is not None:
            os.close(self._file)

    def parts(self) -> Iterator[Part]:
        """Return what every worker has counted, the dead ones too, this one first."""
        yield Part(worker=self.worker, lives=True, series=_read(self._memory))
        if self._folder is None:
            return
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            if self._file is not None and path.stem == self.worker:
                continue
            with suppress(OSError, ValueError):  # just being made
                yield _other_part(path)


def _own_memory() -> mmap.mmap:
    return mmap.mmap(-1, _SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def _other_part(path: Path) -> Part:
    with path.open("rb") as file, mmap.mmap(file.fileno(), _SIZE, prot=mmap.PROT_READ) as memory:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            lives = True
        else:
            lives = False
        return Part(worker=path.stem, lives=lives, series=_read(memory))


def _read(memory: mmap.mmap) -> dict[Series, tuple[float, ...]]:
    with memoryview(memory) as whole, whole[:_NAMES_AT] as numbers, numbers.cast("d") as values:
        found = {}
        for line in _lines(memory):
            slot, width, series = _decode_name(line)
            found[series] = tuple(values[slot : slot + width])
        return found


def _lines(memory: mmap.mmap) -> list[bytes]:
    # Nothing behind the first zero is touched: untouched pages take no memory.
    end = memory.find(b"\0", _NAMES_AT)
    last = memory.rfind(b"\n", _NAMES_AT, end)
    return memory[_NAMES_AT:last].split(b"\n") if last > 0 else []


_decode_name = msgspec.json.Decoder(tuple[int, int, Series]).decode
