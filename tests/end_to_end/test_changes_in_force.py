"""What the command line changes while the service runs is in force within a second."""

import time

import pytest

from tests.end_to_end.service import Registered, Service, eventually, running

WITHIN = 1.0  # seconds after the command has ended


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Two workers, so that a change has to reach both."""
    with running(tmp_path_factory.mktemp("changing"), "--workers", "2") as service:
        service.add_api("persons", "persons:read")
        yield service


def _created(told: dict[str, str], issuer: str = "default") -> Registered:
    return Registered(client_id=told["client_id"], secret=told["client_secret"], issuer=issuer)


def _soon(service: Service, client: Registered, status: int) -> None:
    """A second later the status is the answer of every worker."""
    time.sleep(WITHIN)
    assert {service.token(client).status_code for _ in range(12)} == {status}


def _warm(service: Service, client: Registered) -> None:
    assert {service.token(client).status_code for _ in range(12)} == {200}


def test_a_new_client_gets_a_token(service):
    client = _created(service.told("clients", "create", "--api", "persons"))
    _soon(service, client, 200)


def test_a_client_that_was_unknown_a_moment_ago_gets_a_token(service):
    early = Registered(client_id="soon-there", secret="tbs_not_yet")
    assert service.token(early).status_code == 401
    _soon(service, service.register("persons", client_id="soon-there"), 200)


def test_a_disabled_client_is_refused_and_an_enabled_one_served(service):
    client = service.register("persons")
    _warm(service, client)
    token = service.access_token(client)
    service.told("clients", "disable", client.client_id)
    _soon(service, client, 401)
    service.told("clients", "enable", client.client_id)
    _soon(service, client, 200)
    assert service.is_active(client, service.access_token(client))
    assert not service.is_active(client, token)  # what was stopped stays stopped


def test_the_tokens_of_a_disabled_client_are_inactive_at_once(service):
    client = service.register("persons")
    guard = service.register(resource_server_for=["persons"])
    token = service.access_token(client)
    assert service.is_active(guard, token)
    service.told("clients", "disable", client.client_id)
    assert {service.is_active(guard, token) for _ in range(8)} == {False}


def test_a_deleted_client_is_refused(service):
    client = service.register("persons")
    _warm(service, client)
    service.told("clients", "delete", client.client_id)
    _soon(service, client, 401)


def test_a_removed_credential_is_refused_and_the_other_serves_on(service):
    client = service.register("persons")
    _warm(service, client)
    second = _created(service.told("credentials", "add", client.client_id))
    _soon(service, second, 200)
    service.told("credentials", "remove", client.client_id, client.credential_id)
    _soon(service, client, 401)
    _warm(service, second)


def test_a_rotated_secret_overlaps_and_then_ends(service):
    client = service.register("persons")
    _warm(service, client)
    second = _created(service.told("credentials", "rotate", client.client_id, "--overlap", "1h"))
    _soon(service, second, 200)
    _warm(service, client)
    third = _created(service.told("credentials", "rotate", client.client_id, "--overlap", "0"))
    _soon(service, client, 401)
    assert service.token(second).status_code == 401
    _warm(service, third)


def test_a_secret_ends_when_it_expires(service):
    client = service.register("persons")
    brief = _created(service.told("credentials", "add", client.client_id, "--expires", "4s"))
    _soon(service, brief, 200)
    eventually(lambda: service.token(brief).status_code == 401, within=4.0)
    assert service.token(client).status_code == 200


def test_a_new_issuer_with_its_api_and_client_serves(service):
    service.told("issuers", "create", "sandbox", "--dialect", "truphone")
    service.told(
        *("apis", "create", "calls", "--issuer", "sandbox"),
        *("--audience", "urn:calls", "--scopes", "calls:read"),
    )
    made = service.told("clients", "create", "--api", "calls", "--issuer", "sandbox")
    client = _created(made, "sandbox")
    _soon(service, client, 200)
    answer = service.post(
        "/sandbox/auth/realms/tru-staff/protocol/openid-connect/token",
        {"grant_type": "client_credentials", **client.in_body},
    )
    assert answer.json()["expires_in"] == 300


def test_a_new_scope_is_published_and_an_api_that_is_gone_is_not(service):
    path = "/.well-known/oauth-authorization-server"
    service.told("apis", "create", "brief", "--audience", "urn:brief", "--scopes", "brief:read")
    service.told("apis", "add-scopes", "brief", "brief:write")
    eventually(lambda: "brief:write" in service.http.get(path).text, within=WITHIN)
    service.told("apis", "delete", "brief")
    eventually(lambda: "brief:" not in service.http.get(path).text, within=WITHIN)


def test_issuing_tokens_writes_no_rows(service):
    client = service.register("persons")
    opaque = service.register("persons", token_format="opaque")
    _warm(service, client)
    before = _rows(service)
    for _ in range(50):
        service.access_token(client)
        service.access_token(opaque)
    after = _rows(service)
    # What is counted has one row for many tokens: for each client, host, hour and kind of event.
    for table in ("audit", "credential_hosts", "usage"):
        assert after.pop(table) - before.pop(table) < 10
    assert after == before
    service.revoke(client, service.access_token(client))
    assert _rows(service)["revocations"] == before["revocations"] + 1


def _rows(service: Service) -> dict[str, int]:
    from pysqlite3 import dbapi2 as sqlite

    with sqlite.connect(service.database.removeprefix("sqlite:///")) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        counts = {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for (name,) in tables.fetchall()
        }
    connection.close()
    return counts
