"""`source.auth` with the real HTTP libraries against a real API."""

import asyncio
import io
import subprocess
import sys
from collections.abc import Callable

import httpx
import httpx2
import niquests
import pytest
import requests

from tests.client.conftest import TOKEN_PATH
from tests.remote.local_server import LocalServer, Reply, Seen, as_json, local_server
from tokenbooth.client import ConfigurationRefused, TokenRequestRefused, TokenSource

API = "/persons"

Call = Callable[..., int]


def by_httpx2(source: TokenSource, url: str, content=None, **more) -> int:
    with httpx2.Client(auth=source.auth, follow_redirects=True) as client:
        return client.request("POST", url, content=content, **more).status_code


def by_httpx(source: TokenSource, url: str, content=None, **more) -> int:
    with httpx.Client(auth=source.auth, follow_redirects=True) as client:
        return client.request("POST", url, content=content, **more).status_code


def by_async_httpx2(source: TokenSource, url: str, content=None, **more) -> int:
    async def call() -> int:
        async with httpx2.AsyncClient(auth=source.auth, follow_redirects=True) as client:
            return (await client.request("POST", url, content=_asynchronous(content))).status_code

    return asyncio.run(call())


def by_async_httpx(source: TokenSource, url: str, content=None, **more) -> int:
    async def call() -> int:
        async with httpx.AsyncClient(auth=source.auth, follow_redirects=True) as client:
            return (await client.request("POST", url, content=_asynchronous(content))).status_code

    return asyncio.run(call())


def _asynchronous(content):
    if content is None or isinstance(content, bytes):
        return content

    async def pieces():
        for each in content:
            yield each

    return pieces()


def by_requests(source: TokenSource, url: str, content=None, **more) -> int:
    with requests.Session() as session:
        session.auth = source.auth
        session.trust_env = False
        return session.post(url, data=content, **more).status_code


def by_niquests(source: TokenSource, url: str, content=None, **more) -> int:
    with niquests.Session() as session:
        session.auth = source.auth
        session.trust_env = False
        return session.post(url, data=content, **more).status_code


EVERY_LIBRARY = [
    by_httpx2,
    by_httpx,
    by_async_httpx2,
    by_async_httpx,
    by_requests,
    by_niquests,
]


@pytest.fixture(params=EVERY_LIBRARY)
def call(request) -> Call:
    return request.param


def accepting(*good: str, refusal: Reply | None = None) -> Callable[[Seen], Reply]:
    refusal = refusal or Reply(
        status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
    )

    def answer(seen: Seen) -> Reply:
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        return as_json({}) if token in good else refusal

    return answer


def sent(server: LocalServer, path: str = API) -> list[str | None]:
    return [seen.headers.get("authorization") for seen in server.seen_at(path)]


def test_sends_the_token_with_every_call(server, make, call, asked) -> None:
    server.on(API, accepting("token-1"))
    source = make()
    assert [call(source, server.url + API) for _ in range(3)] == [200] * 3
    assert sent(server) == ["Bearer token-1"] * 3
    assert len(asked()) == 1


def test_a_call_refused_for_its_token_is_sent_once_more_with_a_new_one(server, make, call) -> None:
    server.on(API, accepting("token-2"))
    assert call(make(), server.url + API, b"payload") == 200
    assert sent(server) == ["Bearer token-1", "Bearer token-2"]
    assert [seen.body for seen in server.seen_at(API)] == [b"payload"] * 2


def test_an_issuer_that_an_api_names_is_not_asked(server, make, call, asked) -> None:
    with local_server() as stranger:
        metadata = f'resource_metadata="{stranger.url}/.well-known/oauth-protected-resource"'
        challenge = f'Bearer error="invalid_token", {metadata}, as_uri="{stranger.url}"'
        refusal = Reply(status=401, headers={"WWW-Authenticate": challenge})
        server.on(API, accepting("token-2", refusal=refusal))
        assert call(make(), server.url + API) == 200
        assert stranger.seen == []
    assert len(asked()) == 2


def test_an_api_that_refuses_every_token_is_called_twice_only(server, make, call, asked) -> None:
    server.on(API, accepting())
    assert call(make(), server.url + API) == 401
    assert len(sent(server)) == 2
    assert len(asked()) == 2


def test_a_401_that_explains_nothing_is_taken_for_a_bad_token(server, make, call) -> None:
    server.on(API, accepting("token-2", refusal=Reply(status=401, body=b"no")))
    assert call(make(), server.url + API) == 200


