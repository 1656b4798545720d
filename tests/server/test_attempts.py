"""Failure budgets and allow-lists at the service: who is slowed, who is refused, who never is."""

import json
from contextlib import AsyncExitStack
from dataclasses import replace

import httpx2
import pytest

from tests.server.booths import BASE_URL, PERSONS, running
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.authenticated import REFUSAL
from tokenbooth.server.records import ClientPolicy
from tokenbooth.server.secrets import SecretOffice

HOME = "192.0.2.7"
ELSEWHERE = "198.51.100.9"
WRONG = Secret("wrong")


@pytest.fixture
async def start(settings, clock):
    """Run the service with these settings and an API."""
    async with AsyncExitStack() as stack:

        async def run(**changes):
            town = await stack.enter_async_context(running(replace(settings, **changes), clock))
            await town.add_api("persons", PERSONS, "persons:read")
            return town

        yield run


@pytest.fixture
def logged(template, capsys):
    """The last line of the log."""
    return lambda: json.loads(capsys.readouterr().err.splitlines()[-1])


class From:
    """Requests from one address."""

    def __init__(self, town, address, *, headers=None):
        transport = httpx2.ASGITransport(town.app, client=(address, 4711))
        self._http = httpx2.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)

    async def ask(self, secret, client_id="ada", path="/oauth2/token", **form):
        form = {"grant_type": "client_credentials", "token": "x"} | form
        form |= {"client_id": client_id, "client_secret": secret.reveal()}
        return await self._http.post(path, data=form)

    async def statuses(self, times, secret, **form):
        return [(await self.ask(secret, **form)).status_code for _ in range(times)]


async def test_guessing_is_slowed_and_the_real_client_elsewhere_is_served(start):
    town = await start()
    secret = await town.add_client()

    told = await From(town, ELSEWHERE).statuses(200, WRONG)
    refused = await From(town, ELSEWHERE).ask(WRONG)
    served = await From(town, HOME).ask(secret)

    assert told == [401] * 20 + [429] * 180
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "15"
    assert refused.headers["cache-control"] == "no-store"
    assert refused.json() == {
        "error": "temporarily_unavailable",
        "error_description": "Too many failed attempts to authenticate as this client came from "
        "this address. Check the credentials, and try again in 15 s.",
    }
    assert served.status_code == 200


async def test_who_shares_an_address_with_a_guesser_is_not_locked_out_with_it(start):
    town = await start(failures_per_client=2, failures_per_source=2)
    secret = await town.add_client()
    neighbour = From(town, ELSEWHERE)
    await neighbour.statuses(5, WRONG)

    assert await neighbour.statuses(3, secret) == [200] * 3


async def test_a_wrong_secret_of_our_own_form_is_slowed_as_well(start):
    town = await start(failures_per_client=2)
    await town.add_client()
    well_formed = SecretOffice(b"another pepper").make("tag123", "credential01")

    assert await From(town, HOME).statuses(5, well_formed) == [401] * 2 + [429] * 3


async def test_a_client_that_does_not_exist_is_slowed_alike(start):
    town = await start(failures_per_client=2)
    await town.add_client("ada")
    guesser = From(town, ELSEWHERE)

    answers = {}
    for client_id in ("ada", "nobody"):
        answers[client_id] = [
            (answer.status_code, answer.content, answer.headers.get("retry-after"))
            for answer in [await guesser.ask(WRONG, client_id=client_id) for _ in range(4)]
        ]

    assert answers["ada"] == answers["nobody"]
    assert [status for status, _, _ in answers["ada"]] == [401, 401, 429, 429]


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"])
async def test_every_endpoint_draws_on_the_same_budget(start, path):
    town = await start(failures_per_client=2)
    await town.add_client()
    caller = From(town, ELSEWHERE)

    assert await caller.statuses(3, WRONG, path=path) == [401, 401, 429]
    for other in ("/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"):
        assert (await caller.ask(WRONG, path=other)).status_code == 429


