"""What the service keeps of its requests: counts, refusals and events, bounded and in time."""

from dataclasses import replace

import anyio
import pytest

from tests.server.booths import running
from tokenbooth.server import activity, audit_windows, kept_refusals
from tokenbooth.server.audit_records import EventFilter
from tokenbooth.server.records import Account
from tokenbooth.server.stores.contract import StoreUnavailable
from tokenbooth.server.stores.sql import open_store

FORM = {"grant_type": "client_credentials"}


async def flush(town, **options):
    await town.service.activity.write(town.store, **options)


async def usage(town):
    counted = await town.store.list_usage(since=0)
    return {(each.client_id, each.outcome): each.count for each in counted}


async def events(town, type_=None):
    """The events of requests, the oldest first."""
    found = await town.store.list_events(EventFilter(type=type_ or "token_"), limit=500)
    return [entry.event for entry in reversed(found)]


async def refused_as(town, client_id, **form):
    wrong = {"client_id": client_id, "client_secret": "wrong"}
    return await town.http.post("/oauth2/token", data=FORM | wrong | form)


async def test_counts_what_was_issued_and_what_was_refused(town, clock):
    secret = await town.add_client()
    for _ in range(3):
        await town.token(secret)
    await town.token(secret, scope="none:such")
    await refused_as(town, "ada")
    await flush(town)

    assert await usage(town) == {
        ("ada", "issued"): 3,
        ("ada", "invalid_scope"): 1,
        ("ada", "wrong_secret"): 1,
    }
    (counted, *_) = await town.store.list_usage(since=0)
    assert counted.hour == int(clock.now()) // 3600 * 3600


async def test_counts_by_the_hour_in_which_it_came(town, clock):
    secret = await town.add_client()
    await town.token(secret)
    await flush(town)
    clock.travel(3600)
    await town.token(secret)
    await flush(town)

    hours = [each.hour for each in await town.store.list_usage(since=0)]
    assert hours[1] == hours[0] + 3600


async def test_clients_that_do_not_exist_count_under_no_name(town):
    for number in range(5):
        await refused_as(town, f"stranger{number}")
        await refused_as(town, f"stranger{number}", client_secret="tbs_a_b_damaged")
    await flush(town)

    assert await usage(town) == {("", "unknown_client"): 5, ("", "damaged_secret"): 5}
    assert {event.client_id for event in await events(town)} == {None}


async def test_a_client_counts_by_its_name_before_it_has_proved_itself(town):
    await town.add_client(account=None)
    await town.http.post("/oauth2/token", data={"grant_type": "password", "client_id": "ada"})
    await flush(town)

    assert await usage(town) == {("ada", "unsupported_grant_type"): 1}


async def test_an_event_is_for_the_account_of_its_client(town, clock):
    await town.store.add_account(Account(name="acme", created_at=clock.now()))
    secret = await town.add_client(account="acme")
    await town.token(secret)
    await refused_as(town, "ada")
    await refused_as(town, "nobody")
    await flush(town)

    assert [(e.type, e.client_id, e.account) for e in await events(town)] == [
        ("token_issued", "ada", "acme"),
        ("token_refused", "ada", "acme"),
        ("token_refused", None, None),
    ]


async def test_who_failed_to_prove_to_be_a_client_is_not_recorded_as_that_client(town):
    secret = await town.add_client()
    await refused_as(town, "ada")
    await town.token(secret, scope="none:such")
    await flush(town)

    assert [(e.reason, e.actor) for e in await events(town)] == [
        ("wrong_secret", "client"),
        ("invalid_scope", "client:ada"),
    ]


async def test_repeats_are_written_once_in_a_window_with_their_number(town, clock):
    secret = await town.add_client()
    await town.token(secret)
    await flush(town)
    begun = clock.now()
    for _ in range(4):
        clock.travel(10)
        await town.token(secret)
        await flush(town)
    assert [event.count for event in await events(town)] == [1]

    clock.travel(300)
    await flush(town)

    first, repeats = await events(town)
    assert (first.count, first.at, first.details) == (1, begun, {})
    assert (repeats.count, repeats.at) == (4, begun + 40)
    assert repeats.details == {"first_at": begun + 10}
    assert repeats.subject == first.subject != ""
    clock.travel(10_000)
    await flush(town)
    assert len(await events(town)) == 2


