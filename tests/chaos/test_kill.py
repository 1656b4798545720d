"""kill -9 at any moment: whatever was acknowledged is there afterwards."""

import os
import random
import signal
import time

import pytest

from tests.chaos.conftest import children_of, on_postgres, prepare
from tests.chaos.invariants import assert_promises_kept, assert_recovers
from tests.chaos.load import Load
from tests.end_to_end.service import Service, eventually
from tests.postgres import free_port, installed_versions, postgres_server

ROUNDS = 3


@pytest.fixture(scope="module")
def server():
    with postgres_server(installed_versions()[-1], settings={}) as server:
        yield server


def _is_busy(load: Load, revoked: int) -> bool:
    ledger = load.ledger
    return len(ledger.revoked) > revoked + 20 and len(ledger.clients) > 1


def test_a_node_that_is_killed_has_all_that_it_acknowledged(breakable):
    moments = random.Random(7009)
    service = prepare(breakable("--workers", "2"))
    load = Load(service)
    with load.running() as ledger:
        for _ in range(ROUNDS):
            before = len(ledger.revoked)
            eventually(lambda before=before: _is_busy(load, before), within=60)
            time.sleep(moments.uniform(0.0, 0.5))
            service.kill()
            service = breakable("--workers", "2", port=service.port)

    assert_recovers(service, load.jwt)
    assert_promises_kept(service, ledger)


def test_workers_that_are_killed_are_replaced_and_nobody_is_told_a_lie(breakable):
    moments = random.Random(77)
    service = prepare(breakable("--workers", "2"))
    load = Load(service)
    with load.running() as ledger:
        for _ in range(ROUNDS):
            before = len(ledger.revoked)
            eventually(lambda before=before: _is_busy(load, before), within=60)
            victim = moments.choice(eventually(lambda: children_of(service), within=30))
            os.kill(victim, signal.SIGKILL)

    eventually(lambda: len(children_of(service)) == 2, within=30)
    assert_recovers(service, load.jwt)
    assert_promises_kept(service, ledger)


def test_a_worker_that_is_killed_while_it_starts_is_replaced_at_once(breakable):
    service = breakable("--workers", "2")
    for _ in range(3):
        there = set(children_of(service))
        os.kill(min(there), signal.SIGKILL)
        new = eventually(lambda there=there: set(children_of(service)) - there, within=20)
        os.kill(new.pop(), signal.SIGKILL)  # long before it can answer its parent

        # A worker that only is slow is given 30 s.
        eventually(lambda: len(children_of(service)) == 2, within=20)


def test_a_node_on_postgresql_that_is_killed_has_all_that_it_acknowledged(
    breakable, server, tmp_path
):
    service = prepare(on_postgres(breakable, server, tmp_path))
    load = Load(service)
    with load.running() as ledger:
        for _ in range(2):
            before = len(ledger.revoked)
            eventually(lambda before=before: _is_busy(load, before), within=60)
            service.kill()
            service = on_postgres(breakable, server, tmp_path, port=service.port)

    assert_recovers(service, load.jwt)
    assert_promises_kept(service, ledger)


def test_postgresql_may_be_killed_and_come_back(breakable, server, tmp_path):
    service = prepare(on_postgres(breakable, server, tmp_path, port=free_port()))
    load = Load(service)
    with load.running() as ledger:
        eventually(lambda: _is_busy(load, 0), within=60)
        server.kill()
        _tokens_go_on(service, load)
        server.start()
        before = len(ledger.revoked)
        eventually(lambda: _is_busy(load, before), within=60)

    assert ledger.count("revoke", 503) + ledger.count("create", 503) > 0
    assert_recovers(service, load.jwt)
    assert_promises_kept(service, ledger)


def test_a_worker_that_dies_while_the_database_is_away_does_not_take_the_service_along(
    breakable, server, tmp_path
):
    service = prepare(on_postgres(breakable, server, tmp_path, "--workers", "2"))
    load = Load(service)
    # Once more after a second: a client that was new until then is looked up again.
    for pause in (1.5, 0.0):
        service.wait_everywhere(lambda: service.token(load.jwt).status_code == 200)
        time.sleep(pause)
    server.kill()
    try:
        os.kill(children_of(service)[0], signal.SIGKILL)
        time.sleep(8)  # in which the new worker fails to start, more than once

        assert service.process.poll() is None
        eventually(lambda: service.token(load.jwt).status_code == 200, within=20)
    finally:
        server.start()
    assert_recovers(service, load.jwt)
    eventually(lambda: len(children_of(service)) == 2, within=40)


def _tokens_go_on(service: Service, load: Load) -> None:
    """Clients in memory get tokens without a database."""
    for _ in range(10):
        assert service.token(load.jwt).status_code == 200
    assert service.http.get("/healthz").status_code == 200
    eventually(lambda: service.http.get("/readyz").status_code == 503, within=30)
