"""A disk that is full, slow, read-only or gone: nothing is acknowledged that is not written."""

import shutil
import statistics
import time

import pytest

from tests.chaos.conftest import on_database, prepare
from tests.chaos.faults import full, injected, small_disk
from tests.chaos.invariants import assert_promises_kept, assert_recovers
from tests.chaos.load import Load
from tests.end_to_end.service import Service, eventually, start_service

SLOW_SECONDS = 1.5


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", 24) as disk:
        yield disk


def _survives_a_full(disk, service):
    load = Load(service)
    with load.running() as ledger:
        _works(load)
        with full(disk):
            _refuses_changes_and_issues_on(service, load)
        _works(load)

    assert_recovers(service, load.jwt)
    assert_promises_kept(service, ledger)


def test_a_full_disk_stops_changes_alone(breakable, disk):
    _survives_a_full(disk, prepare(on_database(breakable, f"sqlite:///{disk}/booth.db")))


def test_a_log_that_cannot_be_written_stops_nothing(breakable, disk):
    _survives_a_full(disk, prepare(breakable(folder=disk / "booth")))


def test_tokens_do_not_wait_for_a_slow_disk(breakable):
    service = prepare(breakable())
    load = Load(service)
    delay = f"delay_enter={int(SLOW_SECONDS * 1e6)}"
    with load.running() as ledger:
        _works(load)
        with injected(service.process.pid, "fsync,fdatasync", delay):
            ledger.seconds.clear()
            eventually(lambda: len(ledger.seconds.get("revoke", ())) > 6, within=60)
            tokens, revocations = ledger.seconds["token"], ledger.seconds["revoke"]
            assert statistics.median(revocations) >= SLOW_SECONDS / 2
            assert statistics.median(tokens) < SLOW_SECONDS / 2
            assert service.http.get("/healthz").status_code == 200

    assert_recovers(service, load.jwt)
    assert_promises_kept(service, ledger)


@pytest.mark.parametrize("error", ["EROFS", "EIO"])
def test_a_disk_that_takes_no_writes_stops_changes_alone(breakable, error):
    service = prepare(breakable())
    load = Load(service)
    with load.running() as ledger:
        _works(load)
        with injected(service.process.pid, "pwrite64", f"error={error}"):
            _refuses_changes_and_issues_on(service, load)
        _works(load)

    assert_recovers(service, load.jwt)
    assert_promises_kept(service, ledger)


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_a_database_that_is_gone_takes_no_changes_until_it_is_back(breakable, tmp_path, what):
    service = prepare(breakable())
    load = Load(service)
    file = tmp_path / "booth" / "booth.db"
    kept = [token for _ in range(3) if (token := service.access_token(load.jwt))]
    with load.running() as ledger:
        _works(load)
        file.rename(tmp_path / "aside.db")
        if what == "replaced":
            shutil.copy(tmp_path / "aside.db", file)
        _refuses_changes_and_issues_on(service, load)
        assert service.revoke(load.jwt, kept[0]).status_code == 503
        (tmp_path / "aside.db").replace(file)
        _works(load)

    assert all(service.is_active(load.jwt, token) for token in kept)
    assert_recovers(service, load.jwt)
    assert_promises_kept(service, ledger)


def test_says_at_the_start_that_the_disk_is_full(disk):
    with full(disk), pytest.raises(AssertionError) as refused:
        start_service(disk.parent / "booth", "--database", f"sqlite:///{disk}/booth.db")

    assert "Traceback" not in str(refused.value)
    assert "the disk is full" in str(refused.value)


def _works(load: Load) -> None:
    before = load.ledger.count("revoke", 200)
    made = load.ledger.count("create", 201)
    eventually(
        lambda: (
            load.ledger.count("revoke", 200) > before + 5
            and load.ledger.count("create", 201) > made
        ),
        within=60,
    )


def _refuses_changes_and_issues_on(service: Service, load: Load) -> None:
    ledger = load.ledger
    before = ledger.count("revoke", 503)
    eventually(lambda: ledger.count("revoke", 503) > before + 2, within=60)
    time.sleep(0.5)
    acknowledged = ledger.count("revoke", 200)
    for _ in range(10):
        assert service.token(load.jwt).status_code == 200
    assert ledger.count("revoke", 200) <= acknowledged + 1
    assert service.http.get("/healthz").status_code == 200
    eventually(lambda: service.http.get("/readyz").status_code == 503, within=30)
