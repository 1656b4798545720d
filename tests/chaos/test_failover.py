"""PostgreSQL's primary is killed under load: its standby takes over, and nothing is forgotten.

docs/operations.md tells how such a database is run. Tokens need no database, so callers with a
secret notice nothing; what is written waits for the new primary.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx2
import pytest

from tests.chaos.patroni import TTL_SECONDS, patroni
from tests.end_to_end.service import (
    Registered,
    Service,
    assert_log_is_discreet,
    eventually,
    manage,
    run_program,
    start_service,
)
from tests.postgres import free_port
from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.service.apis import create_api
from tokenbooth.management.service.issuers import create_issuer

BACK_WITHIN = TTL_SECONDS + 70.0  # seconds; about 25 on a quiet machine
ISSUED = {"grant_type": "client_credentials"}


@dataclass(kw_only=True)
class Acknowledged:
    """What callers were told, in the order in which they heard it."""

    clients: list[Registered] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)  # refresh tokens that got a successor
    tokens: int = 0
    writes_at: list[float] = field(default_factory=list)
    not_issued: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Callers:
    """A thread for each kind of work at each node, all going on while the database is away."""

    def __init__(self, nodes: list[Service], who: dict[str, Registered]) -> None:
        self.heard = Acknowledged()
        self._who = who
        self._stop = threading.Event()
        work = (self._issue, self._revoke, self._refresh, self._register)
        self._threads = [
            threading.Thread(target=self._run, args=(each, node)) for each in work for node in nodes
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(120)
        assert not any(thread.is_alive() for thread in self._threads)

    def _run(self, work: Callable[[httpx2.Client], None], node: Service) -> None:
        with httpx2.Client(base_url=node.url, trust_env=False, timeout=60) as http:
            while not self._stop.wait(0.02):
                work(http)

    def _post(
        self, http: httpx2.Client, path: str, who: Registered, **form: str
    ) -> httpx2.Response:
        answer = http.post(path, data=form, auth=who.basic)
        if answer.status_code >= 500 and (
            answer.status_code != 503 or "retry-after" not in answer.headers
        ):
            self.heard.wrong.append(f"{path}: {answer.status_code} {answer.text[:200]}")
        return answer

    def _issue(self, http: httpx2.Client) -> None:
        answer = self._post(http, "/oauth2/token", self._who["issued"], **ISSUED)
        if answer.status_code == 200:
            self.heard.tokens += 1
        else:
            self.heard.not_issued.append(answer.text)

    def _revoke(self, http: httpx2.Client) -> None:
        token = self._post(http, "/oauth2/token", self._who["revoking"], **ISSUED).json()
        found = token["access_token"]
        answer = self._post(http, "/oauth2/revoke", self._who["revoking"], token=found)
        if answer.status_code == 200:
            self.heard.revoked.append(found)
            self.heard.writes_at.append(time.monotonic())

    def _refresh(self, http: httpx2.Client) -> None:
        """A few generations; a family whose answer was lost is left alone."""
        who = self._who["renewing"]
        first = self._post(http, "/phones/oauth2/token", who, **ISSUED)
        for _ in range(5):
            if first.status_code != 200:
                return
            held = first.json()["refresh_token"]
            first = self._post(
                http,
                "/phones/oauth2/token",
                who,
                grant_type="refresh_token",
                refresh_token=held,
            )
            if first.status_code == 200:
                self.heard.spent.append(held)

    def _register(self, http: httpx2.Client) -> None:
        token = self._post(http, "/oauth2/token", self._who["manager"], **ISSUED).json()
        answer = http.post(
            "/api/v1/clients",
            json={"apis": ["persons"]},
            headers={"Authorization": f"Bearer {token['access_token']}"},
        )
        if answer.status_code == 201:
            made = answer.json()
            self.heard.clients.append(
                Registered(client_id=made["client"]["client_id"], secret=made["client_secret"])
            )
            self.heard.writes_at.append(time.monotonic())
        elif answer.status_code != 503:
            self.heard.wrong.append(f"clients: {answer.status_code} {answer.text[:200]}")


@pytest.fixture
def database():
    with patroni() as running:
        yield running


def test_nothing_acknowledged_is_lost_when_the_primary_is_killed(database, tmp_path):
    variables = {
        "TOKENBOOTH_DATABASE": database.url,
        "TOKENBOOTH_MASTER_KEY_FILE": str(tmp_path / "master.key"),
        "TOKENBOOTH_ISSUER_URL": "http://127.0.0.1:9999",
        "TOKENBOOTH_REFRESH_GRACE_SECONDS": "0",
    }
    who = manage(database.url, registered, variables)
    with ExitStack() as stack:
        nodes = []
        for number in range(2):
            folder = tmp_path / f"node{number}"
            node = start_service(
                folder, "--database", database.url, port=free_port(), variables=variables
            )
            stack.callback(node.kill)
            nodes.append(node)
        for node in nodes:
            eventually(
                lambda: {node.token(each).status_code for each in who.values()} == {200},  # noqa: B023 - called at once
                within=20,
            )
        callers = Callers(nodes, who)
        stack.callback(callers.stop)
        callers.start()
        heard = callers.heard
        eventually(lambda: len(heard.writes_at) > 60 and len(heard.spent) > 10, within=60)

        leader = database.leader()
        assert leader is not None
        killed_at = time.monotonic()
        leader.kill()
        issued_before = heard.tokens
        eventually(
            lambda: (new := database.leader()) is not None and new is not leader, within=BACK_WITHIN
        )
        promoted_at = time.monotonic()
        eventually(lambda: heard.writes_at[-1] > promoted_at + 2, within=60)
        for node in nodes:
            eventually(lambda: node.http.get("/readyz").status_code == 200, within=30)  # noqa: B023 - called at once
        first_after = min(at for at in heard.writes_at if at > killed_at + 1)
        issued_meanwhile = heard.tokens - issued_before
        callers.stop()

        print(  # noqa: T201 - what docs/operations.md tells
            f"\nwrites were away for {first_after - killed_at:.1f} s, new primary after "
            f"{promoted_at - killed_at:.1f} s, {issued_meanwhile} tokens issued from the kill on"
        )
        assert heard.wrong == []
        assert heard.not_issued == []
        assert issued_meanwhile > 100
        assert first_after - killed_at < BACK_WITHIN
        assert_nothing_is_forgotten(nodes, who, heard)
        verified = run_program("audit", "verify", **variables)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        for node in nodes:
            assert "Traceback" not in node.log
            assert_log_is_discreet(node)


async def registered(booth):
    """Who calls, by what they do."""
    await create_api(
        booth, name="persons", audience="https://persons.example", scopes="persons:read"
    )
    await create_issuer(booth, name="phones", dialect="truphone")
    await create_api(
        booth, name="calls", audience="https://calls.example", scopes="call", issuer="phones"
    )
    await create_api(
        booth,
        name="management",
        audience=f"{booth.settings.issuer_url}/api/v1",
        scopes="clients:read clients:write",
    )
    wanted = {
        "issued": ("persons", "default"),
        "revoking": ("persons", "default"),
        "renewing": ("calls", "phones"),
        "manager": ("management", "default"),
    }
    found = {}
    for name, (api, issuer) in wanted.items():
        made = await create_client(booth, apis=[api], issuer=issuer)
        found[name] = Registered(
            client_id=made.client.client_id,
            secret=made.secret.client_secret.reveal(),
            issuer=issuer,
        )
    return found


def assert_nothing_is_forgotten(nodes, who, heard):
    """Ask each node for everything that anybody was told."""

    def refused(node: Service, token: str) -> bool:
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return node.post("/phones/oauth2/token", form, who["renewing"]).status_code == 400

    with ThreadPoolExecutor(4) as pool:
        for node in nodes:
            known = pool.map(lambda each: node.token(each).status_code, heard.clients)  # noqa: B023 - called at once
            assert set(known) == {200}
            active = pool.map(lambda each: node.is_active(who["revoking"], each), heard.revoked)  # noqa: B023 - called at once
            assert not any(active)
            assert all(pool.map(lambda each: refused(node, each), heard.spent))  # noqa: B023 - called at once
            # The checks can tell.
            assert node.is_active(who["issued"], node.access_token(who["issued"]))
    assert len(heard.spent) == len(set(heard.spent))
