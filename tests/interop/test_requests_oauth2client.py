"""requests-oauth2client: each way to authenticate, renewal, introspection, revocation."""

import pytest
import requests
from jwskate import Jwk
from requests_oauth2client import (
    ClientSecretBasic,
    ClientSecretPost,
    InvalidClient,
    OAuth2Client,
    OAuth2ClientCredentialsAuth,
    PrivateKeyJwt,
)

from tests.interop.registered import KEY_ALGORITHMS, register_key

SECRETS = {"client_secret_basic": ClientSecretBasic, "client_secret_post": ClientSecretPost}


@pytest.fixture
def session():
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def connect(demo, session):
    """connect(auth): a client that learned by discovery where everything is."""

    def discovered(auth, **more):
        return OAuth2Client.from_discovery_endpoint(
            f"{demo.url}/.well-known/openid-configuration",
            issuer=demo.url,
            auth=auth,
            session=session,
            testing=True,  # plain http on loopback
            **more,
        )

    return discovered


def _signing(demo, alg, **more):
    key = Jwk.generate(alg=alg).with_kid_thumbprint()
    client_id = register_key(demo, dict(key.public_jwk()))
    return client_id, PrivateKeyJwt(client_id, key, **more)


@pytest.fixture(params=[*SECRETS, *KEY_ALGORITHMS])
def known(request, demo):
    """A client's id, and its way to authenticate."""
    if request.param in SECRETS:
        client = demo.register("demo")
        return client.client_id, SECRETS[request.param](client.client_id, client.secret)
    return _signing(demo, request.param, aud=demo.url)


def test_a_token_from_request_to_revocation(demo, session, connect, known):
    client_id, auth = known
    client = connect(auth)
    token = client.client_credentials()
    assert token.token_type == "Bearer"
    assert 3500 < token.expires_in <= 3600

    whoami = f"{demo.url}/demo/default/whoami"
    assert session.get(whoami, auth=token, timeout=20).json()["client_id"] == client_id
    told = client.introspect_token(token)
    assert (told["active"], told["client_id"]) == (True, client_id)
    assert client.revoke_access_token(token) is True
    assert client.introspect_token(token) == {"active": False}


def test_it_renews_a_token_by_itself(demo, session, connect):
    client = demo.register("demo", token_lifetime=25)
    auth = OAuth2ClientCredentialsAuth(
        connect(ClientSecretBasic(client.client_id, client.secret)), leeway=30
    )
    whoami = f"{demo.url}/demo/default/whoami"
    used = set()
    for _ in range(3):
        assert session.get(whoami, auth=auth, timeout=20).status_code == 200
        used.add(auth.token.access_token)
    assert len(used) == 3  # each was within its leeway at once


def test_an_assertion_to_the_endpoint_is_refused_and_told_how_to_mend_it(demo, connect):
    _, auth = _signing(demo, "ES256")
    with pytest.raises(InvalidClient) as refused:
        connect(auth).client_credentials()
    assert f"its aud must be exactly {demo.url} and nothing else" in refused.value.description


def test_a_wrong_secret_is_refused(demo, connect):
    client = demo.register("demo")
    with pytest.raises(InvalidClient):
        connect(ClientSecretPost(client.client_id, "wrong")).client_credentials()
