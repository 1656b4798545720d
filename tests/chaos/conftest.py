"""Services to break: with the API and the issuers that the load calls."""

import contextlib
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.load import ISSUER
from tests.end_to_end.service import Service, run_program, start_service
from tests.postgres import PostgresServer

# A second use of a refresh token is theft at once: a grace would hide a token spent twice.
STRICT = {"TOKENBOOTH_REFRESH_GRACE_SECONDS": "0"}


def prepare(service: Service) -> Service:
    """Add what the load needs."""
    service.add_api("persons", "persons:read")
    service.add_issuer(ISSUER, refresh_tokens=True)
    service.add_api("persons", "persons:read", issuer=ISSUER)
    return service


@pytest.fixture
def breakable(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start services that a test breaks, and ends them whatever became of them."""
    with ExitStack() as stack:

        def start(*arguments: str, folder: Path = tmp_path / "booth", **more: Any) -> Service:
            variables = {**STRICT, **more.pop("variables", {})}
            # What it writes goes on in one log, however often it is started.
            service = start_service(folder, *arguments, variables=variables, **more)
            stack.callback(service.kill)
            return service

        yield start


class Elsewhere(Service):
    """A service whose database is not in its folder."""

    @property
    def database(self) -> str:
        return self.variables["TOKENBOOTH_DATABASE"]

    def command(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return run_program(*arguments, stdin=stdin, **self.variables)


def on_postgres(
    start: Callable[..., Service],
    server: PostgresServer,
    folder: Path,
    *arguments: str,
    **more: Any,
) -> Elsewhere:
    """Start a service on a database of its own, which it finds again when started again."""
    name = f"chaos_{zlib.crc32(str(folder).encode())}"
    with contextlib.suppress(subprocess.CalledProcessError):  # it is there already
        server.sql(f"CREATE DATABASE {name}")
    key = str(folder / "master.key")
    return on_database(
        start, server.url(name), *arguments, variables={"TOKENBOOTH_MASTER_KEY_FILE": key}, **more
    )


def on_database(start: Callable[..., Service], url: str, *arguments: str, **more: Any) -> Elsewhere:
    """Start a service on that database."""
    variables = {**STRICT, "TOKENBOOTH_DATABASE": url, **more.pop("variables", {})}
    started = start("--database", url, *arguments, variables=variables, **more)
    return Elsewhere(**{each.name: getattr(started, each.name) for each in fields(started)})


def children_of(service: Service) -> list[int]:
    """The worker processes that live."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,stat=,args=", "--ppid", str(service.process.pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    alive = [line.split() for line in listed if "spawn_main" in line]
    return [int(words[0]) for words in alive if not words[1].startswith("Z")]
