"""Writes that are committed together are still transactions of their own."""

import asyncio
import threading
import time

import pytest

from tests.store_contract.samples import api, issuer, revocation
from tokenbooth.server.stores import sqlite_driver
from tokenbooth.server.stores.contract import AlreadyExists, StoreUnavailable
from tokenbooth.server.stores.sql import open_store


@pytest.fixture
async def store(tmp_path):
    store = await open_store(f"sqlite:///{tmp_path}/booth.db")
    await store.add_issuer(issuer())
    yield store
    await store.close()


@pytest.fixture
def held(store):
    """Let the writing thread wait until the test releases it, so that writes pile up."""
    release = threading.Event()
    writer = store._engine._writer
    writer._thread.submit(release.wait, 20)
    yield release
    release.set()


async def gather_after(release, *writes):
    tasks = [asyncio.ensure_future(write) for write in writes]
    await asyncio.sleep(0)
    release.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def commits(store):
    """Count the commits that the writing connection makes from now on."""
    seen = []

    def watch(connection):
        dbapi = connection.connection.dbapi_connection
        dbapi.set_trace_callback(lambda text: seen.append(text) if text == "COMMIT" else None)

    return seen, store._engine.write(watch)


async def test_writes_that_wait_are_committed_together(store, held):
    seen, watching = commits(store)
    held.set()
    await watching
    again = threading.Event()
    store._engine._writer._thread.submit(again.wait, 20)
    seen.clear()

    await gather_after(again, *(store.revoke([revocation(f"jti:{n}")]) for n in range(40)))

    assert seen == ["COMMIT"]
    assert len(await store.find_revoked("default", [f"jti:{n}" for n in range(40)])) == 40


async def test_one_refused_write_takes_nothing_from_the_others(store, held):
    outcomes = await gather_after(
        held,
        store.add_api(api("a")),
        store.add_api(api("a", audience="urn:other")),
        store.add_api(api("b")),
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), AlreadyExists, type(None)]
    assert [each.name for each in await store.list_apis()] == ["a", "b"]
    assert [change.id for change in await store.changes_since(1)] == ["a", "b"]


async def test_one_broken_write_takes_nothing_from_the_others(store, held):
    def break_the_statement(connection):
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    def break_the_program(connection):
        raise ZeroDivisionError

    outcomes = await gather_after(
        held,
        store.add_api(api("a")),
        store._engine.write(break_the_statement),
        store._engine.write(break_the_program),
        store.add_api(api("b")),
    )

    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [type(None), StoreUnavailable, ZeroDivisionError, type(None)]
    assert [change.id for change in await store.changes_since(1)] == ["a", "b"]


async def test_more_writes_than_a_batch_holds_are_all_done_in_order(store, held):
    await gather_after(held, *(store.add_api(api(f"{n:03}")) for n in range(120)))

    assert [change.id for change in await store.changes_since(1)] == [f"{n:03}" for n in range(120)]


async def test_a_write_that_is_cancelled_while_it_waits_is_not_done(store, held):
    task = asyncio.ensure_future(store.add_api(api("a")))
    await asyncio.sleep(0)
    task.cancel()

    await gather_after(held, store.add_api(api("b")))

    assert [each.name for each in await store.list_apis()] == ["b"]


async def test_the_event_loop_runs_while_a_write_waits(store, held):
    task = asyncio.ensure_future(store.add_api(api("a")))

    for _ in range(100):
        await asyncio.sleep(0)

    assert not task.done()
    held.set()
    await task


async def test_writes_that_wait_together_for_a_lock_wait_once(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_driver, "WRITE_WAIT", 0.5)
    store = await open_store(f"sqlite:///{tmp_path}/locked.db")
    other = sqlite_driver.connect(tmp_path / "locked.db", wait=1)
    try:
        await store.add_issuer(issuer())
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        writes = [store.add_api(api(name=f"api{n}")) for n in range(20)]
        refused = await asyncio.gather(*writes, return_exceptions=True)
        assert time.monotonic() - started < 5  # the first alone, the others together
        assert {type(each) for each in refused} == {StoreUnavailable}
        other.execute("ROLLBACK")
        await store.add_api(api(name="later"))
        assert [each.name for each in await store.list_apis("default")] == ["later"]
    finally:
        other.close()
        await store.close()
