"""Quotas drawn from one pool: to the token while it is there, and never a token more without it."""

import asyncio
import math

import anyio
import pytest

from tests.server.shared.conftest import eventually
from tests.server.test_quota import limited, taken
from tokenbooth.protocol.errors import TooManyRequests
from tokenbooth.server.outcome import Outcome


def is_up(town):
    return town.service.shared.is_up


async def take(town, client, times):
    return await taken(town.service.quotas, client, town.clock.now(), times=times)


def claims_of(town, monkeypatch):
    """The claims that its quotas make in the database from here on."""
    made, store = [], town.service.quotas._store
    claim = store.claim

    async def counted(key, **times):
        made.append(key)
        return await claim(key, **times)

    monkeypatch.setattr(town.service.quotas, "_store", _Counting(counted))
    return made


class _Counting:
    def __init__(self, claim):
        self.claim = claim


@pytest.mark.parametrize("quota", [1, 7, 99, 100, 101, 250, 1999])
async def test_all_nodes_together_grant_exactly_the_quota(two, quota):
    client = limited(quota)
    asking = [take(town, client, math.ceil(quota / 2) + 5) for town in two]

    assert sum(await asyncio.gather(*asking)) == quota


async def test_both_kinds_of_server_hand_out_to_the_token(node, either):
    async with node(either.url) as one, node(either.url) as other:
        granted = [await take(town, limited(250), 1) for _ in range(140) for town in (one, other)]

    assert sum(granted) == 250


async def test_a_client_within_one_percent_never_needs_the_database(two, monkeypatch):
    one, other = two
    made = [claims_of(town, monkeypatch) for town in two]

    assert await take(one, limited(200), 1) + await take(other, limited(200), 1) == 2
    assert made == [[], []]


async def test_nothing_is_lost_with_a_node_that_ends(node, server):
    async with node(server.url) as one, node(server.url) as other:
        assert await take(one, limited(1000), 15) == 15
        async with node(server.url) as third:
            assert await take(third, limited(1000), 7) == 7

        assert await take(other, limited(1000), 1000) == 978


async def test_a_node_that_comes_late_claims_what_is_free_at_once(two, monkeypatch):
    one, other = two
    assert await take(one, limited(50), 40) == 40

    made = claims_of(other, monkeypatch)
    assert await take(other, limited(50), 1) == 1
    assert len(made) == 1


async def test_killed_and_away_it_never_makes_a_quota_larger(two, server):
    one, other = two
    client = limited(1000)
    assert await take(one, client, 300) + await take(other, client, 300) == 600

    server.kill()
    # Not a single request fails for it: who has nothing left here claims a share.
    assert await take(one, client, 50) + await take(other, client, 50) == 100
    assert await take(one, client, 400) + await take(other, client, 400) in range(270, 301)


async def test_empty_again_it_never_makes_a_quota_larger(two, server):
    client = limited(1000)
    granted = await take(two[0], client, 300) + await take(two[1], client, 300)
    server.kill()
    await eventually(lambda: not any(is_up(town) for town in two))
    server.start()
    await eventually(lambda: all(is_up(town) for town in two))

    granted += await take(two[0], client, 500) + await take(two[1], client, 500)
    assert granted in range(980, 1001)


async def test_a_node_that_knew_nothing_gives_one_percent_anew_after_a_loss(node, server):
    client = limited(1000)
    async with node(server.url) as one, node(server.url) as other:
        granted = await take(one, client, 500)
        server.ask("FLUSHALL")
        granted += await take(other, client, 600)

    assert granted in range(1000, 1011)


async def test_a_memory_of_yesterday_is_not_believed(two, server):
    """A pool written by another life of the server: a replica that lagged, a backup."""
    one, _ = two
    client = limited(1000)
    assert await take(one, client, 15) == 15
    pool = next(word for word in server.ask("KEYS", "*:default:ada:*").split() if b":" in word)
    server.kill()
    server.start()
    server.ask("HSET", pool.decode(), "left", "900", "next", "1")
    await eventually(lambda: all(is_up(town) for town in two))

    assert await take(one, client, 2000) <= 985


