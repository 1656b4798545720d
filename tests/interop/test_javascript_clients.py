"""OAuth clients that others wrote in JavaScript: oauth4webapi and openid-client."""

import pytest

from tests.interop.javascript import Refused
from tests.interop.registered import KEY_ALGORITHMS, SECRET_METHODS, with_key, with_secret
from tokenbooth.server.records import ClientPolicy

every_library = pytest.mark.parametrize("library", ["oauth4webapi", "openid-client"])
METHODS = (*SECRET_METHODS, *KEY_ALGORITHMS)


def _client(demo, javascript, method, **wishes):
    if method in SECRET_METHODS:
        return with_secret(demo, method, **wishes)
    return with_key(demo, javascript, method, **wishes)


def _whoami(demo, issuer="default"):
    return f"{demo.url}/demo/{issuer}/whoami"


@pytest.mark.parametrize("algorithm", ["oauth2", "oidc"])
@pytest.mark.parametrize("issuer", ["default", "jwt-basic", "truphone"])
def test_oauth4webapi_discovers_each_issuer_in_both_forms(demo, javascript, issuer, algorithm):
    url = demo.issuer_url(issuer)
    found = javascript("oauth4webapi", "discover", issuer=url, algorithm=algorithm)
    assert found["issuer"] == url
    assert found["token_endpoint"].startswith(url)


@every_library
@pytest.mark.parametrize("method", METHODS)
def test_a_token_from_request_to_revocation(demo, javascript, library, method):
    service = {"issuer": demo.url, "by": _client(demo, javascript, method)}
    service = service if library == "oauth4webapi" else service | service["by"]
    answer = javascript(library, "token", **service)
    assert answer["token_type"] == "bearer"  # both write it small, whatever the service wrote
    assert answer["expires_in"] == 3600

    token = {"token": answer["access_token"], **service}
    called = javascript(library, "call", url=_whoami(demo), **token)
    assert called["client_id"] == service["by"]["client_id"]
    told = javascript(library, "introspect", **token)
    assert (told["active"], told["client_id"]) == (True, service["by"]["client_id"])
    javascript(library, "revoke", **token)
    assert javascript(library, "introspect", **token) == {"active": False}


@every_library
@pytest.mark.parametrize("needs_nonce", [False, True], ids=["free", "nonce"])
@pytest.mark.parametrize("alg", KEY_ALGORITHMS)
def test_a_bound_token_calls_a_guarded_api(demo, javascript, library, alg, needs_nonce):
    policy = ClientPolicy(dpop_bound=True, dpop_nonce=needs_nonce)
    service = {"issuer": demo.url, "by": with_key(demo, javascript, "ES256", policy=policy)}
    key = javascript("keys", "make", alg=alg)["kid"]

    answer = javascript(library, "token", **service, dpop=key)
    assert answer["token_type"] == "dpop"
    token = {"token": answer["access_token"], "dpop": key}
    for url in (_whoami(demo), _whoami(demo) + "?page=2"):
        called = javascript(library, "call", url=url, **token, **service)
        assert called["client_id"] == service["by"]["client_id"]


@every_library
def test_a_bound_token_is_refused_with_another_key_and_with_none(demo, javascript, library):
    service = {"issuer": demo.url, "by": with_key(demo, javascript, "ES256")}
    keys = [javascript("keys", "make", alg="ES256")["kid"] for _ in "12"]
    token = javascript(library, "token", **service, dpop=keys[0])["access_token"]

    for other in (keys[1], None):
        with pytest.raises(Refused) as refused:
            javascript(library, "call", url=_whoami(demo), token=token, dpop=other, **service)
        assert refused.value.status == 401


@every_library
@pytest.mark.parametrize("method", SECRET_METHODS)
def test_a_wrong_secret_is_refused(demo, javascript, library, method):
    by = with_secret(demo, method) | {"secret": "wrong"}
    with pytest.raises(Refused) as refused:
        javascript(library, "token", issuer=demo.url, by=by)
    assert refused.value.status == 401


@every_library
def test_a_key_of_nobody_is_refused(demo, javascript, library):
    own = with_key(demo, javascript, "ES256")
    stranger = javascript("keys", "make", alg="ES256")["kid"]
    with pytest.raises(Refused) as refused:
        javascript(library, "token", issuer=demo.url, by=own | {"kid": stranger})
    assert refused.value.status == 401


@every_library
def test_a_scope_that_the_client_lacks_is_told(demo, javascript, library):
    by = with_secret(demo, "client_secret_basic")
    asked = {"scope": "nobody:has"}
    with pytest.raises(Refused) as refused:
        javascript(library, "token", issuer=demo.url, by=by, parameters=asked)
    assert (refused.value.status, refused.value.error) == (400, "invalid_scope")


@every_library
def test_a_resource_is_what_the_token_is_for(demo, javascript, library):
    name = f"resource-{library}"
    audience = demo.add_api(name, f"{name}:read")
    service = {"issuer": demo.url, "by": with_secret(demo, "client_secret_basic", "demo", name)}
    asked = {"resource": audience}
    token = javascript(library, "token", **service, parameters=asked)["access_token"]
    assert javascript(library, "introspect", token=token, **service)["aud"] == audience


def test_openid_client_refreshes(demo, demo_clients, javascript):
    client = demo_clients["truphone"]
    by = {"client_id": "demo", "method": "client_secret_post", "secret": client.secret}
    service = {"issuer": demo.issuer_url("truphone"), "by": by}
    first = demo.token(client).json()
    second = javascript("openid-client", "refresh", token=first["refresh_token"], **service)
    assert second["access_token"] != first["access_token"]


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256"])
def test_oauth4webapi_takes_signed_introspection_answers(demo, javascript, alg):
    issuer = f"signed-answers-{alg.lower()}"
    demo.add_issuer(issuer, alg=alg)
    demo.add_api("signed", "signed:read", issuer=issuer)
    by = with_secret(demo, "client_secret_basic", "signed", issuer=issuer)
    service = {"issuer": demo.issuer_url(issuer), "by": by}
    token = javascript("oauth4webapi", "token", **service)["access_token"]

    told = javascript("oauth4webapi", "introspect", token=token, signed=alg, **service)
    assert (told["active"], told["scope"]) == (True, "signed:read")