async def test_a_source_that_tries_many_clients_is_slowed_for_all_of_them(start):
    town = await start(failures_per_source=5)
    secret = await town.add_client()
    caller = From(town, ELSEWHERE)

    told = [(await caller.ask(WRONG, client_id=f"guess{n}")).status_code for n in range(7)]

    assert told == [401] * 5 + [429] * 2
    assert (await caller.ask(WRONG)).status_code == 429
    assert (await From(town, HOME).ask(secret)).status_code == 200


async def test_a_guess_is_looked_at_again_when_the_wait_is_over(start):
    town = await start(failures_per_client=2, failure_window_seconds=60.0)
    await town.add_client()
    caller = From(town, HOME)
    await caller.statuses(2, WRONG)
    wait = int((await caller.ask(WRONG)).headers["retry-after"])

    town.clock.travel(wait)

    assert (await caller.ask(WRONG)).status_code == 401


async def test_right_secrets_and_missing_ones_use_nothing_up(start):
    town = await start(failures_per_client=2, failures_per_source=2)
    secret = await town.add_client(auth_methods=("client_secret_basic",))

    told = [(await town.ask("/oauth2/token", grant_type="client_credentials")) for _ in range(5)]
    assert {answer.status_code for answer in told} == {401}
    # The secret is right, and sent in a way that is not this client's.
    assert set(await From(town, HOME).statuses(5, secret)) == {401}
    await town.change_client("ada", auth_methods=("client_secret_post",))
    assert set(await From(town, HOME).statuses(5, secret)) == {200}


async def test_watching_alone_refuses_nobody_and_logs_whom_it_would(start, logged):
    town = await start(failures_per_client=2, failures_observe=True)
    secret = await town.add_client()
    caller = From(town, HOME)

    assert await caller.statuses(4, WRONG) == [401] * 4

    last = logged()
    assert (last["event"], last["observed"]) == ("refused", ["failures_of_client"])
    assert (await caller.ask(secret)).status_code == 200


async def test_the_log_says_which_budget_is_used_up(start, logged):
    town = await start(failures_per_client=1)
    await town.add_client()
    await From(town, HOME).statuses(2, WRONG)

    last = logged()
    assert (last["reason"], last["status"], last["source"]) == ("failures_of_client", 429, HOME)


async def test_callers_behind_a_trusted_proxy_are_told_apart(start):
    town = await start(failures_per_client=2, trusted_proxy="10.0.0.0/8")
    secret = await town.add_client()
    forwarded = [
        From(town, "10.1.1.1", headers={"X-Forwarded-For": source}) for source in (ELSEWHERE, HOME)
    ]

    assert await forwarded[0].statuses(3, WRONG) == [401, 401, 429]
    assert (await forwarded[1].ask(secret)).status_code == 200


async def test_nobody_escapes_by_a_forwarded_address_that_no_proxy_wrote(start):
    town = await start(failures_per_client=2)
    await town.add_client()

    told = []
    for number in range(3):
        caller = From(town, ELSEWHERE, headers={"X-Forwarded-For": f"203.0.113.{number}"})
        told.append((await caller.ask(WRONG)).status_code)

    assert told == [401, 401, 429]


async def test_the_failures_of_an_exempt_network_slow_nobody(start):
    town = await start(failures_per_client=1, failures_exempt="198.51.100.0/24")
    secret = await town.add_client()

    assert await From(town, ELSEWHERE).statuses(5, WRONG) == [401] * 5
    assert (await From(town, ELSEWHERE).ask(secret)).status_code == 200
    assert await From(town, HOME).statuses(2, WRONG) == [401, 429]


