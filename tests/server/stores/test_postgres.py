"""What only a database server can get wrong: its connections, its locks and its outages."""

import asyncio

import asyncpg
import pytest

from tests.store_contract.samples import api, client, issuer, revocation
from tokenbooth.server.stores import schema
from tokenbooth.server.stores.contract import AlreadyExists, StoreUnavailable
from tokenbooth.server.stores.sql import open_store


async def kill_connections(url):
    """What a server does to everybody when it is told to stop."""
    admin = await asyncpg.connect(url)
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await admin.close()


async def test_goes_on_after_its_connections_were_ended(store, url):
    await store.get_client("default", "ada")
    await kill_connections(url)

    assert await store.get_client("default", "ada") is None
    assert await store.revision() == 1

    await kill_connections(url)
    await store.add_api(api())
    await kill_connections(url)
    assert [each.name for each in await store.list_apis()] == ["persons"]


async def test_says_that_the_server_is_away_and_works_when_it_is_back(server, databases):
    store = await open_store(databases.migrated())
    await store.add_issuer(issuer())
    server.kill()

    for question in (store.revision, store.list_issuers, store.check):
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            await question()

    server.start()
    assert await store.list_issuers() == (issuer(),)
    await store.add_api(api())
    await store.close()


async def test_what_was_acknowledged_survives_the_end_of_the_server(server, databases):
    store = await open_store(databases.migrated())
    await store.add_issuer(issuer())
    await store.revoke([revocation("jti:1")])
    server.kill()
    server.start()

    assert await store.find_revoked("default", ["jti:1"]) == {"jti:1": None}
    await store.close()


async def test_a_write_waits_for_another_nodes_change_and_then_happens(store, url):
    admin = await asyncpg.connect(url)
    holding = admin.transaction()
    await holding.start()
    await admin.execute("SELECT pg_advisory_xact_lock(7083114701)")

    adding = asyncio.create_task(store.add_api(api()))
    await asyncio.sleep(0.1)
    assert not adding.done()
    # What is exact by itself waits for nobody.
    assert (await store.claim("jti:1", now=1.0, expires_at=2.0)).won

    await holding.commit()
    await adding
    assert [each.name for each in await store.list_apis()] == ["persons"]
    await admin.close()


async def test_of_many_who_take_one_name_one_gets_it(store, url):
    await store.add_api(api())
    nodes = [await open_store(url) for _ in range(4)]

    outcomes = await asyncio.gather(
        *(node.add_client(client()) for node in nodes for _ in range(3)), return_exceptions=True
    )

    assert sum(outcome is None for outcome in outcomes) == 1
    assert all(isinstance(each, AlreadyExists) for each in outcomes if each is not None)
    for node in nodes:
        await node.close()


async def test_a_cancelled_change_happens_whole_or_not_at_all(url):
    store = await open_store(url)
    await store.add_issuer(issuer())
    for number in range(20):
        adding = asyncio.create_task(store.add_api(api(f"api{number}")))
        await asyncio.sleep(0.001 * number)
        adding.cancel()
        await asyncio.gather(adding, return_exceptions=True)

    await store.check()
    await store.close()  # waits for what is still under way
    again = await open_store(url)
    assert await again.revision() == 1 + len(await again.list_apis())
    await again.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://ada:topsecret@127.0.0.1:9/booth", "cannot be reached"),
        ("postgresql://ada:topsecret@[::1/booth", "cannot be read"),
        ("postgresql://ada:topsecret@127.0.0.1:x/booth", "cannot be read"),
    ],
)
async def test_no_error_shows_the_password(url, told):
    with pytest.raises(StoreUnavailable, match=told) as refused:
        await open_store(url)

    assert "topsecret" not in str(refused.value)


async def test_says_which_database_is_missing(server):
    with pytest.raises(StoreUnavailable, match=r"/nowhere has no database of that name"):
        await open_store(server.url("nowhere"))


async def test_leaves_the_database_of_another_program_alone(server, databases):
    url = databases.empty()
    admin = await asyncpg.connect(url)
    await admin.execute("CREATE TABLE theirs (id int)")
    await admin.close()

    with pytest.raises(StoreUnavailable, match="belongs to another program"):
        await open_store(url)


async def test_refuses_a_database_of_a_newer_program(store, url):
    admin = await asyncpg.connect(url)
    await admin.execute("UPDATE alembic_version SET version_num = '9999'")
    await admin.close()

    with pytest.raises(StoreUnavailable, match="newer version"):
        await open_store(url)
    assert schema.HEAD != "9999"
