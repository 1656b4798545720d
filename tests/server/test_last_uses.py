"""When credentials were last used: written later, and lost only in a crash."""

from dataclasses import replace

import pytest

from tests.server.booths import running
from tokenbooth.server.last_uses import LastUses
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.sql import open_store


@pytest.fixture
async def credential(town):
    await town.add_client()
    return (await town.store.get_client("default", "ada")).credentials[0]


async def last_use(town):
    credential = (await town.store.get_client("default", "ada")).credentials[0]
    return credential.last_used_at, credential.last_used_from


async def test_the_latest_use_is_written(town, credential, clock):
    uses = LastUses()
    uses.note(credential, at=clock.now(), source="192.0.2.1", agent=lambda: "curl/8")
    uses.note(credential, at=clock.now() + 5, source="192.0.2.2", agent=lambda: "curl/8")

    await uses.write(town.store)

    assert await last_use(town) == (clock.now() + 5, "192.0.2.2")


async def test_nothing_is_written_without_a_use(town, credential):
    await LastUses().write(town.store)

    assert await last_use(town) == (None, None)


async def test_is_kept_while_the_store_is_away(town, credential, clock, settings):
    uses = LastUses()
    uses.note(credential, at=clock.now(), source="192.0.2.1", agent=lambda: "curl/8")
    closed = await open_store(settings.database)
    await closed.close()
    with pytest.raises(StoreUnavailable):
        await uses.write(closed)

    await uses.write(town.store)

    assert await last_use(town) == (clock.now(), "192.0.2.1")


async def test_the_service_notes_the_address_that_a_trusted_proxy_tells(settings, clock):

    trusting = replace(settings, trusted_proxy="127.0.0.0/8")
    async with running(trusting, clock) as town:
        await town.add_api("persons", "https://persons.example.com", "persons:read")
        secret = await town.add_client()
        form = {
            "grant_type": "client_credentials",
            "client_id": "ada",
            "client_secret": secret.reveal(),
        }
        forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
        await town.http.post("/oauth2/token", data=form, headers=forwarded)
        await town.service.last_uses.write(town.store)

        assert await last_use(town) == (clock.now(), "203.0.113.9")


async def test_a_refused_use_is_none(town, credential):
    await town.token(town.booth.secrets.make("tag", "credential01"))
    await town.service.last_uses.write(town.store)

    assert await last_use(town) == (None, None)


class Counting:
    """Hands on to a store, and counts what is written at once."""

    def __init__(self, store) -> None:
        self._store = store
        self.written = []

    async def record_uses(self, uses):
        self.written.append(len(uses))
        await self._store.record_uses(uses)


async def test_is_written_as_fast_as_may_be_before_there_is_no_room(town, credential, clock):
    uses, store = LastUses(), Counting(town.store)
    for number in range(10_001):
        uses.note(credential, at=clock.now(), source=f"host {number}", agent=lambda: "curl/8")

    await uses.write(store)
    await uses.write(store)

    assert store.written == [1000, 9_001 // 60]
