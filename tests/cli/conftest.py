"""The command line, run in this process where speed matters and as the real program elsewhere."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import pytest

from tokenbooth.cli.main import run
from tokenbooth.server.bootstrap import open_booth
from tokenbooth.server.settings import Settings

PROGRAM = Path(sys.executable).with_name("tokenbooth")
NEW = ("booth.db", "booth.db.key")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)


Command = Callable[..., Ended]


@pytest.fixture(scope="session")
def new_booth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as the first command makes it; making one takes ten times as long as copying."""
    path = tmp_path_factory.mktemp("new_booth") / "booth.db"

    async def make() -> None:
        booth = await open_booth(Settings(database=f"sqlite:///{path}"))
        await booth.close()

    anyio.run(make)
    return path


@pytest.fixture(autouse=True)
def _own_environment(new_booth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TOKENBOOTH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TOKENBOOTH_DATABASE", f"sqlite:///{tmp_path}/booth.db")
    monkeypatch.chdir(tmp_path)
    for name in NEW:
        shutil.copy(new_booth.with_name(name), tmp_path)


@pytest.fixture
def no_booth(tmp_path: Path) -> None:
    """There is no database yet: the first command makes it."""
    for name in NEW:
        (tmp_path / name).unlink()


@pytest.fixture
def tokenbooth(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    def call(*arguments: str, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        code = run(arguments)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return call


@pytest.fixture
def program() -> Command:
    """The real program, in a process of its own."""

    def call(*arguments: str, stdin: bytes = b"", **environment: str) -> Ended:
        ended = subprocess.run(
            [PROGRAM, *arguments],
            input=stdin,
            capture_output=True,
            env={**os.environ, **environment},
            timeout=60,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    return call


@pytest.fixture
def persons(tokenbooth: Command) -> Command:
    """A booth with one API."""
    made = tokenbooth(
        "apis", "create", "persons", "--audience", "https://api.example.com",
        "--scopes", "persons:read persons:write",
    )  # fmt: skip
    assert made.code == 0, made.err
    return tokenbooth


@pytest.fixture
def client(persons: Command) -> dict[str, Any]:
    """A client of that API, as `clients create` tells it."""
    return persons("clients", "create", "--id", "my-app", "--api", "persons", "--json").data


class Scripted:
    """A token endpoint that answers what a test says."""

    def __init__(self) -> None:
        self.status = 200
        self.headers = {"content-type": "application/json"}
        self.body: bytes = b"{}"
        self.seen: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.seen.append(self.rfile.read(int(self.headers.get("content-length", "0"))))
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def do_GET(self) -> None:
                self.send_error(404)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answers(self, status: int, document: object, **headers: str) -> None:
        self.status, self.body = status, json.dumps(document).encode()
        self.headers |= {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def endpoint() -> Iterator[Scripted]:
    scripted = Scripted()
    thread = Thread(target=scripted.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield scripted
    scripted.server.shutdown()
    scripted.server.server_close()
    thread.join()