# Allow-lists


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        (("192.0.2.0/24",), "192.0.2.7", 200),
        (("192.0.2.0/24",), "::ffff:192.0.2.7", 200),
        (("::ffff:192.0.2.0/120",), "192.0.2.7", 200),
        (("203.0.113.5", "192.0.2.7"), "192.0.2.7", 200),
        (("2001:db8::/32",), "2001:db8:1::9", 200),
        (("192.0.2.0/24",), "198.51.100.9", 401),
        (("192.0.2.0/24",), "::ffff:198.51.100.9", 401),
        (("2001:db8::/32",), "2001:db9::1", 401),
        (("0.0.0.0/0",), "2001:db8::1", 401),
        (("0.0.0.0/0", "::/0"), "unknown", 401),
    ],
)
async def test_a_client_calls_from_its_networks_alone(start, networks, address, status):
    town = await start()
    secret = await town.add_client(policy=ClientPolicy(networks=networks))

    assert (await From(town, address).ask(secret)).status_code == status


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"])
async def test_a_good_secret_from_elsewhere_gets_the_common_refusal(start, path, logged):
    town = await start()
    secret = await town.add_client(policy=ClientPolicy(networks=("192.0.2.0/24",)))
    caller = From(town, ELSEWHERE)

    elsewhere = await caller.ask(secret, path=path)
    reason = logged()["reason"]
    wrong = await caller.ask(WRONG, client_id="nobody", path=path)

    assert reason == "network_not_allowed"
    assert (elsewhere.status_code, elsewhere.content) == (wrong.status_code, wrong.content)
    assert elsewhere.json()["error_description"] == REFUSAL


async def test_from_elsewhere_not_even_a_wrong_method_tells_that_the_secret_is_right(start):
    town = await start()
    policy = ClientPolicy(networks=("192.0.2.0/24",))
    secret = await town.add_client(policy=policy, auth_methods=("client_secret_basic",))

    elsewhere = await From(town, ELSEWHERE).ask(secret)
    here = await From(town, HOME).ask(secret)

    assert elsewhere.json()["error_description"] == REFUSAL
    assert "must use client_secret_basic" in here.json()["error_description"]


async def test_calls_from_elsewhere_use_up_no_budget_for_failures(start):
    town = await start(failures_per_client=2)
    secret = await town.add_client(policy=ClientPolicy(networks=("192.0.2.0/24",)))

    assert await From(town, ELSEWHERE).statuses(4, secret) == [401] * 4


async def test_watched_networks_refuse_nobody_and_log_whom_they_would(start, logged):
    town = await start()
    policy = ClientPolicy(networks=("192.0.2.0/24",), networks_observe=True)
    secret = await town.add_client(policy=policy)

    assert (await From(town, ELSEWHERE).ask(secret)).status_code == 200
    assert logged()["observed"] == ["network_not_allowed"]
    assert (await From(town, HOME).ask(secret)).status_code == 200
    assert "observed" not in logged()


async def test_only_a_trusted_proxys_word_counts_for_where_a_call_comes_from(start):
    town = await start(trusted_proxy="10.0.0.0/8")
    secret = await town.add_client(policy=ClientPolicy(networks=("192.0.2.0/24",)))
    forwarded = {"X-Forwarded-For": HOME}

    assert (await From(town, "10.1.1.1", headers=forwarded).ask(secret)).status_code == 200
    assert (await From(town, ELSEWHERE, headers=forwarded).ask(secret)).status_code == 401
    # The leftmost entry is what the caller itself claims.
    lying = {"X-Forwarded-For": f"{HOME}, {ELSEWHERE}"}
    assert (await From(town, "10.1.1.1", headers=lying).ask(secret)).status_code == 401


async def test_a_changed_allow_list_is_in_force_at_once(start):
    town = await start()
    secret = await town.add_client()
    assert (await From(town, ELSEWHERE).ask(secret)).status_code == 200

    await town.change_client("ada", policy=ClientPolicy(networks=("192.0.2.0/24",)))

    assert (await From(town, ELSEWHERE).ask(secret)).status_code == 401
