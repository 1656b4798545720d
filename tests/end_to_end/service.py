"""The real program on a real port: started, driven and ended by a test."""

import asyncio
import contextlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.service.apis import create_api
from tokenbooth.management.service.issuers import create_issuer
from tokenbooth.server.bootstrap import Booth, open_booth
from tokenbooth.server.settings import Settings

T = TypeVar("T")

PROGRAM = str(Path(sys.executable).with_name("tokenbooth"))
START_SECONDS = 30.0
STOP_SECONDS = 20.0
_ANNOUNCED = re.compile(r"serves the issuer (\S+)|\"issuer\": \"([^\"]+)\"")
# What a secret, a sealed token and a JWT look like, whoever made them.
_CONFIDENTIAL = re.compile(r"tb[sor]_\w{20}|eyJ[\w-]+\.[\w-]+\.")
# All tests together are one source, and many of them mean to fail.
_USUAL = {
    "TOKENBOOTH_LOG_FORMAT": "json",
    "TOKENBOOTH_FAILURES_PER_CLIENT": "0",
    "TOKENBOOTH_FAILURES_PER_SOURCE": "0",
}
_TOKEN_MEMBERS = ("access_token", "refresh_token", "Token")


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A client as its owner knows it."""

    client_id: str
    secret: str
    credential_id: str = ""
    issuer: str = "default"

    @property
    def basic(self) -> tuple[str, str]:
        return self.client_id, self.secret

    @property
    def in_body(self) -> dict[str, str]:
        return {"client_id": self.client_id, "client_secret": self.secret}


@dataclass(kw_only=True)
class Service:
    """One running `tokenbooth serve`."""

    process: subprocess.Popen[bytes]
    folder: Path
    url: str
    http: httpx2.Client
    workers: int = 1
    variables: Mapping[str, str] = field(default_factory=dict)
    confidential: set[str] = field(default_factory=set)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def database(self) -> str:
        return database_in(self.folder)

    @property
    def printed(self) -> str:
        """What it wrote to stdout."""
        return (self.folder / "stdout").read_text()

    @property
    def log(self) -> str:
        """What it wrote to stderr."""
        return (self.folder / "stderr").read_text()

    def issuer_url(self, issuer: str = "default") -> str:
        return self.url if issuer == "default" else f"{self.url}/{issuer}"

    def post(
        self,
        path: str,
        form: Mapping[str, Any] | str,
        client: Registered | tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Send a form, authenticated by HTTP Basic if a client is given."""
        basic = client.basic if isinstance(client, Registered) else client
        if basic is not None:
            self.confidential.add(basic[1])
        auth = httpx2.BasicAuth(*basic) if basic is not None else None
        body: dict[str, Any] = {"content": form} if isinstance(form, str) else {"data": dict(form)}
        sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        answer = self.http.post(path, auth=auth, headers=sent, **body)
        self._remember(answer)
        return answer

    def token(self, client: Registered, **form: Any) -> httpx2.Response:
        """Ask the client's issuer for a token."""
        asked = {"grant_type": "client_credentials", **form}
        return self.post(f"{_prefix(client.issuer)}/oauth2/token", asked, client)

    def access_token(self, client: Registered, **form: Any) -> str:
        answer = self.token(client, **form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def introspect(self, client: Registered, token: str, **form: str) -> httpx2.Response:
        path = f"{_prefix(client.issuer)}/oauth2/introspect"
        return self.post(path, {"token": token, **form}, client)

    def revoke(self, client: Registered, token: str, **form: str) -> httpx2.Response:
        path = f"{_prefix(client.issuer)}/oauth2/revoke"
        return self.post(path, {"token": token, **form}, client)

    def is_active(self, client: Registered, token: str) -> bool:
        answer = self.introspect(client, token)
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["active"])

    def manage(self, work: Callable[[Booth], Awaitable[T]]) -> T:
        """Do what the command line does, in this process."""
        return manage(self.database, work, self.variables)

    def register(self, *apis: str, issuer: str = "default", **wishes: Any) -> Registered:
        """Register a client for these APIs."""
        made = self.manage(lambda booth: create_client(booth, apis=apis, issuer=issuer, **wishes))
        secret = made.secret.client_secret.reveal()
        self.confidential.add(secret)
        return Registered(
            client_id=made.client.client_id,
            secret=secret,
            credential_id=made.secret.credential_id,
            issuer=issuer,
        )

    def add_api(self, name: str, scopes: str, *, issuer: str = "default") -> str:
        """Create an API and return its audience, once the service knows it."""
        audience = f"https://{name}.{issuer}.example"
        self.manage(
            lambda booth: create_api(
                booth, name=name, audience=audience, scopes=scopes, issuer=issuer
            )
        )
        first = scopes.split(maxsplit=1)[0]
        path = f"{_prefix(issuer)}/.well-known/oauth-authorization-server"
        self.wait_everywhere(lambda: f'"{first}"' in self.http.get(path).text)
        return audience

    def add_issuer(self, name: str, **wishes: Any) -> None:
        """Create an issuer, and wait until the service knows it."""
        self.manage(lambda booth: create_issuer(booth, name=name, **wishes))
        path = f"/{name}/.well-known/jwks.json"
        self.wait_everywhere(lambda: self.http.get(path).status_code == 200)

    def wait_everywhere(self, ask: Callable[[], bool], *, within: float = 5.0) -> None:
        """Wait until every worker says so; with several, ask often enough to meet them all."""
        times = 1 if self.workers == 1 else 12 * self.workers
        eventually(lambda: all(ask() for _ in range(times)), within=within)

    def command(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run the command line on the service's database."""
        return run_program(*arguments, "--database", self.database, stdin=stdin)

    def told(self, *arguments: str) -> Any:
        """Run a command that must succeed and return what it says as JSON."""
        done = self.command(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def stop(self) -> int:
        """Ask it to end, as a process manager does, and return its exit code."""
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it at once, workers included."""
        self.http.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    def _remember(self, answer: httpx2.Response) -> None:
        with contextlib.suppress(ValueError):
            members = answer.json()
            self.confidential |= {members[m] for m in _TOKEN_MEMBERS if m in members}


def _prefix(issuer: str) -> str:
    return "" if issuer == "default" else f"/{issuer}"


def database_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'booth.db'}"


def manage(
    database: str, work: Callable[[Booth], Awaitable[T]], variables: Mapping[str, str] | None = None
) -> T:
    """Open the booth of that database, do the work, close it."""

    async def in_booth() -> T:
        booth = await open_booth(Settings.load(variables or {}, database=database))
        try:
            return await work(booth)
        finally:
            await booth.close()

    return asyncio.run(in_booth())


def environment(**more: str) -> dict[str, str]:
    """Return this process' environment without settings that a developer may have."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("TOKENBOOTH_")}
    return {**own, **more}


def run_program(
    *arguments: str, stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `tokenbooth` to its end."""
    return subprocess.run(
        [PROGRAM, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(**variables),
        timeout=60,
        check=False,
    )


def start_service(
    folder: Path,
    *arguments: str,
    port: int = 0,
    variables: Mapping[str, str] | None = None,
    authority: str | None = None,
) -> Service:
    """Start `tokenbooth serve` with its database in `folder`, and wait until it is ready.

    `authority` is the file of the one that signed its certificate, where it has one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [PROGRAM, "serve", "--port", str(port), "--database", database_in(folder), *arguments],
            stdout=out,
            stderr=err,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env=environment(**{**_USUAL, **(variables or {})}),
            start_new_session=True,
        )
    try:
        url = _announced_url(process, folder)
        if "TOKENBOOTH_ISSUER_URL" in (variables or {}):
            url = f"http://127.0.0.1:{port}"  # it is announced as its proxy is reached
        # One connection per request: what a test sees must not depend on the one before it.
        limits = httpx2.Limits(max_keepalive_connections=0)
        trust = ssl.create_default_context(cafile=authority) if authority else True
        http = httpx2.Client(base_url=url, timeout=40, trust_env=False, limits=limits, verify=trust)
        workers = int(dict(pairwise(arguments)).get("--workers", 1))
        service = Service(
            process=process,
            folder=folder,
            url=url,
            http=http,
            workers=workers,
            variables=variables or {},
        )
        eventually(lambda: http.get("/readyz").status_code == 200, within=START_SECONDS)
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        error.add_note((folder / "stderr").read_text()[-4000:])
        raise
    return service


@contextlib.contextmanager
def running(
    folder: Path, *arguments: str, port: int = 0, variables: Mapping[str, str] | None = None
) -> Iterator[Service]:
    """Run a service while inside; ends it, and holds its log to silence about secrets."""
    service = start_service(folder, *arguments, port=port, variables=variables)
    try:
        yield service
    finally:
        service.stop()
    assert_log_is_discreet(service)


def assert_log_is_discreet(service: Service) -> None:
    """No secret and no token that a test sent or received is in the log."""
    log = service.log
    leaked = [word for word in service.confidential if len(word) >= 8 and word in log]
    assert leaked == []
    assert _CONFIDENTIAL.search(log) is None


def _announced_url(process: subprocess.Popen[bytes], folder: Path) -> str:
    def announced() -> str | None:
        if process.poll() is not None:
            raise AssertionError((folder / "stderr").read_text())
        said = (folder / "stderr").read_text() + (folder / "stdout").read_text()
        found = _ANNOUNCED.search(said)
        return found and (found[1] or found[2])

    return eventually(announced, within=START_SECONDS)


def eventually(ask: Callable[[], T | None], *, within: float = 5.0, every: float = 0.02) -> T:
    """Return the first truthy answer; fails when there is none in time."""
    end = time.monotonic() + within
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < end, f"not so within {within} s; last answer: {answer!r}"
        time.sleep(every)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What curl received."""

    status: int
    headers: dict[str, str]  # lower-case names
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


def curl(*arguments: str, stdin: str | None = None) -> Answer:
    """Run curl and return the final answer."""
    done = subprocess.run(
        ["curl", "-sS", "-i", "--noproxy", "*", "--max-time", "20", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return parse_answer(done.stdout)


def parse_answer(text: str) -> Answer:
    """Read what `curl -i` printed; interim answers (RFC 9110 §15.2) are skipped."""
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    if head.split(" ", 2)[1].startswith("1"):
        return parse_answer(body)
    status_line, *lines = head.split("\n")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
    }
    return Answer(status=int(status_line.split(" ")[1]), headers=headers, body=body)


def shell(script: str, **variables: str) -> str:
    """Paste the script into bash and return what it prints."""
    done = subprocess.run(
        ["bash", "-s"],
        input=script,
        capture_output=True,
        text=True,
        env=environment(NO_PROXY="*", no_proxy="*", **variables),
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
