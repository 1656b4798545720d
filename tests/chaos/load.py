"""Writers and readers that go on while things break, and note what they were promised.

Each runs in a thread of its own, bounded in number, and goes on after every failure. What callers
may be told while something is broken: nothing (the connection ends), 503 and 429 with Retry-After.
"""

import base64
import contextlib
import http.client
import json
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.end_to_end.service import Registered, Service
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.public_keys import read_keys
from tokenbooth.protocol.assertion import JWT_BEARER_ASSERTION, make_client_assertion
from tokenbooth.protocol.keys import SigningKey, generate_key

TIMEOUT = 40.0
ISSUER = "renewing"  # gives refresh tokens
_PAUSE = 0.02  # between two requests of a thread: the machine is there for the service


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 if the connection ended before."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(kw_only=True)
class Ledger:
    """What the service has acknowledged, and how often it answered what."""

    kept: list[tuple[Registered, str]] = field(default_factory=list)  # tokens nobody revoked
    revoked: list[tuple[Registered, str]] = field(default_factory=list)
    clients: list[Registered] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    spent: Counter[str] = field(default_factory=Counter)  # successes by jti or refresh token
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)  # of answers
    wrong: list[str] = field(default_factory=list)

    def note(self, what: str, answer: Answer) -> None:
        """Count the answer; remember what nobody may be told, whatever is broken."""
        self.statuses[what, answer.status] += 1
        if answer.status:
            self.seconds.setdefault(what, []).append(answer.seconds)
        if answer.status >= 500 and answer.status != 503:
            self.wrong.append(f"{what}: {answer.status} {answer.body[:200]!r}")
        elif answer.status in (429, 503) and "retry-after" not in answer.headers:
            self.wrong.append(f"{what}: {answer.status} without Retry-After")

    def count(self, what: str, status: int) -> int:
        return self.statuses[what, status]


class Caller:
    """One connection to the service, made anew whenever it is gone."""

    def __init__(self, port: int, ledger: Ledger) -> None:
        self._port = port
        self._ledger = ledger
        self._connection: http.client.HTTPConnection | None = None

    def post(self, what: str, path: str, form: dict[str, str], who: Registered | None) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if who is not None:
            pair = base64.b64encode(f"{who.client_id}:{who.secret}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        return self.send(what, "POST", path, urllib.parse.urlencode(form), headers)

    def send(
        self,
        what: str,
        method: str,
        path: str,
        body: str = "",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        began = time.monotonic()
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(
                    "127.0.0.1", self._port, timeout=TIMEOUT
                )
            self._connection.request(method, path, body or None, headers or {})
            got = self._connection.getresponse()
            answer = Answer(
                got.status,
                {name.lower(): value for name, value in got.getheaders()},
                got.read(),
                time.monotonic() - began,
            )
        except (OSError, http.client.HTTPException):
            self.close()
            answer = Answer(0, seconds=time.monotonic() - began)
        self._ledger.note(what, answer)
        return answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Load:
    """Everything at once on one service: tokens, revocations, refreshes, assertions, changes."""

    def __init__(self, service: Service, *, changes: bool = True) -> None:
        """Register who calls; `changes` also makes clients through the management API."""
        self.ledger = Ledger()
        self._port = service.port
        self._issuer_url = service.issuer_url()
        self._stop = threading.Event()
        self.jwt = service.register("persons")
        self.opaque = service.register("persons", token_format="opaque")
        self._renewing = service.register("persons", issuer=ISSUER)
        self._key = generate_key("ES256")
        self._signer = _register_signer(service, self._key)
        self._operator = service.register("management") if changes else None
        work = [self._revoke_jwt, self._revoke_opaque, self._refresh, self._assert_twice]
        if changes:
            work.append(self._create)
        self._threads = [threading.Thread(target=self._run, args=(each,)) for each in work]

    @contextlib.contextmanager
    def running(self) -> Iterator[Ledger]:
        """Go on while inside."""
        for thread in self._threads:
            thread.start()
        try:
            yield self.ledger
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(2 * TIMEOUT)
            assert not any(thread.is_alive() for thread in self._threads), "a caller hangs"

    def _run(self, work: Callable[[Caller], None]) -> None:
        caller = Caller(self._port, self.ledger)
        while not self._stop.wait(_PAUSE):
            work(caller)
        caller.close()

    def _revoke_jwt(self, caller: Caller) -> None:
        self._revoke(caller, self.jwt)

    def _revoke_opaque(self, caller: Caller) -> None:
        self._revoke(caller, self.opaque)

    def _revoke(self, caller: Caller, client: Registered) -> None:
        asked = {"grant_type": "client_credentials"}
        got = caller.post("token", "/oauth2/token", asked, client)
        if got.status != 200:
            return
        token = got.json()["access_token"]
        if self.ledger.count("token", 200) % 4 == 0:
            self.ledger.kept.append((client, token))
            return
        done = caller.post("revoke", "/oauth2/revoke", {"token": token}, client)
        if done.status == 200:
            self.ledger.revoked.append((client, token))

    def _refresh(self, caller: Caller) -> None:
        """Use each refresh token twice at once; follow the one that came back."""
        path = f"/{ISSUER}/oauth2/token"
        got = caller.post("token", path, {"grant_type": "client_credentials"}, self._renewing)
        for _ in range(4):
            if got.status != 200 or self._stop.is_set():
                return
            token = got.json()["refresh_token"]
            form = {"grant_type": "refresh_token", "refresh_token": token}
            answers = self._twice("refresh", path, form, self._renewing)
            won = [answer for answer in answers if answer.status == 200]
            self.ledger.spent[token] += len(won)
            if len(won) != 1 or any(answer.status == 400 for answer in answers):
                return  # the second use has ended the family
            got = won[0]

    def _assert_twice(self, caller: Caller) -> None:
        """Show each assertion twice at once."""
        now = time.time()
        assertion = make_client_assertion(
            self._key,
            client_id=self._signer,
            audience=self._issuer_url,
            jti=str(time.time_ns()),
            now=now,
        ).reveal()
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": JWT_BEARER_ASSERTION,
            "client_assertion": assertion,
        }
        answers = self._twice("assertion", "/oauth2/token", form, None)
        self.ledger.spent[assertion] += sum(answer.status == 200 for answer in answers)

    def _twice(
        self, what: str, path: str, form: dict[str, str], who: Registered | None
    ) -> list[Answer]:
        answers: list[Answer] = []

        def send() -> None:
            caller = Caller(self._port, self.ledger)
            answers.append(caller.post(what, path, form, who))
            caller.close()

        other = threading.Thread(target=send)
        other.start()
        send()
        other.join()
        return answers

    def _create(self, caller: Caller) -> None:
        assert self._operator is not None
        got = caller.post(
            "token", "/oauth2/token", {"grant_type": "client_credentials"}, self._operator
        )
        if got.status != 200:
            return
        headers = {
            "Authorization": f"Bearer {got.json()['access_token']}",
            "Content-Type": "application/json",
        }
        body = json.dumps({"apis": ["persons"]})
        made = caller.send("create", "POST", "/api/v1/clients", body, headers)
        if made.status == 201:
            told = made.json()
            self.ledger.clients.append(
                Registered(client_id=told["client"]["client_id"], secret=told["client_secret"])
            )


def _register_signer(service: Service, key: SigningKey) -> str:
    proofs = read_keys(json.dumps(key.public.to_jwk())).proofs
    made = service.manage(lambda booth: create_client(booth, apis=["persons"], proofs=proofs))
    return made.client.client_id
