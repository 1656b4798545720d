"""DPoP with somebody else's client, at the token endpoint and at a guarded API."""

import pytest
import requests
from requests_oauth2client import OAuth2Client

from tests.interop.guarded_api import guarded_api
from tests.interop.registered import with_key
from tokenbooth.client import Secret
from tokenbooth.server.records import ClientPolicy


@pytest.mark.parametrize("needs_nonce", [False, True])
@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256"])
def test_requests_oauth2client(demo, monkeypatch, alg, needs_nonce):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    policy = ClientPolicy(dpop_bound=True, dpop_nonce=needs_nonce)
    registered = demo.register("demo", policy=policy)
    with requests.Session() as session:
        client = OAuth2Client(
            f"{demo.url}/oauth2/token",
            client_id=registered.client_id,
            client_secret=registered.secret,
            session=session,
            testing=True,  # plain http on loopback
        )
        token = client.client_credentials(dpop=True, dpop_alg=alg)

    assert token.token_type == "DPoP"
    whoami = f"{demo.url}/demo/default/whoami?page=1"
    for _ in range(2):
        answer = requests.get(whoami, auth=token, timeout=20)
        assert answer.json()["client_id"] == registered.client_id


@pytest.fixture(scope="module")
def careful_api(demo):
    """An API that takes bound tokens alone, and wants its nonce in every proof."""
    audience = demo.add_api("careful-calls", "careful:read")
    with guarded_api(demo.url, audience, dpop="required", dpop_nonce_key=Secret("n" * 43)) as url:
        yield f"{url}/persons"


@pytest.mark.parametrize("library", ["oauth4webapi", "openid-client"])
def test_javascript_clients_repeat_a_call_with_the_nonce_of_the_api(
    demo, javascript, careful_api, library
):
    by = with_key(demo, javascript, "ES256", "careful-calls")
    service = {"issuer": demo.url, "by": by, "dpop": by["kid"]}
    token = javascript(library, "token", **service)["access_token"]
    called = javascript(library, "call", url=careful_api, token=token, **service)
    assert called == {"client_id": by["client_id"]}


def test_requests_oauth2client_repeats_a_call_with_the_nonce_of_the_api(demo, careful_api):
    registered = demo.register("careful-calls")
    with requests.Session() as session:
        session.trust_env = False
        client = OAuth2Client(
            f"{demo.url}/oauth2/token",
            client_id=registered.client_id,
            client_secret=registered.secret,
            session=session,
            testing=True,
        )
        token = client.client_credentials(dpop=True)
        answers = [session.get(careful_api, auth=token, timeout=20).json() for _ in "12"]
    assert answers == [{"client_id": registered.client_id}] * 2
