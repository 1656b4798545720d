"""Ten times as many requests as can be answered: in time, or told at once to come back."""

import contextlib
import statistics
import threading
import time

import pytest

from tests.chaos.conftest import prepare
from tests.chaos.invariants import assert_log_is_clean, assert_recovers
from tests.chaos.openloop import Crowd
from tests.end_to_end.service import Registered, Service, eventually

CONNECTIONS = 2500
LONGEST_SECONDS = 5.0  # on any machine; a turn of the loop takes half a second on ours


def _request(client: Registered) -> bytes:
    form = (
        f"grant_type=client_credentials&client_id={client.client_id}&client_secret={client.secret}"
    )
    prefix = "" if client.issuer == "default" else f"/{client.issuer}"
    head = (
        f"POST {prefix}/oauth2/token HTTP/1.1\r\nHost: booth\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
    )
    return f"{head}Content-Length: {len(form)}\r\n\r\n{form}".encode()


@pytest.fixture
def service(breakable):
    # Ordinary lines alone would fill the disk.
    service = prepare(breakable(variables={"TOKENBOOTH_LOG_LEVEL": "warning"}))
    service.add_issuer("slow", alg="RS256")  # where signing takes so long that ten times fits
    service.add_api("persons", "persons:read", issuer="slow")
    return service


def test_ten_times_the_load_is_answered_in_time_or_turned_away_at_once(service):
    request = _request(service.register("persons", issuer="slow"))
    with Crowd(service.port, request, 30) as crowd:
        capacity = crowd.send(1e6, 3).served_per_second
    health: list[float] = []
    with Crowd(service.port, request, CONNECTIONS) as crowd:
        crowd.settle()
        with _watched(service, health):
            tally = crowd.send(10 * capacity, 8)

    assert set(tally.seconds) == {200, 503}
    assert tally.incomplete == 0
    assert tally.count(503) > tally.count(200) / 2
    assert tally.percentile(200, 0.99) < LONGEST_SECONDS
    assert tally.percentile(503, 0.99) < LONGEST_SECONDS
    assert tally.served_per_second > capacity / 10  # the work is not all in saying no
    assert {1, 2, 3} >= set(tally.hasty)
    assert len(set(tally.hasty)) == 3
    assert health
    assert statistics.median(health) < LONGEST_SECONDS

    metrics = service.http.get("/metrics").text
    assert 'tokenbooth_http_requests_total{endpoint="overloaded",status="503"}' in metrics
    assert service.log.count('"overloaded"') < 10
    _serves_promptly(service)


def test_a_crowd_that_can_be_served_is_served(service):
    client = service.register("persons")
    with Crowd(service.port, _request(client), 300) as crowd:
        crowd.settle()
        tally = crowd.send(200, 5)

    assert set(tally.seconds) == {200}
    assert tally.incomplete == 0


def _serves_promptly(service: Service) -> None:
    client = service.register("persons")
    eventually(lambda: service.http.get("/readyz").status_code == 200, within=30)
    asked = time.monotonic()
    service.access_token(client)
    assert time.monotonic() - asked < LONGEST_SECONDS
    assert_recovers(service, client)
    assert_log_is_clean(service)


@contextlib.contextmanager
def _watched(service: Service, seconds: list[float]):
    """Ask for its health as a balancer does: on a new connection each time."""
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.2):
            asked = time.monotonic()
            assert service.http.get("/healthz").status_code == 200
            seconds.append(time.monotonic() - asked)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
