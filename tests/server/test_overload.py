"""Requests that come too late are turned away; those who look after the service are not."""

import pytest

from tokenbooth.clock import TravelClock
from tokenbooth.server.overload import ALWAYS_SERVED, Overload

PATIENCE = 0.25


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"served"})


@pytest.fixture
def clock():
    return TravelClock()


@pytest.fixture
def overload(clock):
    return Overload(PATIENCE, clock)


async def answered(hurried, path="/oauth2/token"):
    sent = []

    async def send(message):
        sent.append(message)

    await hurried({"type": "http", "path": path}, None, send)
    return sent[0]["status"], dict(sent[0]["headers"])


async def test_a_request_whose_turn_comes_in_time_is_answered(overload, clock):
    hurried = overload.hurried(app, clock.monotonic())
    clock.travel(PATIENCE)

    assert (await answered(hurried))[0] == 200


async def test_a_late_request_is_turned_away_and_counted(overload, clock):
    refused = []
    overload.on_refusal = lambda: refused.append(1)
    hurried = overload.hurried(app, clock.monotonic())
    clock.travel(PATIENCE + 0.01)

    status, headers = await answered(hurried)

    assert status == 503
    assert headers[b"cache-control"] == b"no-store"
    assert refused == [1]


@pytest.mark.parametrize("path", sorted(ALWAYS_SERVED))
async def test_health_and_metrics_are_answered_however_late(overload, clock, path):
    hurried = overload.hurried(app, clock.monotonic())
    clock.travel(60)

    assert (await answered(hurried, path))[0] == 200


async def test_those_turned_away_are_to_come_back_at_different_times(overload, clock):
    told = {dict(overload.turn_away())[b"retry-after"] for _ in range(9)}

    assert told == {b"1", b"2", b"3"}
