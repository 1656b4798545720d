"""One PostgreSQL server for the files here that need one."""

import anyio
import asyncpg
import pytest

from tests.postgres import FAST, PostgresDatabases, installed_versions, postgres_server
from tests.store_contract.samples import issuer
from tokenbooth.server.stores.sql import open_store


async def _migrate(url):
    await (await open_store(url)).close()


@pytest.fixture(scope="session")
def server():
    settings = {**FAST, "deadlock_timeout": "100ms"}
    with postgres_server(installed_versions()[-1], settings) as server:
        yield server


@pytest.fixture(scope="session")
def databases(server):
    databases = PostgresDatabases(server, prefix="own")
    databases.make_template(lambda url: anyio.run(_migrate, url))
    return databases


@pytest.fixture
def url(databases):
    return databases.migrated()


@pytest.fixture
async def store(url):
    store = await open_store(url)
    await store.add_issuer(issuer())
    yield store
    await store.close()


@pytest.fixture
async def admin(url):
    """Another session on the same database, of somebody who may do everything."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()
