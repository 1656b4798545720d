"""A running token service on a copied database, whose clock only tests move."""

import io
import shutil
import sys
from itertools import count

import anyio
import pytest

from tests.server.booths import ORDERS, PERSONS, make_template, running
from tokenbooth.clock import TravelClock
from tokenbooth.server.logs import configure_logs
from tokenbooth.server.settings import Settings

_numbers = count()


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    configure_logs("json", "info")
    path = tmp_path_factory.mktemp("template") / "booth.db"
    anyio.run(make_template, Settings(database=f"sqlite:///{path}"), TravelClock())
    return path


@pytest.fixture
def clock():
    return TravelClock()


@pytest.fixture
def database(template, tmp_path):
    """The path of a database with the issuer `default`; its master key lies beside it."""
    path = tmp_path / f"booth{next(_numbers)}.db"
    shutil.copyfile(template, path)
    shutil.copyfile(f"{template}.key", f"{path}.key")
    return path


@pytest.fixture
def settings(database):
    # Changes are taken over when a test says so, not by the time.
    url = f"sqlite:///{database}"
    return Settings(database=url, change_poll_seconds=60.0, log_format="json")


@pytest.fixture
async def empty_town(settings, clock):
    async with running(settings, clock) as town:
        yield town


@pytest.fixture
async def town(empty_town):
    """The service with two APIs, `persons` and `orders`, and no client."""
    await empty_town.add_api("persons", PERSONS, "persons:read persons:write")
    await empty_town.add_api("orders", ORDERS, "orders:read")
    return empty_town


@pytest.fixture
def log(template):
    """What the service logs from here on."""
    written = io.TextIOWrapper(io.BytesIO())
    usual, sys.stderr = sys.stderr, written
    configure_logs("json", "info")
    yield lambda: written.buffer.getvalue().decode()
    sys.stderr = usual
    configure_logs("json", "info")
