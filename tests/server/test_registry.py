"""What the process knows of its clients and issuers, and how it hears of changes."""

import asyncio
from dataclasses import replace

import pytest

from tests.server.booths import BASE_URL, running
from tokenbooth.server.keyring import Keyring, new_signing_key
from tokenbooth.server.records import DEFAULT_ISSUER
from tokenbooth.server.registry import Registry
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.sql import SqlStore, open_store


class SlowStore(SqlStore):
    """The real store, whose answers travel for as long as a test wants."""

    held = None  # the name of the method whose answer is under way

    async def _travel(self, method, answer):
        if self.held == method:
            self.held = None
            self.arrived.set()
            await self.go.wait()
        return answer

    def hold(self, method):
        self.held, self.arrived, self.go = method, asyncio.Event(), asyncio.Event()

    async def get_client(self, issuer, client_id):
        return await self._travel("get_client", await super().get_client(issuer, client_id))

    async def list_issuers(self):
        return await self._travel("list_issuers", await super().list_issuers())

    async def changes_since(self, revision):
        return await self._travel("changes_since", await super().changes_since(revision))


@pytest.fixture
async def slow(town, settings):
    """A store on the same database; nothing that it reads arrives unless it may."""
    fast = await open_store(settings.database)
    yield SlowStore(fast._engine, town.clock)
    await fast.close()


@pytest.fixture
async def registry(town, slow):
    registry = Registry(
        store=slow,
        keyring=Keyring(town.booth.vault),
        dialects=town.booth.dialects,
        clock=town.clock,
        base_url=BASE_URL,
        cache_size=3,
    )
    await registry.refresh()
    return registry


async def is_enabled(registry, client_id="ada"):
    return (await registry.client(DEFAULT_ISSUER, client_id)).client.enabled


async def test_an_unknown_client_is_not_remembered(registry):
    assert await registry.client(DEFAULT_ISSUER, "nobody") is None
    assert not registry.remembered(DEFAULT_ISSUER, "nobody")


async def test_a_client_is_known_under_its_own_issuer_alone(town, registry):
    await town.add_issuer("sandbox")
    await town.add_client()

    assert await registry.client("sandbox", "ada") is None
    assert await registry.client(DEFAULT_ISSUER, "ada") is not None


async def test_no_more_clients_are_kept_than_the_setting_says(town, registry):
    for number in range(10):
        await town.add_client(f"client{number}")
        assert await registry.client(DEFAULT_ISSUER, f"client{number}")

    kept = [n for n in range(10) if registry.remembered(DEFAULT_ISSUER, f"client{n}")]
    assert kept == [7, 8, 9]


async def test_a_change_is_in_force_after_the_refresh(town, registry):
    await town.add_client()
    assert await is_enabled(registry)

    await town.change_client("ada", enabled=False)
    await registry.refresh()

    assert not await is_enabled(registry)


async def test_a_deleted_client_is_unknown_after_the_refresh(town, registry):
    await town.add_client()
    await registry.client(DEFAULT_ISSUER, "ada")

    await town.store.delete_client(DEFAULT_ISSUER, "ada")
    await registry.refresh()

    assert await registry.client(DEFAULT_ISSUER, "ada") is None


async def test_a_change_of_one_client_leaves_the_others_in_memory(town, registry):
    await town.add_client("ada")
    await town.add_client("bob")
    await registry.refresh()
    for client_id in ("ada", "bob"):
        await registry.client(DEFAULT_ISSUER, client_id)

    await town.change_client("ada", enabled=False)
    await registry.refresh()

    assert registry.remembered(DEFAULT_ISSUER, "bob")
    assert not registry.remembered(DEFAULT_ISSUER, "ada")


async def test_what_was_read_before_a_change_is_not_kept_after_it(town, registry, slow):
    await town.add_client()
    await registry.refresh()
    slow.hold("get_client")
    reading = asyncio.create_task(is_enabled(registry))
    await slow.arrived.wait()
    await town.change_client("ada", enabled=False)
    await registry.refresh()
    slow.go.set()
    await reading

    assert not await is_enabled(registry)


async def test_a_client_read_while_issuers_are_loaded_is_not_kept_when_it_changed(
    town, registry, slow
):
    await town.add_client()
    await registry.refresh()
    slow.hold("get_client")
    reading = asyncio.create_task(is_enabled(registry))
    await slow.arrived.wait()
    let_client_go = slow.go
    await town.change_client("ada", enabled=False)
    await town.add_api("news", "https://news.example.com", "news:read")
    slow.hold("list_issuers")
    refreshing = asyncio.create_task(registry.refresh())
    await slow.arrived.wait()

    let_client_go.set()
    await reading
    assert not await is_enabled(registry)
    slow.go.set()
    await refreshing
    assert not await is_enabled(registry)


@pytest.mark.parametrize("slow_answer", ["list_issuers", "changes_since"])
async def test_of_two_refreshes_at_once_the_newer_view_stays(town, registry, slow, slow_answer):
    await town.add_issuer("first")
    slow.hold(slow_answer)
    slower = asyncio.create_task(registry.refresh())
    await slow.arrived.wait()
    await town.add_issuer("second")
    faster = asyncio.create_task(registry.refresh())
    await asyncio.sleep(0)
    slow.go.set()
    await asyncio.gather(slower, faster)

    assert {"first", "second"} <= set(registry.issuers)


async def test_knows_nothing_old_when_the_changes_are_forgotten(town, registry, clock):
    await town.add_client()
    await registry.refresh()
    assert await is_enabled(registry)

    await town.change_client("ada", enabled=False)
    clock.travel(7200)  # the feed remembers an hour
    await town.add_client("bob")
    await registry.refresh()

    assert not registry.remembered(DEFAULT_ISSUER, "ada")
    assert not await is_enabled(registry)


async def test_a_failed_refresh_is_made_up_for_by_the_next(town, registry, database):
    await town.add_issuer("sandbox")
    aside = database.with_name("aside.db")
    database.rename(aside)
    with pytest.raises(StoreUnavailable):
        await registry.refresh()
    aside.rename(database)

    await registry.refresh()

    assert "sandbox" in registry.issuers


async def test_a_key_signs_when_its_time_has_come_without_any_change(town, registry, clock):
    following = new_signing_key(
        DEFAULT_ISSUER, "ES256", town.booth.vault, now=clock.now(), activates_at=clock.now() + 60
    )
    await town.store.add_key(following)
    await registry.refresh()
    assert registry.issuers[DEFAULT_ISSUER].keys.signing.public.kid != following.kid

    clock.travel(60)
    await registry.refresh()

    assert registry.issuers[DEFAULT_ISSUER].keys.signing.public.kid == following.kid


async def test_a_clock_that_is_set_back_takes_no_key_away(town, registry, clock):
    clock.step(-86_400)
    await town.add_client()
    await registry.refresh()
    before = registry.issuers[DEFAULT_ISSUER].keys.signing

    assert before is not None


async def test_a_change_is_in_force_within_a_second_without_being_asked(settings, clock):
    quick = replace(settings, change_poll_seconds=0.02)
    async with running(quick, clock) as town:
        await town.add_api("persons", "https://persons.example.com", "persons:read")
        secret = await town.add_client()
        assert (await town.token(secret)).status_code == 200
        other = await open_store(settings.database)
        registered = await other.get_client(DEFAULT_ISSUER, "ada")
        await other.replace_client(replace(registered.client, enabled=False))
        await other.close()

        await asyncio.sleep(1)

        assert (await town.token(secret)).status_code == 401
