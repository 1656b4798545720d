import json
import threading

import pytest

from tests.remote.local_server import LocalServer, Reply, as_json
from tokenbooth.clock import TravelClock
from tokenbooth.protocol.keys import SigningKey, generate_key
from tokenbooth.remote.fetch import FetchFailed, HttpFetch
from tokenbooth.remote.key_set import RemoteKeySet

PATH = "/jwks.json"


def document(*keys: SigningKey) -> Reply:
    return as_json({"keys": [key.public.to_jwk() for key in keys]})


@pytest.fixture(scope="module")
def keys() -> list[SigningKey]:
    return [generate_key("ES256") for _ in range(2)]


@pytest.fixture
def clock() -> TravelClock:
    return TravelClock()


@pytest.fixture
def remote(server: LocalServer, fetch: HttpFetch, clock: TravelClock) -> RemoteKeySet:
    return RemoteKeySet(server.url + PATH, fetch, clock)


def kids(remote: RemoteKeySet, key: SigningKey) -> list[str]:
    return [each.kid for each in remote.keys_now(key.kid, key.alg)]


def test_knows_no_key_before_the_first_fetch(server, remote, keys) -> None:
    assert kids(remote, keys[0]) == []
    assert server.seen == []


def test_finds_a_published_key(server, remote, keys) -> None:
    server.on(PATH, document(*keys))
    assert remote.refresh().result(5)
    assert kids(remote, keys[1]) == [keys[1].kid]
    assert remote.is_fresh


def test_asks_at_most_once_per_cooldown(server, remote, keys, clock) -> None:
    server.on(PATH, document(keys[0]))
    for _ in range(100):
        assert remote.refresh().result(5)
    assert len(server.seen) == 1
    clock.travel(29.9)
    remote.refresh().result(5)
    assert len(server.seen) == 1
    clock.travel(0.2)
    remote.refresh().result(5)
    assert len(server.seen) == 2


def test_many_threads_share_one_fetch(server, remote, keys) -> None:
    server.on(PATH, document(keys[0]))
    start = threading.Barrier(30)
    outcomes = []

    def ask() -> None:
        start.wait(5)
        outcomes.append(remote.refresh().result(5))

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert outcomes == [True] * 30
    assert len(server.seen) == 1


def test_finds_a_rotated_key_after_the_cooldown(server, remote, keys, clock) -> None:
    server.on(PATH, document(keys[0]))
    remote.refresh().result(5)
    server.on(PATH, document(*keys))
    clock.travel(31)
    assert kids(remote, keys[1]) == []
    assert remote.refresh().result(5)
    assert kids(remote, keys[1]) == [keys[1].kid]


def test_old_keys_are_renewed_behind_the_back(server, remote, keys, clock) -> None:
    server.on(PATH, document(keys[0]))
    remote.refresh().result(5)
    server.on(PATH, document(keys[1]))
    clock.travel(601)
    assert kids(remote, keys[0]) == [keys[0].kid]
    remote.refresh().result(5)
    assert kids(remote, keys[0]) == []
    assert kids(remote, keys[1]) == [keys[1].kid]


@pytest.mark.parametrize(
    "bad",
    [
        Reply(status=503),
        Reply(body=b"<html>"),
        as_json({"keys": []}),
        as_json({"keys": [{"kty": "oct", "k": "AA"}]}),
        as_json([]),
        Reply(status=302, headers={"Location": "/elsewhere"}),
    ],
)
def test_good_keys_are_never_replaced_by_a_bad_set(server, remote, keys, clock, bad) -> None:
    server.on(PATH, document(keys[0]))
    remote.refresh().result(5)
    server.on(PATH, bad)
    clock.travel(700)
    assert not remote.refresh().result(5)
    assert remote.failure
    assert kids(remote, keys[0]) == [keys[0].kid]


def test_keys_of_an_issuer_that_is_down_serve_for_a_stated_time_only(
    server, remote, keys, clock
) -> None:
    server.on(PATH, document(keys[0]))
    remote.refresh().result(5)
    server.on(PATH, Reply(status=500))
    clock.travel(24 * 3600 - 1)
    assert kids(remote, keys[0]) == [keys[0].kid]
    clock.travel(2)
    assert kids(remote, keys[0]) == []


def test_failures_pause_one_second_then_longer(server, remote, keys, clock) -> None:
    server.on(PATH, Reply(status=500))
    assert not remote.refresh().result(5)
    assert not remote.refresh().result(5)
    assert len(server.seen) == 1
    clock.travel(1.1)
    assert not remote.refresh().result(5)
    clock.travel(1.1)
    assert not remote.refresh().result(5)
    assert len(server.seen) == 2
    clock.travel(1)
    server.on(PATH, document(keys[0]))
    assert remote.refresh().result(5)
    assert remote.failure == ""


def test_the_address_may_be_found_out_late(server, fetch, clock, keys) -> None:
    server.on(PATH, document(keys[0]))
    addresses = iter([FetchFailed("timeout", "slow", is_transient=True), server.url + PATH])

    def supplier() -> str:
        found = next(addresses)
        if isinstance(found, Exception):
            raise found
        return found

    remote = RemoteKeySet(supplier, fetch, clock)
    assert not remote.refresh().result(5)
    clock.travel(2)
    assert remote.refresh().result(5)


def test_a_set_larger_than_any_honest_one_is_refused(server, remote) -> None:
    server.on(PATH, Reply(body=json.dumps({"keys": ["x" * 600_000]}).encode()))
    assert not remote.refresh().result(5)
