"""How long a JWT lives after its revocation, at guards that follow the feed of the real program."""

import os
import signal
import subprocess
import threading
import time

import pytest

from tests.end_to_end.service import Service, eventually, running
from tokenbooth.guard import Guard
from tokenbooth.guard.refusal import Refusal

LIMIT = 5.0  # seconds
AUDIENCE = "https://persons.default.example"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Two workers, so that revocation and feed meet in different processes."""
    with running(tmp_path_factory.mktemp("revoking"), "--workers", "2") as service:
        service.add_api("persons", "persons:read")
        yield service


@pytest.fixture
def guards(service):
    made = [Guard(service.url, AUDIENCE, follow_revocations=True) for _ in range(3)]
    yield made
    for guard in made:
        guard.close()


def is_good(guard: Guard, token: str) -> bool:
    try:
        guard.verify_sync({"Authorization": f"Bearer {token}"})
    except Refusal as refusal:
        if refusal.reason != "revoked":
            raise
        return False
    return True


def lag(guards: list[Guard], token: str) -> float:
    """Return how long it takes until the last guard refuses the token."""
    start = time.monotonic()
    eventually(lambda: not any(is_good(guard, token) for guard in guards), within=2 * LIMIT)
    return time.monotonic() - start


def _by_token(service, client, token):
    assert service.revoke(client, token).status_code == 200


def _by_client(service, client, token):
    service.told("clients", "revoke-tokens", client.client_id)


def _by_credential(service, client, token):
    identified = (client.client_id, client.credential_id)
    service.told("credentials", "remove", *identified, "--revoke-tokens")


def _by_disabling(service, client, token):
    service.told("clients", "disable", client.client_id)


def _by_issuer(service, client, token):
    service.told("issuers", "revoke-tokens", "default")


@pytest.mark.parametrize("end", [_by_token, _by_client, _by_credential, _by_disabling, _by_issuer])
def test_a_jwt_dies_within_five_seconds_at_every_guard(service: Service, guards, end):
    client = service.register("persons")
    other = service.register("persons")
    token = service.access_token(client)
    assert all(is_good(guard, token) for guard in guards)

    end(service, client, token)

    assert lag(guards, token) < LIMIT
    time.sleep(1)  # tokens of the very second of an issuer's end are dead as well
    assert is_good(guards[0], service.access_token(other))


def test_introspection_on_every_worker_knows_at_once(service: Service):
    client = service.register("persons")
    for _ in range(5):
        token = service.access_token(client)
        assert service.is_active(client, token)
        service.revoke(client, token)
        assert not any(service.is_active(client, token) for _ in range(8))


def _a_worker_of(service: Service) -> int:
    children = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(service.process.pid)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return int(next(line for line in children if "spawn_main" in line).split()[0])


def test_a_worker_killed_while_others_revoke_brings_no_token_back(tmp_path):
    revoked, stop = [], threading.Event()
    with running(tmp_path / "killing", "--workers", "2") as service:
        service.add_api("persons", "persons:read")
        client = service.register("persons")

        def work() -> None:
            while not stop.is_set():
                try:
                    token = service.access_token(client)
                    if service.revoke(client, token).status_code == 200:
                        revoked.append(token)
                except Exception:  # noqa: BLE001 - a request may meet the worker that dies
                    time.sleep(0.05)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for enough in (5, 10):
                eventually(lambda enough=enough: len(revoked) >= enough, within=20)
                os.kill(_a_worker_of(service), signal.SIGKILL)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        eventually(lambda: service.http.get("/readyz").status_code == 200, within=20)

        assert not any(service.is_active(client, token) for token in revoked)
