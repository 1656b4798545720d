"""What clients that look after themselves change, as the audit trail tells it."""

import asyncio

import pytest

from tests.server.endpoints.test_registration import BY_KEY, Office
from tokenbooth.server.audit_records import EventFilter


@pytest.fixture
def office(town):
    return Office(town)


async def events(town, client_id):
    found = await town.store.list_events(EventFilter(client_id=client_id))
    return [entry.event for entry in reversed(found)]


async def test_a_registration_is_the_new_clients_own_doing(office):
    answer = await office.register(await office.token(), client_name="new")
    made = answer.json()

    (created,) = await events(office.town, made["client_id"])
    assert (created.type, created.actor) == ("client_created", f"client:{made['client_id']}")
    assert created.request_id == answer.headers["x-request-id"]
    assert created.source == "127.0.0.1"
    assert created.details["registration"] == office.token_id
    assert made["client_secret"] not in repr(created)


async def test_an_update_and_the_end_are_recorded_with_the_credentials_that_change(office):
    made = await office.registered(token_endpoint_auth_method="client_secret_post")
    assert (await office.entry("PUT", made, **BY_KEY)).status_code == 200
    assert (await office.entry("DELETE", made)).status_code == 204

    done = [event.type for event in await events(office.town, made["client_id"])]
    assert done == [
        *("client_created", "client_changed", "credential_added", "credential_removed"),
        "client_deleted",
    ]


async def test_what_is_refused_is_not_recorded(office):
    made = await office.registered()
    await office.entry("PUT", made, scope="orders:read")

    assert [e.type for e in await events(office.town, made["client_id"])] == ["client_created"]


async def test_updates_at_the_same_time_are_made_whole_or_not_at_all(office):
    made = await office.registered(token_endpoint_auth_method="client_secret_post")

    answers = await asyncio.gather(
        *[office.entry("PUT", made, client_name=f"name {n}", **BY_KEY) for n in range(5)]
    )

    statuses = [answer.status_code for answer in answers]
    refusals = [answer.json()["error"] for answer in answers if answer.status_code != 200]
    changes = [e for e in await events(office.town, made["client_id"]) if e.type.endswith("ed")]
    client = (await office.town.store.get_client("default", made["client_id"])).client
    assert set(statuses) <= {200, 503}
    assert set(refusals) <= {"temporarily_unavailable"}
    assert sum(e.type == "client_changed" for e in changes) == statuses.count(200) >= 1
    assert client.name in {f"name {n}" for n in range(5)}


async def test_a_refused_registration_can_be_explained(office):
    answer = await office.register("nonsense")
    await office.town.service.activity.write(office.town.store)

    kept = await office.town.store.find_refused(answer.headers["x-request-id"])
    assert (kept.endpoint, kept.status) == ("registration", 401)
    assert kept.reason.startswith("registration_")
