"""A real booth on a database of its own, with a clock that tests travel with."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from argon2 import PasswordHasher

from tokenbooth.clock import TravelClock
from tokenbooth.management.people import passwords
from tokenbooth.management.service.apis import create_api
from tokenbooth.server.bootstrap import Booth, open_booth
from tokenbooth.server.settings import Settings


@pytest.fixture
def clock() -> TravelClock:
    return TravelClock()


@pytest.fixture(scope="session")
def two_apis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with two APIs; making one takes ten times as long as copying it."""
    path = tmp_path_factory.mktemp("two_apis") / "booth.db"

    async def make() -> None:
        made = await open_booth(Settings(database=f"sqlite:///{path}"), clock=TravelClock())
        await create_api(made, name="persons", audience="https://a.example.com", scopes="a b")
        await create_api(made, name="orders", audience="https://b.example.com", scopes="c d")
        await made.close()

    anyio.run(make)
    return path


@pytest.fixture
def template(two_apis: Path) -> Path:
    """The database that `booth` starts with a copy of; a file may choose another."""
    return two_apis


@pytest.fixture
async def booth(template: Path, tmp_path: Path, clock: TravelClock) -> AsyncIterator[Booth]:
    database = tmp_path / "booth.db"
    shutil.copyfile(template, database)
    shutil.copyfile(f"{template}.key", f"{database}.key")
    opened = await open_booth(Settings(database=f"sqlite:///{database}"), clock=clock)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def cheap_hasher() -> PasswordHasher:
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch, cheap_hasher: PasswordHasher) -> None:
    """Passwords at the least cost, for tests of everything but that cost."""
    monkeypatch.setattr(passwords, "_hasher", cheap_hasher)