async def test_a_revocation_is_an_event(town):
    secret = await town.add_client()
    token = (await town.token(secret)).json()["access_token"]
    await town.revoke(secret, token)
    await flush(town)

    (event,) = await events(town, "token_revoked")
    assert (event.client_id, event.actor, event.count) == ("ada", "client:ada", 1)
    assert await usage(town) == {("ada", "issued"): 1}


async def test_what_waits_is_written_when_the_service_stops(settings, clock):
    async with running(settings, clock) as town:
        await town.add_api("persons", "https://persons.example.com", "persons:read")
        secret = await town.add_client()
        await town.token(secret)
        await flush(town)
        await town.token(secret)
        await town.token(secret)
        await refused_as(town, "ada")
    store = await open_store(settings.database)
    found = await store.list_events(EventFilter(type="token_"))
    counted = await store.list_usage(since=0)
    (credential,) = (await store.get_client("default", "ada")).credentials
    await store.close()

    assert sorted(entry.event.count for entry in found) == [1, 1, 2]
    assert sum(each.count for each in counted) == 4
    assert credential.last_used_at == clock.now()


async def test_the_upkeep_writes_without_being_asked(settings, clock):
    async with running(replace(settings, change_poll_seconds=0.02), clock) as town:
        answer = await refused_as(town, "nobody")
        request_id = answer.headers["x-request-id"]
        for _ in range(1500):
            kept = await town.store.find_refused(request_id)
            if kept is not None:
                break
            await anyio.sleep(0.02)

        assert kept is not None


async def test_the_head_of_the_trail_is_logged(settings, clock, log):
    async with running(settings, clock) as town:
        await refused_as(town, "nobody")
    store = await open_store(settings.database)
    head = await store.audit_head()
    await store.close()

    assert '"event":"audit_head"' in log()
    assert head.hash in log()


async def test_a_refusal_is_kept_with_its_private_reason(town, clock):
    secret = await town.add_client()
    answer = await town.http.post(
        "/oauth2/token",
        data=FORM | {"client_id": "ada", "client_secret": secret.reveal(), "scope": "no:such"},
        headers={"User-Agent": "curl/8\x7f" + "x" * 500},
    )
    await flush(town)

    kept = await town.store.find_refused(answer.headers["x-request-id"])
    (credential,) = (await town.store.get_client("default", "ada")).credentials
    assert (kept.endpoint, kept.status, kept.error, kept.reason) == (
        *("token", 400, "invalid_scope", "invalid_scope"),
    )
    assert (kept.issuer, kept.client_id, kept.credential_id) == ("default", "ada", credential.id)
    assert (kept.method, kept.source, kept.at) == ("client_secret_post", "127.0.0.1", clock.now())
    assert kept.agent.startswith("curl/8?xxx")
    assert len(kept.agent) == 128


async def test_a_refusal_names_the_credential_that_its_secret_names(town, clock):
    secret = await town.add_client(expires_at=clock.now() - 1)
    answer = await town.token(secret)
    await flush(town)

    kept = await town.store.find_refused(answer.headers["x-request-id"])
    (credential,) = (await town.store.get_client("default", "ada")).credentials
    assert (kept.reason, kept.credential_id) == ("expired_secret", credential.id)


async def test_no_secret_gets_into_what_is_kept(town):
    secret = await town.add_client()
    await town.token(secret, client_id=secret.reveal())
    await town.token(secret, scope=secret.reveal())
    await flush(town)

    kept = await town.store.list_refused()
    everything = repr((kept, await events(town), await town.store.list_usage(since=0)))
    assert len(kept) == 2
    assert secret.reveal() not in everything


async def test_a_fault_of_ours_can_be_explained(town):
    await town.add_client()
    await town.store.replace_credential(
        replace(
            (await town.store.get_client("default", "ada")).credentials[0],
            data="hmac-sha256$nonsense",
        )
    )
    await town.registry.refresh()
    answer = await refused_as(town, "ada")
    await flush(town)

    kept = await town.store.find_refused(answer.headers["x-request-id"])
    assert (answer.status_code, kept.reason) == (500, "internal_error")


