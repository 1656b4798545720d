"""httpx-auth, which gets and renews tokens inside httpx."""

import httpx
import pytest
from httpx_auth import InvalidGrantRequest, OAuth2, OAuth2ClientCredentials


@pytest.fixture(autouse=True)
def no_token_of_another_test():
    OAuth2.token_cache.clear()
    yield
    OAuth2.token_cache.clear()


def _whoami(demo, client_id, secret, *, calls=1, **wishes):
    with httpx.Client(trust_env=False) as asking, httpx.Client(trust_env=False) as http:
        auth = OAuth2ClientCredentials(
            f"{demo.url}/oauth2/token", client_id, secret, client=asking, **wishes
        )
        url = f"{demo.url}/demo/default/whoami"
        return [http.get(url, auth=auth) for _ in range(calls)]


def _issued(demo, client_id):
    mine = f'"client_id":"{client_id}"'
    return [x for x in demo.log.splitlines() if mine in x and '"event":"issued"' in x]


def test_it_calls_a_guarded_api_with_one_token(demo):
    client = demo.register("demo")
    answers = _whoami(demo, client.client_id, client.secret, calls=3)
    assert {answer.json()["client_id"] for answer in answers} == {client.client_id}
    assert len(_issued(demo, client.client_id)) == 1


def test_it_asks_for_a_scope(demo):
    client = demo.register("demo", scope="demo:read")
    (answer,) = _whoami(demo, client.client_id, client.secret, scope="demo:read")
    assert answer.json()["scope"] == "demo:read"


def test_it_renews_a_token_that_ends_soon(demo):
    client = demo.register("demo", token_lifetime=20)
    _whoami(demo, client.client_id, client.secret, calls=3, early_expiry=30)
    assert len(_issued(demo, client.client_id)) == 3


def test_it_reads_a_refusal(demo):
    client = demo.register("demo")
    with pytest.raises(InvalidGrantRequest, match="invalid_client"):
        _whoami(demo, client.client_id, "wrong")
