"""One contract for every store: each test runs once per kind of database."""

import shutil
from itertools import count

import anyio
import pytest

from tests.postgres import PostgresDatabases, installed_versions, postgres_server, version_of
from tests.store_contract.samples import api, issuer
from tokenbooth.clock import TravelClock
from tokenbooth.server.stores.sql import open_store

POSTGRES = installed_versions()


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

    async def _make_template(self):
        store = await open_store(f"sqlite:///{self._template}")
        await store.close()


@pytest.fixture(
    scope="session", params=[None, *POSTGRES], ids=["sqlite", *map(version_of, POSTGRES)]
)
def databases(request, tmp_path_factory):
    if request.param is None:
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
    return databases.migrated()


@pytest.fixture
def clock():
    return TravelClock()


@pytest.fixture
async def store(url, clock):
    store = await open_store(url, clock=clock)
    yield store
    await store.close()


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
