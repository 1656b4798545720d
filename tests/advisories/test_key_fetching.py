"""CVE-2026-102267, CVE-2026-104056, CVE-2026-102274: keys come from the issuer's own address alone.

CVE-2025-64527 besides: a token that comes while keys are on their way disturbs nothing.
"""

import threading
from collections.abc import Iterator

import pytest

from tests.guard.tiny_issuer import AUDIENCE, METADATA, TinyIssuer, bearer
from tests.remote.local_server import LocalServer, Reply, as_json, local_server
from tokenbooth.clock import TravelClock
from tokenbooth.guard import Guard, Refusal
from tokenbooth.protocol.keys import generate_key
from tokenbooth.remote.fetch import HttpFetch

FORGED = generate_key("ES256")


@pytest.fixture
def issuer() -> Iterator[TinyIssuer]:
    with local_server() as server:
        yield TinyIssuer(server, TravelClock())


@pytest.fixture
def hostile() -> Iterator[LocalServer]:
    with local_server() as server:
        keys = {"keys": [FORGED.public.to_jwk()]}
        server.on("/jwks", as_json(keys))
        yield server


@pytest.fixture
def guard(issuer: TinyIssuer) -> Iterator[Guard]:
    fetch = HttpFetch()
    yield Guard(issuer=issuer.url, audience=AUDIENCE, clock=issuer.clock, fetch=fetch)
    fetch.close()


def status_of(guard: Guard, token: str) -> int:
    try:
        guard.verify_sync(bearer(token))
    except Refusal as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_keys_are_not_fetched_from_where_a_redirect_leads(issuer, hostile, guard, status):
    issuer.server.on("/jwks", Reply(status=status, headers={"Location": f"{hostile.url}/jwks"}))

    assert status_of(guard, issuer.token(key=FORGED)) == 503
    assert hostile.seen == []


def test_metadata_are_not_fetched_from_where_a_redirect_leads(issuer, hostile, guard):
    metadata = issuer.metadata | {"jwks_uri": f"{hostile.url}/jwks"}
    hostile.on(METADATA, as_json(metadata))
    issuer.server.on(METADATA, Reply(status=302, headers={"Location": hostile.url + METADATA}))

    assert status_of(guard, issuer.token(key=FORGED)) == 503
    assert hostile.seen == []


def test_metadata_in_another_name_poison_no_guard(issuer, hostile, guard):
    issuer.metadata |= {"issuer": hostile.url, "jwks_uri": f"{hostile.url}/jwks"}

    assert status_of(guard, issuer.token(key=FORGED)) == 503
    assert hostile.seen == []


def test_a_damaged_key_leaves_the_others_usable(issuer, guard):
    damaged = {**FORGED.public.to_jwk(), "y": FORGED.public.to_jwk()["x"]}
    issuer.server.on("/jwks", as_json({"keys": [damaged, {}, 7, issuer.key.public.to_jwk()]}))

    assert status_of(guard, issuer.token()) == 200
    assert status_of(guard, issuer.token(key=FORGED)) == 401


def test_tokens_that_come_while_keys_are_on_their_way_share_one_fetch(issuer, guard):
    keys = as_json({"keys": [issuer.key.public.to_jwk()]})
    issuer.server.on("/jwks", Reply(headers=keys.headers, body=keys.body, delay=0.3))
    good, forged = issuer.token(), issuer.token(key=FORGED)
    seen: list[int] = []
    threads = [
        threading.Thread(target=lambda token=token: seen.append(status_of(guard, token)))
        for token in (good, forged) * 8
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(seen) == [200] * 8 + [401] * 8
    assert issuer.calls("/jwks") == 1
