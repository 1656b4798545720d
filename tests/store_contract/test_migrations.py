"""Every migration on a database with rows in every table, down and up again."""

import asyncio

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Double, Integer, LargeBinary, inspect, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.store_contract.samples import NOW, api, client, credential, issuer, revocation
from tokenbooth.server.records import ClientPolicy
from tokenbooth.server.stores import schema
from tokenbooth.server.stores.postgres_driver import Servers
from tokenbooth.server.stores.sql import open_store
from tokenbooth.server.stores.sqlite import sqlite_path
from tokenbooth.server.stores.sqlite_driver import MIGRATION_WAIT, sql_engine
from tokenbooth.server.stores.tables import metadata

FOLDER = schema.__file__.replace("schema.py", "migrations")
REVISIONS = sorted(each.revision for each in ScriptDirectory(FOLDER).walk_revisions())
# Rows that an older program could only misread.
LEFT_BEHIND = {"revocations": lambda row, columns: "before" in columns or row["before"] is None}


async def work(url, do):
    """Do it in one transaction on the database, as the program migrates."""
    path = sqlite_path(url)
    if path is not None:
        engine = sql_engine(path, begin="BEGIN IMMEDIATE", wait=MIGRATION_WAIT, foreign_keys=False)

        def run():
            with engine.begin() as connection:
                return do(connection)

        try:
            return await asyncio.to_thread(run)
        finally:
            engine.dispose()
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=Servers(url).connect_to_migrate
    )
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(do)
    finally:
        await engine.dispose()


async def move(url, step, revision):
    def run(connection):
        config = Config()
        config.set_main_option("script_location", FOLDER)
        config.attributes["connection"] = connection
        step(config, revision)

    await work(url, run)


def made_up(column, number):
    """A value that says where it is; a reference has the value of what it refers to."""
    references = sorted(column.foreign_keys, key=lambda each: each.target_fullname)
    if column.nullable and number == 1:
        return None
    if references:
        return made_up(references[0].column, number)
    if isinstance(column.type, Boolean):
        return number == 0
    if isinstance(column.type, LargeBinary):
        return b"\0\xff" + bytes([number])
    if isinstance(column.type, (Integer, Double)):
        return number + (1.5 if isinstance(column.type, Double) else 7)
    return f"{column.name} {number} é"


def fill(connection):
    for table in metadata.sorted_tables:
        if table.name in ("feed", "audit_head"):  # of one row
            values = {column.name: made_up(column, 0) for column in table.c if column.name != "id"}
            connection.execute(table.update().values(values))
            continue
        for number in (0, 1):
            values = {column.name: made_up(column, number) for column in table.c}
            connection.execute(table.insert().values(values))


def contents(connection):
    """The rows of every table that is there, by its name."""
    found = {}
    for table in metadata.sorted_tables:
        if not inspect(connection).has_table(table.name):
            continue
        there = {each["name"] for each in inspect(connection).get_columns(table.name)}
        columns = [column for column in table.c if column.name in there]
        ordered = select(*columns).order_by(*table.primary_key.columns)
        found[table.name] = [dict(row) for row in connection.execute(ordered).mappings()]
    return found


def as_held_by(everything, older):
    """What the older schema can hold of everything."""
    held = {}
    for table, rows in everything.items():
        if table in older:
            columns = set(older[table][0])
            keeps = LEFT_BEHIND.get(table, lambda _row, _columns: True)
            held[table] = [
                {name: value for name, value in row.items() if name in columns}
                for row in rows
                if keeps(row, columns)
            ]
    return held


@pytest.fixture
async def filled_url(databases):
    url = databases.empty()
    await (await open_store(url)).close()
    await work(url, fill)
    return url


@pytest.mark.parametrize("revision", REVISIONS)
async def test_rows_of_every_table_survive_the_way_down_and_up(filled_url, revision):
    everything = await work(filled_url, contents)
    assert all(everything[table.name] for table in metadata.sorted_tables)

    await move(filled_url, command.downgrade, revision)
    older = await work(filled_url, contents)
    assert older == as_held_by(everything, older)

    await move(filled_url, command.upgrade, "head")
    again = await work(filled_url, contents)
    assert as_held_by(again, older) == older
    # Tables that were not there are as in a new database.
    new = {name: rows for name, rows in again.items() if name not in older}
    assert new.pop("audit_head", []) in ([], [{"id": 1, "seq": 0, "hash": ""}])
    assert not any(new.values())


