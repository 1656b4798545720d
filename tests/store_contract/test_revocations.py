import asyncio

from tests.store_contract.samples import NOW, revocation
from tokenbooth.server.stores.contract import Claim


async def test_finds_what_is_revoked_at_that_issuer(store):
    await store.revoke([revocation("jti:1"), revocation("sid:1", issuer="sandbox")])

    assert await store.find_revoked("default", ["jti:1", "sid:1"]) == {"jti:1": None}
    assert await store.find_revoked("sandbox", ["jti:1", "sid:1"]) == {"sid:1": None}


async def test_finds_nothing_when_asked_for_nothing(store):
    assert await store.find_revoked("default", []) == {}


async def test_another_node_sees_a_revocation_at_once(store, other_store):
    for number in range(20):
        key = f"jti:{number}"
        assert await other_store.find_revoked("default", [key]) == {}

        await store.revoke([revocation(key)])

        assert await other_store.find_revoked("default", [key]) == {key: None}


async def test_an_entry_that_is_there_keeps_the_later_expiry(store):
    await store.revoke([revocation("a", expires_at=NOW + 10), revocation("b", expires_at=NOW)])
    await store.revoke([revocation("a", expires_at=NOW), revocation("b", expires_at=NOW + 10)])

    assert await store.forget_expired(NOW + 5) == 0
    assert await store.find_revoked("default", ["a", "b"]) == {"a": None, "b": None}


async def test_a_list_may_name_one_key_twice(store):
    await store.revoke([revocation(expires_at=NOW + 9), revocation(expires_at=NOW)])

    assert await store.forget_expired(NOW + 5) == 0


async def test_only_the_first_claim_wins(store, other_store):
    first = await store.claim("jti:1", now=NOW, expires_at=NOW + 60)
    second = await other_store.claim("jti:1", now=NOW + 1, expires_at=NOW + 61)

    assert first == Claim(won=True, claimed_at=NOW)
    assert second == Claim(won=False, claimed_at=NOW)


async def test_an_expired_claim_may_be_won_anew(store):
    await store.claim("jti:1", now=NOW, expires_at=NOW + 60)

    before = await store.claim("jti:1", now=NOW + 59.5, expires_at=NOW + 120)
    after = await store.claim("jti:1", now=NOW + 60, expires_at=NOW + 120)
    later = await store.claim("jti:1", now=NOW + 61, expires_at=NOW + 121)

    assert before == Claim(won=False, claimed_at=NOW)
    assert after == Claim(won=True, claimed_at=NOW + 60)
    assert later == Claim(won=False, claimed_at=NOW + 60)


async def test_one_of_many_tasks_wins(store, other_store):
    for number in range(10):
        claims = await asyncio.gather(
            *(
                each.claim(f"jti:{number}", now=NOW + moment, expires_at=NOW + 60)
                for moment in range(10)
                for each in (store, other_store)
            )
        )

        (winner,) = [claim for claim in claims if claim.won]
        assert {claim.claimed_at for claim in claims} == {winner.claimed_at}


async def test_forgets_what_expired(store):
    await store.revoke([revocation("old", expires_at=NOW), revocation("new", expires_at=NOW + 9)])
    await store.claim("old", now=NOW - 9, expires_at=NOW)
    await store.claim("new", now=NOW - 9, expires_at=NOW + 9)

    assert await store.forget_expired(NOW) == 0
    assert await store.forget_expired(NOW + 1) == 2
    assert await store.find_revoked("default", ["old", "new"]) == {"new": None}
    assert not (await store.claim("new", now=NOW + 1, expires_at=NOW + 9)).won


async def test_forgets_only_expired_claims_under_a_prefix(store):
    for key in ("dpop:old", "dpop_x:old", "jti:old", "DPOP:old"):
        await store.claim(key, now=NOW - 9, expires_at=NOW)
    await store.claim("dpop:new", now=NOW - 9, expires_at=NOW + 9)

    assert await store.forget_claims("dpop:", NOW) == 0
    assert await store.forget_claims("dpop_", NOW + 1) == 1
    assert await store.forget_claims("dpop:", NOW + 1) == 1
    assert not (await store.claim("dpop:new", now=NOW, expires_at=NOW + 9)).won


async def test_announces_no_change(store):
    await store.revoke([revocation()])
    await store.claim("jti:1", now=NOW, expires_at=NOW + 60)
    await store.forget_expired(NOW + 600)

    assert await store.revision() == 0
