"""Authlib with a private key: at the token endpoint, at introspection and revocation."""

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.interop.registered import register_key

KEYS = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
    "PS256": lambda: RSAKey.generate_key(2048),
}
# RFC 9864 gave the algorithm a second name, and joserfc warns of the first.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


def _connect(demo, alg, audience=None):
    key = KEYS[alg]()
    client_id = register_key(demo, key.as_dict(private=False) | {"alg": alg})
    client = OAuth2Client(
        client_id,
        key,
        token_endpoint_auth_method="private_key_jwt",
        revocation_endpoint_auth_method="private_key_jwt",
        trust_env=False,
    )
    # What Authlib calls the token endpoint is the audience, and used for nothing else. To name it
    # in `claims` instead would keep one jti for all assertions: that dictionary is written to.
    client.register_client_auth_method(PrivateKeyJWT(audience, alg=alg))
    return client


@pytest.fixture(autouse=True)
def plain_http_on_loopback(monkeypatch):
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.mark.parametrize("alg", KEYS)
def test_a_token_from_request_to_revocation(demo, alg):
    with _connect(demo, alg, demo.url) as client:
        token = client.fetch_token(f"{demo.url}/oauth2/token", grant_type="client_credentials")
        asked = (f"{demo.url}/oauth2/introspect", token["access_token"])
        assert client.get(f"{demo.url}/demo/default/whoami").json()["client_id"] == client.client_id
        assert client.introspect_token(*asked).json()["active"] is True
        revoked = client.revoke_token(f"{demo.url}/oauth2/revoke", token["access_token"])
        assert revoked.status_code == 200
        assert client.introspect_token(*asked).json() == {"active": False}


def test_an_assertion_to_the_endpoint_is_refused_and_told_how_to_mend_it(demo):
    with _connect(demo, "ES256") as client, pytest.raises(OAuthError) as refused:
        client.fetch_token(f"{demo.url}/oauth2/token", grant_type="client_credentials")
    assert refused.value.error == "invalid_client"
    assert f"its aud must be exactly {demo.url} and nothing else" in refused.value.description
