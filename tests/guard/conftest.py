"""A tiny issuer on loopback, and a guard that trusts it."""

import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.guard.tiny_issuer import AUDIENCE, TinyIssuer
from tests.remote.local_server import local_server
from tokenbooth.clock import TravelClock
from tokenbooth.guard import Guard
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.fetch import HttpFetch

MakeGuard = Callable[..., Guard]


@pytest.fixture
def clock() -> TravelClock:
    return TravelClock()


@pytest.fixture
def issuer(clock: TravelClock) -> Iterator[TinyIssuer]:
    with local_server() as server:
        yield TinyIssuer(server, clock)


@pytest.fixture
def make_guard(issuer: TinyIssuer, clock: TravelClock) -> Iterator[MakeGuard]:
    fetch = HttpFetch()
    made: weakref.WeakSet[Guard] = weakref.WeakSet()

    def make(**options: Any) -> Guard:
        settings = {"issuer": issuer.url, "audience": AUDIENCE, "fetch": fetch, "clock": clock}
        guard = Guard(**{**settings, **options})
        made.add(guard)
        return guard

    yield make
    # Keys that are fetched behind the back would open a connection after the end.
    end = time.monotonic() + 10
    while any(each._keys._flight.under_way(0) for each in made) and time.monotonic() < end:
        time.sleep(0.01)
    fetch.close()


@pytest.fixture
def guard(make_guard: MakeGuard) -> Guard:
    return make_guard()


@pytest.fixture
def asking_guard(make_guard: MakeGuard) -> Guard:
    return make_guard(client_id="orders-api", secret=Secret("tbs_orders"))
