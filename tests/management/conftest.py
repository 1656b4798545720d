"""A real booth on a database of its own, with a clock that tests travel with."""

from collections.abc import AsyncIterator
from pathlib import Path

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


@pytest.fixture
async def booth(tmp_path: Path, clock: TravelClock) -> AsyncIterator[Booth]:
    opened = await open_booth(Settings(database=f"sqlite:///{tmp_path}/booth.db"), clock=clock)
    await create_api(opened, name="persons", audience="https://a.example.com", scopes="a b")
    await create_api(opened, name="orders", audience="https://b.example.com", scopes="c d")
    yield opened
    await opened.close()


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords at the least cost, for tests of everything but that cost."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", cheap)