@pytest.mark.parametrize(
    ("status", "challenge"),
    [
        (403, 'Bearer error="insufficient_scope", scope="persons:write"'),
        (403, 'Bearer error="invalid_token"'),
        (401, 'Bearer error="insufficient_scope"'),
        (401, 'Basic realm="somewhere else"'),
        (400, 'Bearer error="invalid_request"'),
        (429, 'Bearer error="invalid_token"'),
        (503, 'Bearer error="invalid_token"'),
    ],
)
def test_other_refusals_are_never_sent_again(server, make, call, status, challenge) -> None:
    refusal = Reply(status=status, headers={"WWW-Authenticate": challenge})
    server.on(API, accepting(refusal=refusal))
    assert call(make(), server.url + API) == status
    assert len(sent(server)) == len(sent(server, TOKEN_PATH)) == 1


def test_an_issuer_that_only_a_challenge_names_hears_nothing(server, make, call, asked) -> None:
    with local_server() as foreign:
        metadata = {"resource": server.url + API, "authorization_servers": [foreign.url]}
        foreign.on("/metadata", lambda seen: as_json(metadata))
        challenge = f'Bearer error="invalid_token", resource_metadata="{foreign.url}/metadata"'
        refusal = Reply(status=401, headers={"WWW-Authenticate": challenge})
        server.on(API, accepting("token-2", refusal=refusal))

        assert call(make(), server.url + API) == 200
        assert foreign.seen == []
    assert len(asked()) == 2


def test_a_body_that_is_gone_once_sent_is_not_sent_again(server, make, call) -> None:
    server.on(API, accepting("token-2"))
    source = make()
    assert call(source, server.url + API, iter([b"pay", b"load"])) == 401
    assert len(sent(server)) == 1
    assert call(source, server.url + API, b"payload") == 200


def test_the_same_token_is_not_sent_again(server, make, call) -> None:
    server.on(TOKEN_PATH, as_json({"access_token": "same", "expires_in": 3600}))
    server.on(API, accepting())
    assert call(make(), server.url + API) == 401
    assert len(sent(server)) == 1


def test_a_refused_renewal_is_told(server, make, call) -> None:
    server.on(API, accepting())
    source = make()
    source.token()
    server.on(TOKEN_PATH, as_json({"error": "invalid_client"}, 401))
    with pytest.raises(TokenRequestRefused):
        call(source, server.url + API)


def test_a_token_never_goes_out_in_the_clear(make, call) -> None:
    with pytest.raises(ConfigurationRefused, match="Use https"):
        call(make(), "http://api.example.com/")


def test_a_host_that_a_redirect_leads_to_neither_gets_nor_spoils_a_token(
    server, make, call, asked
) -> None:
    with local_server() as elsewhere:
        other_host = elsewhere.url.replace("127.0.0.1", "localhost")
        server.on(API, Reply(status=307, headers={"Location": other_host + "/steal"}))
        elsewhere.on("/steal", accepting())
        assert call(make(), server.url + API) == 401
        assert sent(elsewhere, "/steal") == [None]
    assert len(asked()) == 1


@pytest.mark.parametrize("call", [by_requests, by_niquests])
def test_a_file_is_sent_again_from_where_it_began(server, make, call) -> None:
    server.on(API, accepting("token-2"))
    file = io.BytesIO(b"skip:payload")
    file.seek(5)
    assert call(make(), server.url + API, file) == 200
    assert [seen.body for seen in server.seen_at(API)] == [b"payload"] * 2


def test_one_object_serves_every_library(server, make) -> None:
    server.on(API, accepting("token-1"))
    auth = make().auth
    url = server.url + API
    with httpx2.Client(auth=auth) as new, httpx.Client(auth=auth) as old:
        assert new.get(url).status_code == old.get(url).status_code == 200
    assert requests.get(url, auth=auth, timeout=5).status_code == 200


def test_tells_a_library_that_calls_it_strangely_what_to_do(make) -> None:
    with pytest.raises(TypeError, match="after the import of httpx"):
        make().auth(httpx.Request("GET", "https://api.example.com"))


def test_httpx_and_requests_are_not_imported_for_those_who_do_not_use_them() -> None:
    program = (
        "import sys\n"
        "import tokenbooth.client\n"
        "assert 'httpx2' not in sys.modules\n"
        "source = tokenbooth.client.TokenSource(\n"
        "    token_url='https://a.example', client_id='a', secret='env:A')\n"
        "source.auth\n"
        "assert 'httpx' not in sys.modules and 'requests' not in sys.modules\n"
        "import httpx\n"
        "httpx.Client(auth=source.auth).close()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
