"""The service keeps its issuers' keys: by schedule, once on all nodes, for every verifier."""

import random

import anyio
import pytest

from tests.server.booths import running
from tests.store_contract.samples import client as client_row
from tokenbooth.management.service.keys import schedule_keys
from tokenbooth.protocol.jwt import read_jwt, verify_jwt
from tokenbooth.protocol.keys import parse_key_set
from tokenbooth.server.key_keeping import KeyKeeper
from tokenbooth.server.keyring import Keyring
from tokenbooth.server.settings import Settings
from tokenbooth.server.signing import sign_jwt
from tokenbooth.server.stores.sql import open_store
from tokenbooth.server.vault import Vault, VaultError

HOUR = 3600.0
DAY = 24 * HOUR
DOT_NET = 12 * HOUR  # how long .NET's verifier caches a key set


def keeper_of(town, store=None):
    return KeyKeeper(store=store or town.store, vault=town.booth.vault, clock=town.clock)


async def signing(town):
    stored = await town.store.list_keys()
    return [key for key in stored if key.purpose == "sign" and key.issuer == "default"]


async def test_a_young_issuer_is_left_alone(town):
    keeper = keeper_of(town)
    assert await keeper.keep() == ()
    before = await town.store.revision()

    assert await keeper.keep() == ()

    assert await town.store.revision() == before


async def test_keys_are_made_published_used_retired_and_dropped_in_their_time(town, clock):
    keeper = keeper_of(town)
    (first,) = await signing(town)
    clock.travel(89 * DAY)

    made = await keeper.keep()

    assert {key.purpose for key in made} == {"sign", "seal"}
    await town.registry.refresh()
    assert len(town.issuer().keys.published) == 2
    assert town.issuer().keys.signing.public.kid == first.kid
    clock.travel(DAY)
    await town.registry.refresh()
    assert town.issuer().keys.signing.public.kid == next(k.kid for k in made if k.alg == "ES256")
    clock.travel(2 * HOUR)
    await town.registry.refresh()
    assert len(town.issuer().keys.published) == 1
    assert await keeper.keep() == ()
    clock.travel(DAY)
    await keeper.keep()
    assert first.kid not in {key.kid for key in await signing(town)}


async def test_each_issuer_goes_by_its_own_schedule(town, clock):
    await town.add_issuer("sandbox")
    await schedule_keys(town.booth, issuer="sandbox", lifetime_days=30)
    clock.travel(29 * DAY)

    assert {key.issuer for key in await keeper_of(town).keep()} == {"sandbox"}


async def test_a_retired_key_stays_for_the_longest_token_of_any_client(town, clock):
    await town.store.add_client(client_row("slow", token_lifetime=int(20 * DAY)))
    keeper = keeper_of(town)
    (first,) = await signing(town)
    clock.travel(89 * DAY)
    await keeper.keep()
    await town.store.delete_client("default", "slow")

    clock.travel(DAY + 20 * DAY)
    await keeper.keep()

    await town.registry.refresh()
    assert town.issuer().keys.verification(first.kid, "ES256") is not None


async def test_of_many_nodes_one_makes_the_key(town, clock):
    stores = [await open_store(town.booth.settings.database, clock=clock) for _ in range(4)]
    clock.travel(89 * DAY)
    made = []

    async def keep(store):
        made.extend(await keeper_of(town, store).keep())

    async with anyio.create_task_group() as group:
        for store in stores:
            group.start_soon(keep, store)

    assert len(await signing(town)) == 2
    kept = {key.kid for key in await town.store.list_keys()}
    assert {key.kid for key in made} <= kept
    for store in stores:
        await store.close()


async def test_a_node_with_an_older_master_key_makes_no_keys(town, clock):
    clock.travel(89 * DAY)
    keeper = KeyKeeper(store=town.store, vault=Vault(b"o" * 32), clock=clock)

    with pytest.raises(VaultError, match="another master key"):
        await keeper.keep()

    assert len(await signing(town)) == 1


async def test_the_service_keeps_its_keys_by_itself(database, clock):
    clock.travel(89 * DAY)
    settings = Settings(database=f"sqlite:///{database}", change_poll_seconds=0.01)
    async with running(settings, clock) as town:
        for _ in range(500):
            if len(town.issuer().keys.published) == 2:
                break
            await anyio.sleep(0.01)
        assert len(town.issuer().keys.published) == 2


async def test_verifiers_that_cache_keys_for_12_hours_never_meet_an_unknown_one(town, clock):
    await schedule_keys(town.booth, issuer="default", lifetime_days=20)
    keeper, keyring, dice = keeper_of(town), Keyring(town.booth.vault), random.Random(133)
    cached, fetched, tokens, kids = parse_key_set(b'{"keys":[]}'), -DAY, [], set()
    for _ in range(int(100 * DAY / (3 * HOUR))):
        await keeper.keep()
        now = clock.now()
        keys = keyring.as_of(now, "default", await town.store.list_keys())
        if clock.monotonic() - fetched >= DOT_NET:
            cached, fetched = parse_key_set(keys.jwks), clock.monotonic()
        token = await sign_jwt({"exp": now + HOUR}, keys.signing, typ="at+jwt")
        tokens = [(token, now + HOUR), *tokens][:3]
        for text, end in tokens:
            if now < end:
                unverified = read_jwt(text)
                (key,) = cached.candidates(unverified.kid, unverified.alg)
                verify_jwt(unverified, key)
                kids.add(unverified.kid)
        clock.travel(dice.uniform(1 * HOUR, 4 * HOUR))
    assert len(kids) >= 4


async def test_a_clock_that_is_set_back_leaves_a_key_in_use(town, clock):
    keeper = keeper_of(town)
    clock.travel(90 * DAY)
    await keeper.keep()
    clock.travel(DAY)
    for step in (-2 * DAY, -95 * DAY, 300 * DAY):
        clock.step(step)
        await keeper.keep()
        await town.registry.refresh()
        assert town.issuer().keys.signing is not None
        assert town.issuer().keys.sealing is not None