@pytest.mark.parametrize("revision", REVISIONS)
async def test_the_way_down_and_up_leaves_the_tables_that_the_queries_use(filled_url, revision):
    await move(filled_url, command.downgrade, revision)
    store = await open_store(filled_url)
    await store.close()

    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert await work(filled_url, differences) == []


@pytest.fixture
async def used_url(url):
    store = await open_store(url)
    await store.add_issuer(issuer())
    await store.add_api(api())
    await store.add_client(client(policy=ClientPolicy(dpop_bound=True)), [credential()])
    await store.revoke([revocation("jti:1"), revocation("jti:2")])
    await store.revoke([revocation("client:ada", before=NOW)])
    await store.close()
    return url


async def test_records_survive_the_way_down_and_up_again(used_url):
    await move(used_url, command.downgrade, "0001")
    await move(used_url, command.upgrade, "head")

    store = await open_store(used_url, create=False)
    assert await store.list_issuers() == (issuer(),)
    assert await store.list_apis() == (api(),)
    registered = await store.get_client("default", "ada")
    assert (registered.client, registered.credentials) == (client(), (credential(),))
    # One that an older program would have taken for all tokens, whatever their age, is gone.
    assert await store.find_revoked("default", ["jti:1", "client:ada"]) == {"jti:1": None}
    await store.close()


async def test_revocations_from_before_the_feed_are_numbered_one_by_one(used_url):
    await move(used_url, command.downgrade, "0001")
    await move(used_url, command.upgrade, "head")

    store = await open_store(used_url)
    first = await store.revocations_since("default", 0, now=NOW, limit=1)
    second = await store.revocations_since("default", first.cursor, now=NOW, limit=9)
    await store.revoke([revocation("jti:3")])
    third = await store.revocations_since("default", second.cursor, now=NOW, limit=9)
    assert [[each.key for each in page.revocations] for page in (first, second, third)] == [
        ["jti:1"],
        ["jti:2"],
        ["jti:3"],
    ]
    await store.close()


async def test_passes_over_members_that_a_newer_program_wrote(used_url):
    written = """{"dpop_bound":true,"from_the_future":[1]}"""

    def write(connection):
        connection.execute(text("UPDATE clients SET policy = :policy"), {"policy": written})

    await work(used_url, write)

    store = await open_store(used_url)
    registered = await store.get_client("default", "ada")
    assert registered.client.policy == ClientPolicy(dpop_bound=True)
    await store.close()


async def test_a_program_goes_on_beside_a_newer_one_that_has_added_to_the_tables(used_url):
    store = await open_store(used_url)
    assert await store.get_client("default", "ada") is not None

    def expand(connection):
        # What a later version may do while this one runs; see docs/postgresql.md.
        connection.execute(text("ALTER TABLE clients ADD COLUMN later TEXT NOT NULL DEFAULT ''"))
        connection.execute(text("ALTER TABLE claims ADD COLUMN later TEXT"))
        connection.execute(text("ALTER TABLE feed ADD COLUMN later BIGINT NOT NULL DEFAULT 0"))
        connection.execute(text("CREATE TABLE later (id TEXT PRIMARY KEY)"))
        connection.execute(text("CREATE INDEX ix_later ON clients (later)"))

    await work(used_url, expand)

    assert await store.get_client("default", "ada") is not None
    await store.add_client(client("eve"))
    await store.replace_client(client(enabled=False))
    assert [each.client.client_id for each in await store.list_clients()] == ["ada", "eve"]
    assert (await store.claim("jti:1", now=NOW, expires_at=NOW + 1)).won
    await store.revoke([revocation("jti:9")])
    assert await store.find_revoked("default", ["jti:9"]) == {"jti:9": None}
    await store.check()
    await store.close()
