"""A PostgreSQL server of the tests' own: made, started and thrown away."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

START_SECONDS = 60.0
# Nothing here outlives the tests, so nothing has to reach the disk.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
}


def installed_versions() -> list[Path]:
    """The folders of programs of every PostgreSQL on this machine, the newest last."""
    places = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    found = {path.parent for path in places}
    if on_path := shutil.which("initdb"):
        found.add(Path(on_path).resolve().parent)
    return sorted(found, key=lambda folder: [int(part) for part in folder.parts if part.isdigit()])


def version_of(programs: Path) -> str:
    """What a test's name says of it."""
    return f"postgresql-{next((part for part in programs.parts if part.isdigit()), 'own')}"


def _user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@dataclass(kw_only=True)
class PostgresServer:
    """One server on a port of loopback."""

    programs: Path
    data: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        self.process = subprocess.Popen(
            [self.programs / "postgres", "-D", self.data, f"-p{self.port}", "-h127.0.0.1",
             f"-k{self.data}", *settings],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd="/", **_user(),
        )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while self._run("psql", "-c", "SELECT 1", check=False) != 0:
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            assert self.process.poll() is None, "PostgreSQL ended at once"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        for line in (self.data / "postmaster.pid").read_text(encoding="ascii").splitlines()[:1]:
            with suppress(ProcessLookupError):
                os.kill(int(line), 9)
        self.process.wait(START_SECONDS)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(2)  # ends sessions, then itself
            self.process.wait(START_SECONDS)

    def sql(self, statement: str, database: str = "postgres") -> None:
        self._run("psql", "-d", database, "-c", statement)

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        return subprocess.run(
            [self.programs / program, "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres",
             "-X", "-q", *arguments],
            check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "PGCONNECT_TIMEOUT": "5"},
        ).returncode  # fmt: skip


@contextmanager
def postgres_server(programs: Path) -> Iterator[PostgresServer]:
    """A server with its data in a folder of its own, running while inside."""
    with TemporaryDirectory(prefix="tokenbooth-postgres-") as folder:
        # Not below pytest's folder, which belongs to root alone.
        data = Path(folder)
        if user := _user():
            os.chown(data, user["user"], user["group"])
        yield from _running(programs, data)


def _running(programs: Path, data: Path) -> Iterator[PostgresServer]:
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
         "--locale=C", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, cwd="/", **_user(),
    )  # fmt: skip
    server = PostgresServer(programs=programs, data=data, port=free_port())
    try:
        server.start()
        yield server
    finally:
        server.stop()


class PostgresDatabases:
    """Databases on a server; a new one is a copy of one that was migrated before."""

    missing = "is not up to date"

    def __init__(self, server: PostgresServer, prefix: str = "t") -> None:
        self._server = server
        self._numbers = count()
        self._prefix = prefix

    def make_template(self, migrate: Callable[[str], None]) -> None:
        """Migrate one database, to copy it from then on."""
        self._server.sql(f'CREATE DATABASE "{self._prefix}_template"')
        migrate(self._server.url(f"{self._prefix}_template"))

    def empty(self) -> str:
        """The URL of a database without tables."""
        return self._new("template0")

    def migrated(self) -> str:
        """The URL of a database with its tables and no rows."""
        return self._new(f"{self._prefix}_template")

    def _new(self, template: str) -> str:
        name = f"{self._prefix}{next(self._numbers)}"
        self._server.sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self._server.url(name)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
