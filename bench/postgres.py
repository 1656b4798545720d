"""PostgreSQL with its own defaults, which write to the disk as in service."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Server, free_port, running

MISSING = "PostgreSQL is not installed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """A running server, and how its databases are made."""

    server: Server
    programs: Path

    def database(self, name: str) -> str:
        """Make an empty database and return its URL."""
        command = [str(self.programs / "createdb"), "-h127.0.0.1", f"-p{self.server.port}"]
        subprocess.run([*command, "-Upostgres", name], check=True, capture_output=True)
        return f"postgresql://postgres@127.0.0.1:{self.server.port}/{name}"


def programs() -> Path:
    """Return where the newest PostgreSQL has its programs; raises RuntimeError without one."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda folder: int(folder.parent.name))
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    raise RuntimeError(MISSING)


@contextlib.contextmanager
def postgres(log: Path) -> Iterator[Postgres]:
    """Run one on the servers' core, with its data in a folder of its own."""
    where = programs()
    # PostgreSQL refuses to run as root; runuser gives up root for good.
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="bench-postgres-") as folder:
        if as_user:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
        made = ("-D", folder, "-Upostgres", "-Atrust", "-EUTF8", "--locale=C", "--no-sync")
        subprocess.run(
            [*as_user, str(where / "initdb"), *made], check=True, capture_output=True, cwd="/"
        )
        port = free_port()
        command = [where / "postgres", "-D", folder, f"-p{port}", "-h127.0.0.1", f"-k{folder}"]
        with running([*as_user, *map(str, command)], port=port, path="", log=log) as server:
            _wait(where, port)
            yield Postgres(server=server, programs=where)


def _wait(where: Path, port: int) -> None:
    for _ in range(300):
        asked = [str(where / "pg_isready"), "-q", "-h127.0.0.1", f"-p{port}", "-t1"]
        if subprocess.run(asked, check=False).returncode == 0:
            return
    raise RuntimeError("PostgreSQL does not answer")
