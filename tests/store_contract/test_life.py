"""Opening, checking and closing."""

import asyncio

import pytest

from tests.store_contract.samples import api, issuer, revocation
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.sql import open_store


async def test_makes_a_database_that_is_not_there(databases):
    url = databases.empty()

    store = await open_store(url)
    await store.add_issuer(issuer())
    await store.close()

    again = await open_store(url, create=False)
    assert await again.list_issuers() == (issuer(),)
    await again.close()


async def test_makes_no_database_unless_told_to(databases):
    with pytest.raises(StoreUnavailable, match=databases.missing):
        await open_store(databases.empty(), create=False)


async def test_a_good_database_passes_the_check(store):
    await store.check()

    assert await store.revision() == 0


async def test_a_closed_store_answers_nothing(url):
    store = await open_store(url)
    await store.close()
    await store.close()

    for question in (
        store.check,
        store.revision,
        store.list_issuers,
        lambda: store.get_client("default", "ada"),
        lambda: store.revoke([revocation()]),
    ):
        with pytest.raises(StoreUnavailable, match="closed"):
            await question()


async def test_close_finishes_what_is_under_way(url):
    store = await open_store(url)
    writes = [
        asyncio.create_task(store.revoke([revocation(f"jti:{number}")])) for number in range(20)
    ]
    await asyncio.sleep(0)

    await store.close()

    await asyncio.gather(*writes)
    again = await open_store(url)
    assert len(await again.find_revoked("default", [f"jti:{n}" for n in range(20)])) == 20
    await again.close()


async def test_a_cancelled_write_leaves_the_store_usable(filled):
    task = asyncio.create_task(filled.add_api(api("animals")))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    await filled.add_api(api("plants"))

    names = {each.name for each in await filled.list_apis("default")}
    assert {"persons", "plants"} <= names
