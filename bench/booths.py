"""Real services with known clients, in processes of their own."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench.cores import SERVER, stay_on
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.service.apis import create_api
from tokenbooth.management.service.issuers import create_issuer
from tokenbooth.server.bootstrap import Booth, open_booth
from tokenbooth.server.records import DEFAULT_ISSUER
from tokenbooth.server.settings import Settings

AUDIENCE = "https://api.example.com"
CLIENT_ID = "bench-client"
SCOPES = "persons:read persons:write"
ISSUERS = ("ES256", "EdDSA", "RS256", "opaque", "refresh")

_PATIENCE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server."""

    pid: int
    port: int
    started_in: float  # seconds until it answered


def issuer_path(kind: str) -> str:
    """Return where the issuer for that kind of token lies."""
    return "" if kind == "ES256" else f"/{kind.lower()}"


def prepare(database: Path) -> dict[str, str]:
    """Make a database with an issuer and client for each kind; return the secrets."""
    return asyncio.run(_prepare(database))


async def _prepare(database: Path) -> dict[str, str]:
    booth = await open_booth(Settings.load({}, database=f"sqlite:///{database}"))
    try:
        return {kind: await _register(booth, kind) for kind in ISSUERS}
    finally:
        await booth.close()


async def _register(booth: Booth, kind: str) -> str:
    issuer = DEFAULT_ISSUER if kind == "ES256" else kind.lower()
    if issuer != DEFAULT_ISSUER:
        await create_issuer(
            booth,
            name=issuer,
            token_format="opaque" if kind == "opaque" else "jwt",
            refresh_tokens=kind == "refresh",
            alg=kind if kind in ("EdDSA", "RS256") else "ES256",
        )
    await create_api(booth, name="persons", audience=AUDIENCE, scopes=SCOPES, issuer=issuer)
    new = await create_client(booth, apis=["persons"], client_id=CLIENT_ID, issuer=issuer)
    assert new.secret is not None  # a client that proves itself with a key has none
    return new.secret.client_secret.reveal()


@contextlib.contextmanager
def serving(database: Path, log: Path, **settings: str) -> Iterator[Server]:
    """Run `tokenbooth serve` with one worker, its log going to a file."""
    port = free_port()
    environment = {f"TOKENBOOTH_{name.upper()}": value for name, value in settings.items()}
    program = str(Path(sys.executable).with_name("tokenbooth"))
    command = [program, "serve", "--port", str(port), "--database", f"sqlite:///{database}"]
    with (
        log.open("ab") as file,
        _running(command, port, "/healthz", file, environment) as server,
    ):
        yield server


@contextlib.contextmanager
def greeting(log: Path) -> Iterator[Server]:
    """Run the hello server."""
    port = free_port()
    command = [sys.executable, "-m", "bench.hello", str(port)]
    with log.open("ab") as file, _running(command, port, "/", file) as server:
        yield server


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _running(
    command: Sequence[str],
    port: int,
    path: str,
    log: IO[bytes],
    environment: dict[str, str] | None = None,
) -> Iterator[Server]:
    kept = {name: value for name, value in os.environ.items() if "TOKENBOOTH_" not in name}
    begun = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**kept, **(environment or {})},
        stdout=log,
        stderr=log,
        preexec_fn=lambda: stay_on(SERVER),  # noqa: PLW1509 - this process has one thread
    )
    try:
        _wait_until_it_answers(process, port, path, log)
        yield Server(pid=process.pid, port=port, started_in=time.perf_counter() - begun)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(
    process: "subprocess.Popen[bytes]", port: int, path: str, log: IO[bytes]
) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode()
    end = time.perf_counter() + _PATIENCE
    while time.perf_counter() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as link:
            link.settimeout(_PATIENCE)
            link.sendall(request)
            if link.recv(65_536).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.005)
    raise RuntimeError(f"The server did not start; its log ends: {_tail(log)}")


def _tail(log: IO[bytes]) -> str:
    return Path(log.name).read_text("utf-8", "replace")[-2000:]
