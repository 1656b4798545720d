"""A request that is sent twice with one key is done once, and answered alike."""

import asyncio

import pytest

from tokenbooth.management.clients.credentials import list_credentials
from tokenbooth.server.stores.contract import StoreUnavailable

CLIENTS = {"apis": ["open"], "name": "made once"}


async def test_the_same_request_with_the_same_key_makes_one_client_with_one_secret(desk, key):
    first = await desk.call("POST", "/clients", CLIENTS, Idempotency_Key=key)
    again = await desk.call("POST", "/clients", CLIENTS, Idempotency_Key=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.json()["client_secret"]
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_a_key_belongs_to_one_request(desk, key):
    await desk.call("POST", "/clients", CLIENTS, Idempotency_Key=key)

    for path, body in (
        ("/clients", {**CLIENTS, "name": "another"}),
        ("/clients/acme-app/disable", None),
    ):
        answer = await desk.call("POST", path, body, Idempotency_Key=key)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")


async def test_two_callers_may_have_the_same_key(desk, key):
    for by in ("ops", "acme-ops"):
        answer = await desk.call("POST", "/clients", CLIENTS, by=by, Idempotency_Key=key)
        assert answer.status_code == 201
        assert "Idempotency-Replayed" not in answer.headers


async def test_of_many_who_come_at_once_one_does_the_work(desk, key, mine):
    answers = await asyncio.gather(
        *(
            desk.call("POST", f"/clients/{mine}/credentials", {}, Idempotency_Key=key)
            for _ in range(8)
        )
    )

    assert {each.status_code for each in answers} <= {201, 409}
    assert len({each.json()["client_secret"] for each in answers if each.status_code == 201}) == 1
    assert len(await list_credentials(desk.booth, mine)) == 2


async def test_a_refusal_is_answered_alike_too(desk, key):
    taken = {**CLIENTS, "client_id": "acme-app"}

    first = await desk.call("POST", "/clients", taken, Idempotency_Key=key)
    again = await desk.call("POST", "/clients", taken, Idempotency_Key=key)

    assert (first.status_code, again.status_code) == (409, 409)
    assert again.json() == first.json()
    assert again.headers["Content-Type"] == "application/problem+json"


async def test_what_was_refused_for_want_of_rights_may_be_tried_again(desk, key):
    path = "/clients/ops/credentials"
    first = await desk.call("POST", path, {}, scope="credentials:write", Idempotency_Key=key)
    again = await desk.call("POST", path, {}, Idempotency_Key=key)

    assert (first.status_code, again.status_code) == (403, 201)


async def test_the_key_is_free_again_after_a_day(desk, key):
    first = await desk.call("POST", "/clients", CLIENTS, Idempotency_Key=key)
    desk.clock.travel(86_401)
    desk.tokens.clear()

    again = await desk.call("POST", "/clients", CLIENTS, Idempotency_Key=key)

    assert again.json()["client"]["client_id"] != first.json()["client"]["client_id"]


async def test_without_the_service_s_part_nothing_is_kept(desk, key, monkeypatch):
    async def away(*_, **__):
        raise StoreUnavailable("away")

    monkeypatch.setattr(type(desk.booth.store), "add_client", away)
    first = await desk.call("POST", "/clients", CLIENTS, Idempotency_Key=key)
    monkeypatch.undo()
    again = await desk.call("POST", "/clients", CLIENTS, Idempotency_Key=key)

    assert (first.status_code, again.status_code) == (503, 201)


async def test_a_request_that_was_interrupted_is_not_done_again(desk, key, monkeypatch):
    async def away(*_, **__):
        raise StoreUnavailable("away")

    monkeypatch.setattr(type(desk.booth.store), "finish_answer", away)
    first = await desk.call("POST", "/clients", CLIENTS, Idempotency_Key=key)
    monkeypatch.undo()
    again = await desk.call("POST", "/clients", CLIENTS, Idempotency_Key=key)

    assert (first.status_code, again.status_code) == (201, 409)


@pytest.mark.parametrize("bad", ["", "x" * 256, "\x80"])
async def test_a_key_that_cannot_be_one_is_refused(desk, bad):
    answer = await desk.call("POST", "/clients", CLIENTS, Idempotency_Key=bad.encode("latin-1"))

    assert answer.status_code == 422


async def test_a_secret_is_kept_sealed(desk, key):
    made = await desk.call("POST", "/clients", CLIENTS, Idempotency_Key=key)
    secret = made.json()["client_secret"]

    await desk.booth.store.check()
    files = [each.read_bytes() for each in desk.folder.glob("booth.db*")]

    assert len(files) > 1
    assert not any(secret.encode() in each for each in files)


async def test_a_key_means_nothing_where_nothing_is_made(desk, key):
    for _ in range(2):
        answer = await desk.call("GET", "/clients/acme-app", Idempotency_Key=key)
        assert "Idempotency-Replayed" not in answer.headers