async def test_frozen_it_keeps_requests_waiting_once_and_then_nobody(two, server):
    one, _ = two
    client = limited(5000)
    await take(one, client, 1)
    server.freeze()
    try:
        with anyio.fail_after(20):
            assert await take(one, client, 1) == 1  # waits, unless it was noticed before
        assert not is_up(one)
        calls = one.service.shared.calls
        assert await take(one, client, 200) == 200
        assert one.service.shared.calls == calls
    finally:
        server.thaw()
    await eventually(lambda: is_up(one))
    assert await take(one, client, 1) == 1


async def test_requests_that_wait_together_wait_no_longer_than_one(two, server):
    one, _ = two
    client = limited(5000)
    await take(one, client, 1)
    server.freeze()
    try:
        began = anyio.current_time()
        granted = await asyncio.gather(*(take(one, client, 1) for _ in range(50)))
        waited = anyio.current_time() - began
    finally:
        server.thaw()

    assert sum(granted) == 50
    assert one.service.shared.losses < 50
    assert waited < 20  # one after the other they would have taken 25 s


async def test_reached_from_one_node_alone_both_keep_the_quota(node, server):
    client = limited(1000)
    async with node(server.url) as one, node("redis://127.0.0.1:9") as cut_off:
        granted = await asyncio.gather(take(one, client, 900), take(cut_off, client, 900))

    assert sum(granted) in range(990, 1001)


async def test_with_the_database_away_the_pool_is_still_drawn_from(two, monkeypatch):
    one, other = two
    client = limited(10_000)
    assert await take(one, client, 150) == 150

    monkeypatch.setattr(other.service.quotas, "_store", None)
    assert await take(other, client, 50) == 50


async def test_who_is_over_the_quota_learns_when_the_next_hour_begins(two):
    one, other = two
    client = limited(3)
    await take(one, client, 3)

    with pytest.raises(TooManyRequests) as refused:
        await other.service.quotas.take(
            client, lifetime=60, now=one.clock.now(), outcome=Outcome("192.0.2.7")
        )
    assert refused.value.reason == "quota_used_up"
    assert 0 < refused.value.retry_after <= 3600


async def test_every_hour_brings_a_new_quota(two):
    one, other = two
    assert await take(one, limited(150), 200) == 150
    one.clock.travel(3600)  # it is the other's clock, too

    assert await take(other, limited(150), 200) == 150


async def test_what_it_remembers_ends_with_the_hour(two, server):
    one, _ = two
    await take(one, limited(500), 20)

    pool = next(word for word in server.ask("KEYS", "*:default:ada:*").split() if b":" in word)
    seconds = int(server.ask("TTL", pool.decode())[1:])
    assert 60 < seconds <= 3660


async def test_a_full_server_is_away_and_refuses_nobody(node, server):
    async with node(server.url) as one:
        client = limited(1000)
        assert await take(one, client, 15) == 15
        server.ask("CONFIG", "SET", "maxmemory", "1")
        assert await take(one, client, 100) == 100
        assert not is_up(one)
        assert one.service.shared.link.away_because == "full"
        server.ask("CONFIG", "SET", "maxmemory", "0")
        await eventually(lambda: is_up(one))


async def test_whatever_is_forgotten_when_no_more_than_a_percent_each_time_is_given_anew(
    node, server
):
    client, flushes = limited(600), 5
    async with node(server.url) as a, node(server.url) as b, node(server.url) as c:

        async def ask(town):
            return await take(town, client, 300)

        async def forget():
            for _ in range(flushes):
                await anyio.sleep(0.02)
                await anyio.to_thread.run_sync(server.ask, "FLUSHALL")

        *granted, _ = await asyncio.gather(ask(a), ask(b), ask(c), forget())
        rest = await take(a, client, 600) + await take(b, client, 600)

    assert 600 - flushes * 3 * 6 <= sum(granted) + rest <= 600 + flushes * 6
