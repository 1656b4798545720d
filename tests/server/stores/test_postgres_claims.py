"""Many claims in one statement are as exact as one by one."""

import asyncio
from collections import Counter

import pytest

from tokenbooth.server.stores.contract import StoreError, StoreUnavailable
from tokenbooth.server.stores.postgres_claims import PostgresClaims
from tokenbooth.server.stores.sql import open_store


async def test_of_all_who_claim_a_key_at_once_on_two_nodes_one_wins(store, url):
    other = await open_store(url)
    asked = [(node, f"jti:{number}") for number in range(150) for node in (store, other) * 2]

    claims = await asyncio.gather(
        *(
            node.claim(key, now=float(place), expires_at=1e9)
            for place, (node, key) in enumerate(asked)
        )
    )

    won = Counter(key for (_, key), claim in zip(asked, claims, strict=True) if claim.won)
    assert won == {f"jti:{number}": 1 for number in range(150)}
    told = {}
    for (_, key), claim in zip(asked, claims, strict=True):
        told.setdefault(key, set()).add(claim.claimed_at)
    assert all(len(moments) == 1 for moments in told.values())  # everybody hears of the winner
    await other.close()


async def test_what_one_of_them_asks_for_is_no_fault_of_the_others(store):
    keys = ["a", "nothing that PostgreSQL stores: \0", "b", "\ud800", "c"]

    claims = await asyncio.gather(
        *(store.claim(key, now=1.0, expires_at=2.0) for key in keys), return_exceptions=True
    )

    refused = [claims[1], claims[3]]
    assert all(
        isinstance(each, StoreError) and not isinstance(each, StoreUnavailable) for each in refused
    )
    assert [claims[place].won for place in (0, 2, 4)] == [True] * 3


async def test_one_who_does_not_wait_for_the_answer_disturbs_nobody(store):
    claiming = [
        asyncio.create_task(store.claim(f"jti:{number}", now=1.0, expires_at=2.0))
        for number in range(10)
    ]
    await asyncio.sleep(0)
    claiming[3].cancel()
    outcomes = await asyncio.gather(*claiming, return_exceptions=True)

    assert isinstance(outcomes.pop(3), asyncio.CancelledError)
    assert all(claim.won for claim in outcomes)


async def test_closing_answers_whoever_has_asked(url):
    store = await open_store(url)
    claiming = [
        asyncio.create_task(store.claim(f"jti:{number}", now=1.0, expires_at=2.0))
        for number in range(10)
    ]
    await asyncio.sleep(0)

    await store.close()

    assert all([(await claim).won for claim in claiming])
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.claim("jti:1", now=1.0, expires_at=2.0)


async def test_a_claim_that_ran_out_is_won_again(store):
    await store.claim("jti:1", now=1.0, expires_at=2.0)

    claims = await asyncio.gather(
        *(store.claim("jti:1", now=now, expires_at=9.0) for now in (2.0, 3.0))
    )

    assert [(claim.won, claim.claimed_at) for claim in claims] == [(True, 2.0), (False, 2.0)]


async def test_those_who_come_while_a_statement_is_under_way_share_the_next():
    statements, may_go_on = [], asyncio.Event()

    async def change(_statement, keys, *_times):
        statements.append(keys)
        await may_go_on.wait()
        return [(key,) for key in keys]

    claims = PostgresClaims(change=change, look=change)
    first = asyncio.create_task(claims.claim("a", now=1.0, expires_at=2.0))
    await asyncio.sleep(0.01)
    later = [
        asyncio.create_task(claims.claim(key, now=1.0, expires_at=2.0)) for key in ("d", "b", "c")
    ]
    await asyncio.sleep(0.01)
    may_go_on.set()
    await asyncio.gather(first, *later)

    assert statements == [["a"], ["b", "c", "d"]]


async def test_claims_that_come_and_go_while_they_are_read_decide_nothing():
    async def nothing(*_asked):
        return []

    claims = PostgresClaims(change=nothing, look=nothing)

    with pytest.raises(StoreUnavailable, match="came and went"):
        await claims.claim("a", now=1.0, expires_at=2.0)
