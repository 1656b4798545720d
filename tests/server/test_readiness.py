"""Asking whether the service is ready costs little, however often it is done."""

import asyncio

from tokenbooth.server.stores.sql import SqlStore


class CountingStore(SqlStore):
    """The real store, which counts its checks."""

    checks = 0

    async def check(self):
        self.checks += 1
        await super().check()


async def test_many_who_ask_at_once_cause_one_write(town, clock):
    store, readiness = CountingStore(town.store._engine, clock), town.service.readiness

    found = await asyncio.gather(*(readiness.is_database_well(store, clock) for _ in range(50)))

    assert all(found)
    assert store.checks == 1
    clock.travel(1)
    assert await readiness.is_database_well(store, clock)
    assert store.checks == 2


async def test_a_database_that_goes_and_comes_back_is_noticed_after_a_second(town, clock, database):
    aside = database.with_name("aside.db")
    assert (await town.http.get("/readyz")).status_code == 200

    database.rename(aside)
    clock.travel(1)
    assert (await town.http.get("/readyz")).status_code == 503

    aside.rename(database)
    clock.travel(1)
    assert (await town.http.get("/readyz")).status_code == 200
