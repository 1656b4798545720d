"""One contract for every store: each test runs once per kind of database."""

import shutil
from itertools import count

import anyio
import pytest

from tests.postgres import PostgresDatabases, installed_versions, postgres_server, version_of
from tests.store_contract.samples import api, issuer
from tokenbooth.clock import TravelClock
from tokenbooth.server.stores.sql import open_store
from tokenbooth.server.stores.tables import metadata

SQLITE = "sqlite"
# The whole contract holds on the newest PostgreSQL. Of an older one it is enough to know that it
# reads our SQL as the newest does, wherever that is more than plain selects and inserts.
*OLDER, NEWEST = installed_versions()
ON_EVERY_VERSION = (
    "test_archive",
    "test_changes",
    "test_counts",
    "test_life",
    "test_migrations",
    "test_requests",
    "test_revocation_order",
    "test_revocations",
    "test_round_trip",
    "test_schema_state",
)
TABLES = [table.name for table in reversed(metadata.sorted_tables)]


def pytest_generate_tests(metafunc):
    if "databases" in metafunc.fixturenames:
        name = metafunc.module.__name__.rpartition(".")[2]
        versions = [*OLDER, NEWEST] if name in ON_EVERY_VERSION else [NEWEST]
        metafunc.parametrize(
            "databases",
            [SQLITE, *versions],
            ids=[SQLITE, *map(version_of, versions)],
            indirect=True,
            scope="session",
        )


class SqliteDatabases:
    """Databases in files; a new one is a copy of one that was migrated before."""

    missing = "There is no database"

    def __init__(self, folder):
        self._folder = folder
        self._numbers = count()
        self._template = folder / "template.db"
        # Here, where no event loop runs yet.
        anyio.run(self._make_template)

    def empty(self):
        """The URL of a database that is not there yet."""
        return f"sqlite:///{self._folder}/empty{next(self._numbers)}.db"

    def migrated(self):
        """The URL of a database with its tables and no rows."""
        path = self._folder / f"new{next(self._numbers)}.db"
        shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"

    def give_back(self, url, tables):
        """Leave the file: copying another one is cheap."""

    async def _make_template(self):
        store = await open_store(f"sqlite:///{self._template}")
        await store.close()


@pytest.fixture(scope="session")
def databases(request, tmp_path_factory):
    if request.param == SQLITE:
        yield SqliteDatabases(tmp_path_factory.mktemp("databases"))
        return
    with postgres_server(request.param) as server:
        made = PostgresDatabases(server)
        made.make_template(lambda url: anyio.run(migrate, url))
        yield made


async def migrate(url):
    await (await open_store(url)).close()


@pytest.fixture
def url(databases):
    url = databases.migrated()
    yield url
    databases.give_back(url, TABLES)


@pytest.fixture
def clock():
    return TravelClock()


@pytest.fixture
async def store(url, clock):
    store = await open_store(url, clock=clock)
    yield store
    await store.close()


@pytest.fixture
def emptied(store):
    """Take every row out of the store, and return it for the next example."""

    def empty(connection):
        for table in reversed(metadata.sorted_tables):
            if table.name == "feed":
                connection.execute(table.update().values(revision=0, revocation_seq=0))
            elif table.name == "audit_head":
                connection.execute(table.update().values(seq=0, hash=""))
            else:
                connection.execute(table.delete())

    async def run():
        await store._engine.write(empty)
        return store

    return run


@pytest.fixture
async def other_store(store, url, clock):
    """What another node has open on the same database."""
    other = await open_store(url, clock=clock)
    yield other
    await other.close()


@pytest.fixture
async def filled(store):
    """The store, with the issuers `default` and `sandbox` and an API `persons` at each."""
    for name in ("default", "sandbox"):
        await store.add_issuer(issuer(name))
        await store.add_api(api(issuer=name))
    return store
