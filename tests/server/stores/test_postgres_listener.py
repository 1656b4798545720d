"""A node hears of a change when it commits."""

import asyncio

import pytest

from tests.server.stores.waiting import until
from tests.store_contract.samples import account, api, revocation
from tokenbooth.server.stores.contract import NotFound
from tokenbooth.server.stores.sql import open_store

LISTENING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'tokenbooth listening'
"""


async def sessions_that_listen(admin, count):
    """Wait until there are so many."""

    async def are_there():
        return len(await admin.fetch(LISTENING)) == count

    await until(are_there)


class Heard:
    """What a listener was told."""

    def __init__(self):
        self.times = 0
        self._told = asyncio.Event()

    def __call__(self):
        self.times += 1
        self._told.set()

    async def once_more(self):
        async with asyncio.timeout(60):
            await self._told.wait()
        self._told.clear()


@pytest.fixture
async def heard(url):
    """What another node hears."""
    node, heard = await open_store(url), Heard()
    node.listen(heard)
    await heard.once_more()  # at the beginning: who knows what was before
    yield heard
    await node.close()


async def test_hears_of_a_change_by_another_node(store, heard):
    await store.add_api(api())

    await heard.once_more()


async def test_hears_of_nothing_that_did_not_happen_or_announces_nothing(store, heard):
    # Its own add_issuer may still be on its way.
    await store.add_api(api("first"))
    await heard.once_more()
    await asyncio.sleep(0.1)
    before = heard.times

    with pytest.raises(NotFound):
        await store.replace_api(api("nowhere"))
    await store.add_account(account())
    await store.revoke([revocation()])
    await store.claim("jti:1", now=1.0, expires_at=2.0)
    await store.add_api(api("second"))

    await heard.once_more()
    assert heard.times == before + 1


async def test_is_told_after_its_session_was_ended_lest_it_missed_something(store, heard, admin):
    for _ in range(2):
        (pid,) = [row["pid"] for row in await admin.fetch(LISTENING)]
        await admin.execute("SELECT pg_terminate_backend($1)", pid)

        await heard.once_more()

    await store.add_api(api())
    await heard.once_more()


async def test_goes_on_when_the_server_is_back(server, store, heard):
    server.kill()
    await asyncio.sleep(0.3)
    server.start()

    await heard.once_more()
    async with asyncio.timeout(60):
        await store.add_api(api())
    await heard.once_more()


async def test_a_closed_store_listens_no_more(store, url, admin):
    node = await open_store(url)
    node.listen(Heard())
    await sessions_that_listen(admin, 1)

    await node.close()

    await sessions_that_listen(admin, 0)
