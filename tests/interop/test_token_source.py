"""Our own client on our own service: each HTTP library, each dialect, found or told."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import httpx2
import niquests
import pytest
import requests

from tests.end_to_end.service import run_program
from tests.interop.dialects import ALL, WAYS
from tokenbooth.client import TokenRequestRefused, TokenSource


def _dialect(issuer: str) -> str:
    return "standard" if issuer == "default" else issuer


@pytest.fixture
def source(request, demo, demo_clients):
    """A source for the issuer in `request.param`, which learns the rest by discovery."""
    issuer = request.param
    with TokenSource(
        issuer=demo.issuer_url(issuer),
        client_id="demo",
        secret=lambda: demo_clients[issuer].secret,
        scope=WAYS[issuer].scope,
        dialect=_dialect(issuer),
    ) as source:
        yield source


def _api(demo, request) -> str:
    return f"{demo.url}/demo/{request.node.callspec.params['source']}/whoami"


every_dialect = pytest.mark.parametrize("source", ALL, indirect=True)


@every_dialect
def test_httpx2_calls_the_api(demo, request, source):
    with httpx2.Client(auth=source.auth, trust_env=False) as client:
        for _ in range(2):
            answer = client.get(_api(demo, request))
            assert answer.status_code == 200
            assert answer.json()["client_id"] == "demo"


@every_dialect
def test_httpx2_calls_the_api_asynchronously(demo, request, source):
    async def call() -> list[int]:
        async with httpx2.AsyncClient(auth=source.auth, trust_env=False) as client:
            calls = [client.get(_api(demo, request)) for _ in range(5)]
            return [answer.status_code for answer in await asyncio.gather(*calls)]

    assert asyncio.run(call()) == [200] * 5
    assert asyncio.run(call()) == [200] * 5  # another event loop, the same source


@every_dialect
def test_httpx_calls_the_api(demo, request, source):
    with httpx.Client(auth=source.auth, trust_env=False) as client:
        assert client.get(_api(demo, request)).json()["client_id"] == "demo"


@every_dialect
def test_requests_calls_the_api(demo, request, source):
    with requests.Session() as session:
        session.trust_env = False
        session.auth = source.auth
        assert session.get(_api(demo, request), timeout=10).json()["client_id"] == "demo"


@every_dialect
def test_niquests_calls_the_api(demo, request, source):
    with niquests.Session() as session:
        session.trust_env = False
        session.auth = source.auth
        assert session.get(_api(demo, request), timeout=10).json()["client_id"] == "demo"


@every_dialect
def test_a_token_says_what_it_is_good_for(request, source):
    way = WAYS[request.node.callspec.params["source"]]
    token = source.token()
    assert token.token_type.lower() == "bearer"
    assert abs(token.expires_at - time.time() - way.lifetime) < 10
    assert str(token.scope)
    assert token.access_token not in repr(token)


@pytest.mark.parametrize("issuer", ALL)
def test_a_token_url_is_enough(demo, demo_clients, issuer):
    with TokenSource(
        token_url=demo.issuer_url(issuer) + WAYS[issuer].token_path,
        client_id="demo",
        secret=lambda: demo_clients[issuer].secret,
        scope=WAYS[issuer].scope,
        dialect=_dialect(issuer),
    ) as source:
        assert source.token().access_token == source.token().access_token


@pytest.mark.parametrize("issuer", ["default", "truphone", "trulioo-normalized"])
def test_a_wrong_secret_is_refused_once_and_told(demo, issuer):
    with (
        TokenSource(
            issuer=demo.issuer_url(issuer),
            client_id="demo",
            secret=lambda: "wrong-secret-word",
            dialect=_dialect(issuer),
        ) as source,
        pytest.raises(TokenRequestRefused) as refused,
    ):
        source.token()
    assert refused.value.code == "invalid_client"
    assert "wrong-secret-word" not in str(refused.value)


def test_a_hundred_threads_and_tasks_cause_one_token_request(demo, demo_clients):
    client = demo.register("demo")
    with TokenSource(
        issuer=demo.url, client_id=client.client_id, secret=lambda: client.secret
    ) as source:

        async def hundred() -> set[str]:
            got = await asyncio.gather(*(source.atoken() for _ in range(100)))
            return {token.access_token for token in got}

        with ThreadPoolExecutor(100) as pool:
            threads = [pool.submit(source.token) for _ in range(100)]
            seen = asyncio.run(hundred()) | {t.result().access_token for t in threads}
    assert len(seen) == 1
    mine = f'"client_id":"{client.client_id}"'
    issued = [x for x in demo.log.splitlines() if mine in x and '"event":"issued"' in x]
    assert len(issued) == 1


def test_a_revoked_token_is_replaced_within_the_call(demo):
    client = demo.register("demo", issuer="trulioo-normalized", scope="napi.api")
    with (
        TokenSource(
            issuer=demo.issuer_url("trulioo-normalized"),
            client_id=client.client_id,
            secret=lambda: client.secret,
            dialect="trulioo-normalized",
        ) as source,
        httpx2.Client(auth=source.auth, trust_env=False) as caller,
    ):
        first = source.token().access_token
        assert demo.revoke(client, first).status_code == 200
        answer = caller.get(f"{demo.url}/demo/trulioo-normalized/whoami")
        assert answer.status_code == 200
        assert source.token().access_token != first


def test_a_resource_and_scope_reach_the_token(demo):
    audience = demo.add_api("sources", "sources:read sources:write")
    client = demo.register("demo", "sources")
    with TokenSource(
        issuer=demo.url,
        client_id=client.client_id,
        secret=lambda: client.secret,
        resource=audience,
        scope="sources:read",
    ) as source:
        described = demo.introspect(client, source.token().access_token).json()
    assert described["aud"] == audience
    assert described["scope"] == "sources:read"


@pytest.mark.parametrize("issuer", ALL)
def test_the_command_line_gets_and_explains_a_token(demo, demo_clients, issuer):
    wishes = ["--scope", WAYS[issuer].scope] if WAYS[issuer].scope else []
    got = run_program(
        *("token", "get", "--issuer", demo.issuer_url(issuer), "--client-id", "demo"),
        *("--secret", "-", "--dialect", _dialect(issuer), *wishes),
        stdin=demo_clients[issuer].secret + "\n",
    )
    assert got.returncode == 0, got.stderr
    token = got.stdout.strip()
    answer = demo.http.get(f"/demo/{issuer}/whoami", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    told = run_program("token", "inspect", "-", stdin=token)
    assert told.returncode == 0, told.stderr
    if issuer != "trulioo-normalized":
        assert "demo" in told.stdout
        assert demo.issuer_url(issuer) in told.stdout
