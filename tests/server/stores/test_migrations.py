"""Each migration on a database with rows, up and down."""

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from tests.store_contract.samples import NOW, api, client, credential, issuer, revocation
from tokenbooth.server.records import ClientPolicy
from tokenbooth.server.stores import schema
from tokenbooth.server.stores.sql import open_store
from tokenbooth.server.stores.sqlite_driver import MIGRATION_WAIT, sql_engine


@pytest.fixture
def file(tmp_path):
    return tmp_path / "booth.db"


@pytest.fixture
def url(file):
    return f"sqlite:///{file}"


@pytest.fixture
def engine(file):
    return sql_engine(file, begin="BEGIN IMMEDIATE", wait=MIGRATION_WAIT, foreign_keys=False)


@pytest.fixture
def move(engine):
    """Bring the database to a revision, as the program does: in one transaction."""

    def run(step, revision):
        config = Config()
        config.set_main_option(
            "script_location", schema.__file__.replace("schema.py", "migrations")
        )
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            step(config, revision)

    return run


async def fill(url):
    store = await open_store(url)
    await store.add_issuer(issuer())
    await store.add_api(api())
    await store.add_client(client(policy=ClientPolicy(dpop_bound=True)), [credential()])
    await store.revoke([revocation("jti:1"), revocation("jti:2")])
    await store.revoke([revocation("client:ada", before=NOW)])
    await store.close()


async def test_rows_survive_the_way_down_and_up_again(url, move):
    await fill(url)

    move(command.downgrade, "0001")
    move(command.upgrade, "head")

    store = await open_store(url, create=False)
    assert await store.list_issuers() == (issuer(),)
    assert await store.list_apis() == (api(),)
    registered = await store.get_client("default", "ada")
    assert (registered.client, registered.credentials) == (client(), (credential(),))
    await store.close()


async def test_revocations_from_before_the_feed_are_numbered_one_by_one(url, move):
    await fill(url)

    move(command.downgrade, "0001")
    move(command.upgrade, "head")

    store = await open_store(url)
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


async def test_the_way_down_keeps_no_revocation_that_would_grow(url, move):
    await fill(url)

    move(command.downgrade, "0001")
    move(command.upgrade, "head")

    store = await open_store(url)
    assert await store.find_revoked("default", ["jti:1", "client:ada"]) == {"jti:1": None}
    await store.close()


async def test_passes_over_members_that_a_newer_program_wrote(url, engine):
    await fill(url)
    with engine.begin() as connection:
        written = """{"dpop_bound":true,"from_the_future":[1]}"""
        connection.execute(text("UPDATE clients SET policy = :policy"), {"policy": written})

    store = await open_store(url)
    registered = await store.get_client("default", "ada")
    assert registered.client.policy == ClientPolicy(dpop_bound=True)
    await store.close()
