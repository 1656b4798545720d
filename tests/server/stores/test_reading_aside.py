"""Long readings of the trail and of counts keep no token request waiting."""

import asyncio
import threading

import pytest

from tokenbooth.server.audit_records import Event, EventFilter
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.queries import clients
from tokenbooth.server.stores.sql import open_store
from tokenbooth.server.stores.sqlite import SqliteEngine


async def test_others_go_on_while_a_long_query_runs(database):
    engine = await SqliteEngine.open(database, create=False)
    may_end = threading.Event()

    def long_query(connection):
        assert may_end.wait(60)
        return connection.exec_driver_sql("SELECT 7").scalar()

    reading = asyncio.create_task(engine.read_aside(long_query))
    await asyncio.sleep(0)
    assert await engine.revision() >= 0
    assert await engine.read(lambda connection: 8) == 8
    may_end.set()

    assert await reading == 7
    await engine.close()


async def test_sees_what_was_written_just_before(database):
    store = await open_store(f"sqlite:///{database}")
    await store.add_events([Event(type="client_created", at=0.0, actor="service")])

    assert len(await store.list_events(EventFilter(type="client_created"))) == 1
    await store.close()


@pytest.mark.parametrize(("text", "is_aside"), [("app", True), (None, False)])
async def test_a_search_by_text_runs_aside_for_it_looks_at_all(
    database, monkeypatch, text, is_aside
):
    threads, list_clients = [], clients.list_clients

    def noted(*given, **asked):
        threads.append(threading.get_ident())
        return list_clients(*given, **asked)

    monkeypatch.setattr(clients, "list_clients", noted)
    store = await open_store(f"sqlite:///{database}")

    assert await store.list_clients(text=text) == ()
    assert [each != threading.get_ident() for each in threads] == [is_aside]
    await store.close()


async def test_a_closed_store_says_so(database):
    store = await open_store(f"sqlite:///{database}")
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.list_events(EventFilter())
