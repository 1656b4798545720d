"""DPoP with somebody else's client, at the token endpoint and at a guarded API."""

import pytest
import requests
from requests_oauth2client import OAuth2Client

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
