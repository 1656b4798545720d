"""OAuth clients that others wrote: Authlib and requests-oauthlib, dialect by dialect."""

import asyncio

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from tests.interop.dialects import STANDARD_NAMES, WAYS

every_readable_dialect = pytest.mark.parametrize("issuer", STANDARD_NAMES)


@pytest.fixture(autouse=True)
def plain_http_on_loopback(monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def _method(issuer: str) -> str:
    return "client_secret_post" if WAYS[issuer].in_body else "client_secret_basic"


def _token_url(demo, issuer: str) -> str:
    return demo.issuer_url(issuer) + WAYS[issuer].token_path


def _check(issuer: str, token) -> None:
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == WAYS[issuer].lifetime
    assert ("refresh_token" in token) == (issuer == "truphone")


@every_readable_dialect
def test_authlib_with_requests(demo, demo_clients, issuer):
    with AuthlibSession(
        "demo",
        demo_clients[issuer].secret,
        scope=WAYS[issuer].scope,
        token_endpoint_auth_method=_method(issuer),
    ) as session:
        token = session.fetch_token(_token_url(demo, issuer), grant_type="client_credentials")
        _check(issuer, token)
        assert session.get(f"{demo.url}/demo/{issuer}/whoami").json()["client_id"] == "demo"
        assert session.get(f"{demo.url}/demo/{issuer}/admin").status_code == 403


@every_readable_dialect
def test_authlib_with_httpx(demo, demo_clients, issuer):
    with OAuth2Client(
        "demo",
        demo_clients[issuer].secret,
        scope=WAYS[issuer].scope,
        token_endpoint_auth_method=_method(issuer),
        trust_env=False,
    ) as client:
        token = client.fetch_token(_token_url(demo, issuer), grant_type="client_credentials")
        _check(issuer, token)
        assert client.get(f"{demo.url}/demo/{issuer}/whoami").json()["client_id"] == "demo"


def test_authlib_with_asynchronous_httpx(demo, demo_clients):
    async def call() -> str:
        async with AsyncOAuth2Client(
            "demo", demo_clients["default"].secret, trust_env=False
        ) as client:
            await client.fetch_token(f"{demo.url}/oauth2/token", grant_type="client_credentials")
            return (await client.get(f"{demo.url}/demo/default/whoami")).json()["client_id"]

    assert asyncio.run(call()) == "demo"


def test_authlib_refreshes(demo, demo_clients):
    url = _token_url(demo, "truphone")
    with OAuth2Client(
        "demo",
        demo_clients["truphone"].secret,
        token_endpoint_auth_method="client_secret_post",
        trust_env=False,
    ) as client:
        first = client.fetch_token(url, grant_type="client_credentials")
        second = client.refresh_token(url, refresh_token=first["refresh_token"])
    assert second["access_token"] != first["access_token"]


def test_authlib_introspects_and_revokes(demo, demo_clients):
    with OAuth2Client("demo", demo_clients["default"].secret, trust_env=False) as client:
        token = client.fetch_token(f"{demo.url}/oauth2/token", grant_type="client_credentials")[
            "access_token"
        ]
        asked = (f"{demo.url}/oauth2/introspect", token)
        assert client.introspect_token(*asked).json()["active"] is True
        assert client.revoke_token(f"{demo.url}/oauth2/revoke", token).status_code == 200
        assert client.introspect_token(*asked).json() == {"active": False}


def test_authlib_reads_a_refusal(demo):
    with (
        OAuth2Client("demo", "wrong", trust_env=False) as client,
        pytest.raises(OAuthError) as refused,
    ):
        client.fetch_token(f"{demo.url}/oauth2/token", grant_type="client_credentials")
    assert refused.value.error == "invalid_client"
    assert refused.value.description


@every_readable_dialect
def test_requests_oauthlib(demo, demo_clients, issuer):
    secret = demo_clients[issuer].secret
    proof = (
        {"client_id": "demo", "client_secret": secret, "include_client_id": True}
        if WAYS[issuer].in_body
        else {"auth": HTTPBasicAuth("demo", secret)}
    )
    backend = BackendApplicationClient(client_id="demo", scope=WAYS[issuer].scope)
    with OAuth2Session(client=backend) as session:
        token = session.fetch_token(_token_url(demo, issuer), **proof)
        _check(issuer, token)
        assert session.get(f"{demo.url}/demo/{issuer}/whoami").json()["client_id"] == "demo"


def test_requests_oauthlib_refreshes(demo, demo_clients):
    url, secret = _token_url(demo, "truphone"), demo_clients["truphone"].secret
    proof = {"client_id": "demo", "client_secret": secret}
    with OAuth2Session(client=BackendApplicationClient(client_id="demo")) as session:
        first = session.fetch_token(url, include_client_id=True, **proof)["access_token"]
        assert session.refresh_token(url, **proof)["access_token"] != first


@pytest.mark.parametrize("issuer", ["default", "trulioo-normalized", "self-service"])
def test_requests_oauthlib_reads_a_refusal(demo, issuer):
    with (
        OAuth2Session(client=BackendApplicationClient(client_id="demo")) as session,
        pytest.raises(InvalidClientError),
    ):
        session.fetch_token(_token_url(demo, issuer), auth=HTTPBasicAuth("demo", "wrong"))
