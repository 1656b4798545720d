"""PostgreSQL that heals itself: a primary and a synchronous standby under Patroni, with etcd."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tests.end_to_end.service import eventually
from tests.postgres import free_port, installed_versions

PATRONI = Path(__file__).parents[2] / ".venv" / "patroni" / "bin" / "patroni"
TTL_SECONDS = 20  # Patroni takes no less
START_SECONDS = 90.0
NAMES = ("first", "second")


def program(name: str) -> str:
    """Where an installed program is; `make chaos` installs all of them."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    assert found, f"{name} is not installed; make chaos does that"
    return found


def as_postgres() -> list[str]:
    """What to run a program with that PostgreSQL lets run it: anybody but root.

    Root's Python may be in a folder of root's own, so the right to read everything stays.
    """
    if os.getuid() != 0:
        return []
    right = "+dac_read_search"
    user = ["--reuid=postgres", "--regid=postgres", "--init-groups"]
    return [program("setpriv"), *user, f"--inh-caps={right}", f"--ambient-caps={right}"]


class Member:
    """One Patroni with its PostgreSQL."""

    def __init__(self, folder: Path, name: str, etcd_port: int) -> None:
        self.name = name
        self.port, self._api_port = free_port(), free_port()
        self._data = folder / name
        self._log = folder / f"{name}.log"
        self._configuration = folder / f"{name}.yml"
        self._configuration.write_text(yaml.safe_dump(self._settings(folder, etcd_port)), "utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*as_postgres(), str(PATRONI), str(self._configuration)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """What Patroni says of its PostgreSQL; nothing if it does not answer."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._api_port}/patroni", timeout=5
            ) as answer:
                return dict(json.load(answer))
        except (OSError, ValueError):
            return {}

    def kill(self) -> None:
        """End Patroni and PostgreSQL as if the machine were gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        with contextlib.suppress(OSError, ValueError):
            pid = int((self._data / "postmaster.pid").read_text("ascii").split("\n", 1)[0])
            os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)  # stops PostgreSQL, too
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(30)
        if self._process is not None:
            self.kill()

    def said(self) -> str:
        return self._log.read_text("utf-8", "replace")[-3000:] if self._log.exists() else ""

    def _settings(self, folder: Path, etcd_port: int) -> dict[str, Any]:
        parameters = {
            "fsync": "off",  # processes are killed here, not machines
            "shared_buffers": "32MB",
            "max_connections": 100,
            "unix_socket_directories": str(folder),
        }
        return {
            "scope": "booth",
            "name": self.name,
            "restapi": {
                "listen": f"127.0.0.1:{self._api_port}",
                "connect_address": f"127.0.0.1:{self._api_port}",
            },
            "etcd3": {"host": f"127.0.0.1:{etcd_port}"},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL_SECONDS,
                    "loop_wait": 4,
                    "retry_timeout": 5,
                    "maximum_lag_on_failover": 1_048_576,
                    "synchronous_mode": True,
                    "postgresql": {"parameters": parameters},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "no-sync"],
            },
            "postgresql": {
                "listen": self.address,
                "connect_address": self.address,
                "data_dir": str(self._data),
                "bin_dir": str(installed_versions()[-1]),
                "pgpass": str(folder / f"{self.name}.pgpass"),
                "authentication": {
                    "superuser": {"username": "postgres"},
                    "replication": {"username": "replicator"},
                },
                "pg_hba": [
                    "local all all trust",
                    "host all all 127.0.0.1/32 trust",
                    "host replication all 127.0.0.1/32 trust",
                ],
            },
        }


class Patroni:
    """Both members, and who leads."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members

    @property
    def url(self) -> str:
        """The database, wherever its primary is."""
        hosts = ",".join(member.address for member in self.members)
        return f"postgresql://postgres@{hosts}/booth?target_session_attrs=read-write"

    def leader(self) -> Member | None:
        for member in self.members:
            state = member.state()
            if state.get("role") in ("primary", "master") and state.get("state") == "running":
                return member
        return None

    def has_synchronous_standby(self) -> bool:
        return any(member.state().get("sync_standby") for member in self.members)


@contextlib.contextmanager
def patroni() -> Iterator[Patroni]:
    """Run etcd and both members while inside, with an empty database "booth"."""
    with TemporaryDirectory(prefix="tokenbooth-patroni-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
        etcd_port = stack.enter_context(_etcd(folder))
        members = [Member(folder, each, etcd_port) for each in NAMES]
        running = Patroni(members)
        try:
            for member in members:
                stack.callback(member.stop)
                member.start()
                # The first makes the cluster, the second copies it.
                eventually(running.leader, within=START_SECONDS, every=0.2)
            eventually(running.has_synchronous_standby, within=START_SECONDS, every=0.2)
        except AssertionError as error:
            error.add_note("\n".join(member.said() for member in members))
            raise
        _create_database(running)
        yield running


@contextlib.contextmanager
def _etcd(folder: Path) -> Iterator[int]:
    client, peer = free_port(), free_port()
    urls = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    with (folder / "etcd.log").open("wb") as log:
        process = subprocess.Popen(
            [program("etcd"), "--data-dir", folder / "etcd", "--name", "one",
             "--listen-client-urls", urls[0], "--advertise-client-urls", urls[0],
             "--listen-peer-urls", urls[1], "--initial-advertise-peer-urls", urls[1],
             "--initial-cluster", f"one={urls[1]}", "--unsafe-no-fsync"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        eventually(lambda: _answers(f"{urls[0]}/health"), within=START_SECONDS)
        yield client
    finally:
        process.kill()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _create_database(running: Patroni) -> None:
    leader = running.leader()
    assert leader is not None
    subprocess.run(
        [installed_versions()[-1] / "psql", "-h", "127.0.0.1", "-p", str(leader.port),
         "-U", "postgres", "-X", "-q", "-c", "CREATE DATABASE booth"],
        check=True, timeout=60,
    )  # fmt: skip
