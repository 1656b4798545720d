"""Tables are brought up to date beside nodes that are at work, and nobody waits long for it."""

import asyncio
import contextlib

import asyncpg
import pytest

from tests.server.stores.waiting import until
from tests.store_contract.samples import api, client, credential, issuer
from tests.store_contract.test_migrations import command, move
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.limits import DatabaseLimits
from tokenbooth.server.stores.schema_state import schema_state
from tokenbooth.server.stores.sql import open_store

WAITING = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE datname = current_database() AND NOT granted AND locktype = 'relation'
"""


@pytest.fixture
async def old_url(databases):
    """A database as an older version left it, with a credential in it."""
    url = databases.empty()
    store = await open_store(url)
    await store.add_issuer(issuer())
    await store.add_api(api())
    await store.add_client(client(), [credential()])
    await store.close()
    await move(url, command.downgrade, "0002")
    return url


@contextlib.asynccontextmanager
async def long_transaction(url):
    """Somebody who reads credentials, and takes long."""
    reader = await asyncpg.connect(url)
    try:
        async with reader.transaction():
            await reader.fetch("SELECT id FROM credentials")
            yield
    finally:
        await reader.close()


async def test_a_migration_that_waits_for_a_lock_lets_others_go_first(old_url):
    limits = DatabaseLimits(migration_lock_seconds=0.5)
    node = await asyncpg.connect(old_url)
    watching = await asyncpg.connect(old_url)
    async with long_transaction(old_url):
        migrating = asyncio.create_task(open_store(old_url, limits=limits))
        await until(lambda: watching.fetchval(WAITING))

        # The long transaction does not end meanwhile, so they would wait for ever behind it.
        async with asyncio.timeout(60):
            assert await node.fetchval("SELECT label FROM credentials") == ""
            await node.execute("UPDATE credentials SET label = 'Ada'")
        assert not migrating.done()

    store = await migrating
    (registered,) = (await store.get_client("default", "ada")).credentials
    assert registered.label == "Ada"
    await store.close()
    await node.close()
    await watching.close()


async def test_a_migration_that_gets_no_lock_changes_nothing_and_says_so(old_url):
    limits = DatabaseLimits(migration_lock_seconds=0.1, migration_tries=2)
    async with long_transaction(old_url):
        with pytest.raises(StoreUnavailable, match="others held their locks all the time"):
            await open_store(old_url, limits=limits)

    assert (await schema_state(old_url)).database == "0002"
    await (await open_store(old_url)).close()
    assert (await schema_state(old_url)).is_up_to_date


async def test_indexes_on_large_tables_are_built_while_others_write(old_url):
    writer, watching = await asyncpg.connect(old_url), await asyncpg.connect(old_url)
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)"
    name = "ix_clients_token_lifetime"
    # Somebody who has written, and not yet committed: the build waits for the end of that.
    async with writer.transaction():
        await writer.execute("UPDATE clients SET name = 'Ada'")
        opening = asyncio.create_task(open_store(old_url))
        await until(lambda: watching.fetchval("SELECT to_regclass($1) IS NOT NULL", name))

        # Whoever else writes waits for nobody, and another node starts without the index.
        async with asyncio.timeout(60):
            other = await open_store(old_url)
            await other.add_client(client("eve"), [credential("cred2", "eve")])
            await other.replace_client(client("eve", token_lifetime=300))
        assert not opening.done()
        assert not await watching.fetchval(valid, name)

    store = await opening
    for name in ("ix_clients_token_lifetime", "ix_credentials_expires_at"):
        assert await watching.fetchval(valid, name)
    for each in (store, other, writer, watching):
        await each.close()


async def test_an_index_that_was_not_finished_is_built_at_the_next_start(old_url):
    await (await open_store(old_url)).close()
    admin = await asyncpg.connect(old_url)
    await admin.execute(
        "UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = 'ix_credentials_expires_at'::regclass"
    )
    await admin.execute("DROP INDEX ix_clients_token_lifetime")

    await (await open_store(old_url)).close()

    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)"
    for name in ("ix_credentials_expires_at", "ix_clients_token_lifetime"):
        assert await admin.fetchval(valid, name)
    await admin.close()