async def test_keeps_few_of_many_alike_and_counts_all(town, clock):
    for _ in range(kept_refusals.MOST_ALIKE + 7):
        await refused_as(town, "nobody")
    await flush(town)
    assert len(await town.store.list_refused()) == kept_refusals.MOST_ALIKE

    clock.travel(60)
    await refused_as(town, "nobody")
    await flush(town)

    assert len(await town.store.list_refused()) == kept_refusals.MOST_ALIKE + 1
    assert await usage(town) == {("", "unknown_client"): kept_refusals.MOST_ALIKE + 8}


async def test_keeps_few_of_many_strangers(town):
    for number in range(kept_refusals.MOST_OF_STRANGERS + 5):
        await refused_as(town, f"stranger{number}")
    await town.add_client()
    await refused_as(town, "ada")
    await flush(town)

    kept = [each.client_id for each in await town.store.list_refused(limit=500)]
    assert len(kept) == kept_refusals.MOST_OF_STRANGERS + 1
    assert "ada" in kept


async def test_kinds_beyond_the_bounds_are_summed_up(town, monkeypatch):
    monkeypatch.setattr(activity, "_MOST_FRESH", 2)
    monkeypatch.setattr(activity, "_MOST_USAGE", 2)
    monkeypatch.setattr(activity, "_MOST_OF_STRANGERS", 1)
    for name in ("ada", "bob", "eve", "joe"):
        await town.token(await town.add_client(name), client_id=name)
    await flush(town)
    for number in range(3):
        await refused_as(town, f"x{number}", client_secret="tbs_a_b_damaged")
    await flush(town)

    assert await usage(town) == {
        ("ada", "issued"): 1,
        ("bob", "issued"): 1,
        ("", "issued"): 2,
        ("", "damaged_secret"): 3,
    }


async def test_windows_beyond_the_bounds_are_summed_up_for_nobodys_eyes(town, monkeypatch):
    monkeypatch.setattr(audit_windows, "_MOST", 1)
    for name in ("ada", "bob", "eve"):
        await town.token(await town.add_client(name), client_id=name)
    await flush(town)

    written = [(e.client_id, e.account, e.count) for e in await events(town)]
    assert written == [("ada", None, 1), (None, None, 2)]


async def test_strangers_from_many_addresses_open_few_windows(settings, clock, monkeypatch):
    monkeypatch.setattr(audit_windows, "_MOST_OF_STRANGERS", 3)
    trusting = replace(settings, trusted_proxy="127.0.0.0/8")
    async with running(trusting, clock) as town:
        for number in range(8):
            await town.http.post(
                "/oauth2/token",
                data=FORM | {"client_id": "nobody", "client_secret": "x"},
                headers={"X-Forwarded-For": f"198.51.100.{number}"},
            )
        await flush(town)

        written = [(event.source, event.count) for event in await events(town)]
        assert written[:3] == [(f"198.51.100.{number}", 1) for number in range(3)]
        assert written[3:] == [("", 5)]


async def test_one_write_is_bounded_and_the_next_goes_on(town, monkeypatch):
    monkeypatch.setattr(activity, "_PER_WRITE", 2)
    for name in ("ada", "bob", "eve"):
        await town.token(await town.add_client(name), client_id=name)
    await flush(town)
    assert len(await events(town)) == 2

    await flush(town)

    assert len(await events(town)) == 3
    assert sum((await usage(town)).values()) == 3


async def test_nothing_is_lost_while_the_store_is_away(town, settings):
    secret = await town.add_client()
    await town.token(secret)
    await refused_as(town, "nobody")
    closed = await open_store(settings.database)
    await closed.close()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await town.service.activity.write(closed)
    await town.token(secret)

    await flush(town)

    assert await usage(town) == {("ada", "issued"): 2, ("", "unknown_client"): 1}
    assert [event.count for event in await events(town)] == [2, 1]
    assert len(await town.store.list_refused()) == 1


async def test_hosts_that_use_a_secret_are_counted(town):
    secret = await town.add_client()
    token = (await town.token(secret)).json()["access_token"]
    await town.introspect(secret, token)
    await town.revoke(secret, token)
    await town.service.last_uses.write(town.store)

    (host,) = await town.store.list_hosts("default", "ada")
    assert (host.source, host.count) == ("127.0.0.1", 3)
    assert host.agent.startswith("python-httpx2/")
