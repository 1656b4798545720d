"""What is remembered of replays: the database's noes, and nothing else."""

import pytest

from tokenbooth.server.replays import KnownReplays
from tokenbooth.server.stores.contract import Claim, StoreUnavailable


class CountingStore:
    """The store of a service, which counts what it is asked and can be away."""

    def __init__(self, store):
        self.store = store
        self.asked = 0
        self.is_away = False

    async def claim(self, key, *, now, expires_at):
        self.asked += 1
        if self.is_away:
            raise StoreUnavailable("away")
        return await self.store.claim(key, now=now, expires_at=expires_at)


@pytest.fixture
def store(town):
    return CountingStore(town.store)


async def test_a_flood_of_one_replay_asks_the_database_once(store):
    replays = KnownReplays(store)
    first = await replays.claim("a", now=100, expires_at=160)

    again = [await replays.claim("a", now=101, expires_at=160) for _ in range(50)]

    assert first.won
    assert again == [Claim(won=False, claimed_at=100)] * 50
    assert store.asked == 2


async def test_another_process_learns_of_it_from_the_database(store):
    await KnownReplays(store).claim("a", now=100, expires_at=160)

    assert not (await KnownReplays(store).claim("a", now=100, expires_at=160)).won


async def test_what_expired_is_asked_anew(store):
    replays = KnownReplays(store)
    for _ in range(2):
        await replays.claim("a", now=100, expires_at=160)

    assert (await replays.claim("a", now=160, expires_at=220)).won


async def test_a_claim_that_nobody_decided_is_not_taken_for_lost(store):
    replays = KnownReplays(store)
    store.is_away = True
    with pytest.raises(StoreUnavailable):
        await replays.claim("a", now=100, expires_at=160)
    store.is_away = False

    assert (await replays.claim("a", now=100, expires_at=160)).won


async def test_memory_is_bounded_and_forgetting_lets_no_replay_through(store):
    replays = KnownReplays(store, capacity=3)
    for _ in range(2):
        for number in range(10):
            await replays.claim(f"a{number}", now=100, expires_at=160)

    assert len(replays._lost) == 3
    lost = [await replays.claim(f"a{number}", now=100, expires_at=160) for number in range(10)]
    assert not any(claim.won for claim in lost)
