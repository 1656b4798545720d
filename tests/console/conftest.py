"""A service with an operator, two accounts and their people, and its console."""

import io
import shutil
import sys
from contextlib import AsyncExitStack
from itertools import count

import anyio
import pytest
from argon2 import PasswordHasher

from tests.console.people import PASSWORD, make_people, running
from tests.server.booths import BASE_URL
from tokenbooth.clock import TravelClock
from tokenbooth.management.people import passwords
from tokenbooth.server.logs import configure_logs
from tokenbooth.server.settings import Settings

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_numbers = count()


@pytest.fixture(scope="session")
def people_template(tmp_path_factory):
    configure_logs("json", "info")
    path = tmp_path_factory.mktemp("people") / "booth.db"

    password_hash = CHEAP.hash(PASSWORD)
    settings = Settings(database=f"sqlite:///{path}")
    anyio.run(make_people, settings, TravelClock(), password_hash)
    return path


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch):
    """Passwords at the least cost: what they cost is tested where they are hashed."""
    monkeypatch.setattr(passwords, "_hasher", CHEAP)


@pytest.fixture
def clock():
    return TravelClock()


@pytest.fixture
def log(people_template):
    """What is logged from here on; ask for it before `town`."""
    written = io.TextIOWrapper(io.BytesIO())
    usual, sys.stderr = sys.stderr, written
    configure_logs("json", "info")
    yield lambda: written.buffer.getvalue().decode()
    sys.stderr = usual
    configure_logs("json", "info")


@pytest.fixture
def settings(people_template, tmp_path):
    """What the service runs with; a test may replace it by one with more."""
    path = tmp_path / f"people{next(_numbers)}.db"
    shutil.copyfile(people_template, path)
    shutil.copyfile(f"{people_template}.key", f"{path}.key")
    # Changes are taken over when a test says so, not by the time.
    return Settings(
        database=f"sqlite:///{path}",
        issuer_url=BASE_URL,
        change_poll_seconds=60.0,
        log_format="json",
    )


@pytest.fixture
async def town(settings, clock):
    """The service; `await town.sign_in("owner")` is a browser of somebody in PEOPLE."""
    async with running(settings, clock) as made:
        yield made


@pytest.fixture
async def open_town(clock):
    """`await open_town(settings)` runs the service with other settings."""
    async with AsyncExitStack() as stack:
        yield lambda settings: stack.enter_async_context(running(settings, clock))


@pytest.fixture
async def operator(town):
    return await town.sign_in("operator")


@pytest.fixture
async def owner(town):
    """The owner of the account acme."""
    return await town.sign_in("owner")


@pytest.fixture
async def member(town):
    """A member of the account acme."""
    return await town.sign_in("member")


@pytest.fixture
async def stranger(town):
    """The owner of another account, globex."""
    return await town.sign_in("stranger")
