"""Quotas: never a token more, whoever issues it, and an answer that teaches."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from tests.server.booths import running
from tokenbooth.protocol.errors import TooManyRequests
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.quota import HOUR, PREFIX, Quotas
from tokenbooth.server.records import Client, ClientPolicy
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.waste import WASTEFUL, Waste


def limited(quota, *, observe=False, client_id="ada"):
    return Client(
        issuer="default",
        client_id=client_id,
        created_at=0,
        updated_at=0,
        policy=ClientPolicy(quota_per_hour=quota, quota_observe=observe),
    )


async def taken(quotas, client, now, *, times):
    """How many of that many tokens are granted."""
    granted = 0
    for _ in range(times):
        try:
            await quotas.take(client, lifetime=60, now=now, outcome=Outcome("192.0.2.7"))
        except TooManyRequests:
            continue
        granted += 1
    return granted


@pytest.fixture
def logged(template, capsys):
    return lambda: json.loads(capsys.readouterr().err.splitlines()[-1])


@pytest.mark.parametrize("quota", [1, 2, 99, 100, 101, 250, 1999])
async def test_one_process_grants_exactly_the_quota(town, quota):
    quotas = Quotas(town.store)

    assert await taken(quotas, limited(quota), town.clock.now(), times=quota + 20) == quota


@pytest.mark.parametrize("quota", [1, 50, 300])
async def test_processes_together_never_grant_more_and_lose_a_share_each_at_most(town, quota):
    now, client = town.clock.now(), limited(quota)
    nodes = [Quotas(town.store) for _ in range(3)]

    async def ask(node):
        return await taken(node, client, now, times=quota)

    granted = sum(await asyncio.gather(*(ask(node) for node in nodes for _ in range(4))))

    assert granted <= quota
    assert granted == quota  # who asks on gets what is left, share by share


async def test_what_is_lost_with_an_idle_process_is_less_than_a_share(town):
    now, client = town.clock.now(), limited(1000)
    assert await taken(Quotas(town.store), client, now, times=1) == 1  # then it dies

    assert await taken(Quotas(town.store), client, now, times=1100) == 990


async def test_every_hour_brings_a_new_quota(town):
    quotas, client = Quotas(town.store), limited(3)
    hour = town.clock.now() // HOUR * HOUR

    assert await taken(quotas, client, hour + 3599.9, times=5) == 3
    assert await taken(quotas, client, hour + 3600.0, times=5) == 3
    assert await taken(quotas, client, hour + 3599.9, times=5) == 0  # the clock is set back


async def test_clients_and_a_changed_quota_count_for_themselves(town):
    quotas, now = Quotas(town.store), town.clock.now()

    assert await taken(quotas, limited(3), now, times=5) == 3
    assert await taken(quotas, limited(3, client_id="bob"), now, times=5) == 3
    assert await taken(quotas, limited(4), now, times=5) == 4
    assert await taken(quotas, limited(None), now, times=5) == 5


async def test_memory_is_bounded_and_forgetting_grants_nothing(town):
    quotas, now = Quotas(town.store, capacity=2), town.clock.now()
    for client_id in ("ada", "bob", "cleo"):
        assert await taken(quotas, limited(2, client_id=client_id), now, times=1) == 1

    assert len(quotas._clients) == 2
    assert await taken(quotas, limited(2), now, times=5) == 1


async def test_a_large_quota_asks_the_store_a_hundred_times_at_most(town):
    asked = []

    class Counting:
        async def claim(self, key, *, now, expires_at):
            asked.append(key)
            return await town.store.claim(key, now=now, expires_at=expires_at)

    assert await taken(Quotas(Counting()), limited(5000), town.clock.now(), times=5100) == 5000
    assert len(asked) == 100


async def test_without_the_store_nobody_can_tell_so_nothing_is_issued(town):
    class Away:
        async def claim(self, key, *, now, expires_at):
            raise StoreUnavailable("away")

    now, outcome = town.clock.now(), Outcome("192.0.2.7")
    with pytest.raises(StoreUnavailable):
        await Quotas(Away()).take(limited(1), lifetime=60, now=now, outcome=outcome)
    await Quotas(Away()).take(limited(1, observe=True), lifetime=60, now=now, outcome=outcome)


async def test_the_answer_teaches_to_keep_tokens(town):
    secret = await town.add_client(policy=ClientPolicy(quota_per_hour=2))
    town.clock.travel(HOUR - town.clock.now() % HOUR + 600)
    for _ in range(2):
        assert (await town.token(secret)).status_code == 200

    answer = await town.token(secret)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3000")
    assert answer.json() == {
        "error": "temporarily_unavailable",
        "error_description": "This client has had the 2 tokens that it may have in an hour. "
        "One lasts 3600 s: keep it, and ask for the next when it is about to end.",
    }
    # Asking about tokens and giving them back costs no quota.
    assert (await town.introspect(secret, "x")).status_code == 200

    town.clock.travel(3000)
    assert (await town.token(secret)).status_code == 200


async def test_two_services_on_one_database_share_a_quota(town, settings, clock):
    secret = await town.add_client(policy=ClientPolicy(quota_per_hour=7))
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(running(settings, clock))
        answers = await asyncio.gather(
            *(node.token(secret) for node in (town, other) for _ in range(10))
        )

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [429] * 13


async def test_a_watched_quota_refuses_nobody_and_is_logged(settings, clock, logged):
    async with running(settings, clock) as town:
        await town.add_api("persons", "https://persons.example.com", "persons:read")
        policy = ClientPolicy(quota_per_hour=1, quota_observe=True)
        secret = await town.add_client(policy=policy)

        assert (await town.token(secret)).status_code == 200
        assert "observed" not in logged()
        assert (await town.token(secret)).status_code == 200
        assert logged()["observed"] == ["quota_used_up"]


async def test_a_refused_request_costs_no_quota(town):
    secret = await town.add_client(policy=ClientPolicy(quota_per_hour=1))

    assert (await town.token(secret, scope="persons:drop")).status_code == 400
    assert (await town.token(secret)).status_code == 200


async def test_the_shares_of_past_hours_are_forgotten(town):
    await taken(Quotas(town.store), limited(5), town.clock.now(), times=5)

    assert await town.store.forget_claims(PREFIX, town.clock.now()) == 0
    assert await town.store.forget_claims(PREFIX, town.clock.now() + 2 * HOUR) == 5


# Hints


async def test_a_wasteful_client_is_told_so_and_an_orderly_one_is_not(town):
    secret = await town.add_client()

    for _ in range(WASTEFUL):
        assert "tokenbooth-hint" not in (await town.token(secret)).headers
    town.clock.travel(9)
    answer = await town.token(secret)
    assert answer.headers["tokenbooth-hint"] == (
        "21 tokens for this client within 10 s, and one lasts 3600 s: "
        "keep it, and ask for the next when it is about to end"
    )

    town.clock.travel(3600)
    assert "tokenbooth-hint" not in (await town.token(secret)).headers


def test_a_clock_that_is_set_back_makes_no_client_wasteful():
    waste = Waste()
    for _ in range(WASTEFUL):
        assert waste.hint(lifetime=60, now=1000.0) is None

    assert waste.hint(lifetime=60, now=500.0) is None
