"""When the database takes no writes, nothing fails open and what needs no write goes on."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pysqlite3 import dbapi2 as sqlite

from tests.end_to_end.service import Service, eventually, running


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running(tmp_path_factory.mktemp("locked")) as service:
        service.add_issuer("renewing", refresh_tokens=True)
        service.add_api("persons", "persons:read", issuer="renewing")
        yield service


@pytest.fixture(scope="module")
def client(service):
    client = service.register("persons", issuer="renewing")
    service.access_token(client)
    return client


@contextlib.contextmanager
def _write_locked(service: Service) -> Iterator[None]:
    connection = sqlite.connect(service.database.removeprefix("sqlite:///"), isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def test_tokens_are_issued_and_asked_about_without_a_write(service, client):
    with _write_locked(service):
        for _ in range(5):
            assert service.is_active(client, service.access_token(client))


def test_what_needs_a_write_is_refused_for_now_and_works_later(service, client):
    token, other = service.access_token(client), service.token(client).json()
    refresh = {"grant_type": "refresh_token", "refresh_token": other["refresh_token"]}
    with _write_locked(service), ThreadPoolExecutor(4) as pool:
        # All at once, since each waits for the writer as long as the service is willing to.
        revoking = pool.submit(service.revoke, client, token)
        refreshing = pool.submit(service.token, client, **refresh)
        unready = pool.submit(
            eventually, lambda: service.http.get("/readyz").status_code == 503, within=30
        )
        assert service.http.get("/healthz").status_code == 200
        for answer in (revoking.result(), refreshing.result()):
            assert answer.status_code == 503
            assert answer.json()["error"] == "temporarily_unavailable"
            assert int(answer.headers["retry-after"]) >= 1
        assert unready.result()
    eventually(lambda: service.http.get("/readyz").status_code == 200)
    # Nothing was confirmed, so nothing was half done.
    assert service.is_active(client, token)
    assert service.revoke(client, token).status_code == 200
    assert not service.is_active(client, token)
    assert service.token(client, **refresh).status_code == 200
