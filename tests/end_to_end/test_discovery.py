"""What the service publishes of itself: metadata, keys and health."""

import pytest

ISSUERS = (
    "default",
    "jwt-basic",
    "self-service",
    "trulioo-normalized",
    "trulioo-platform",
    "truphone",
)
DOCUMENTS = ("oauth-authorization-server", "openid-configuration")
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def _path(issuer: str) -> str:
    return "" if issuer == "default" else f"/{issuer}"


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("issuer", ISSUERS)
def test_metadata_is_at_the_inserted_and_at_the_appended_place(demo, issuer, document):
    inserted = demo.http.get(f"/.well-known/{document}{_path(issuer)}")
    appended = demo.http.get(f"{_path(issuer)}/.well-known/{document}")
    assert inserted.status_code == appended.status_code == 200
    assert inserted.content == appended.content
    assert inserted.headers["content-type"] == "application/json"
    assert "max-age" in inserted.headers["cache-control"]
    assert inserted.json()["issuer"] == demo.issuer_url(issuer)


@pytest.mark.parametrize("issuer", ISSUERS)
def test_everything_that_is_advertised_works(demo, demo_clients, issuer):
    client = demo_clients[issuer]
    said = demo.http.get(f"/.well-known/oauth-authorization-server{_path(issuer)}").json()
    assert said["response_types_supported"] == []
    assert "client_credentials" in said["grant_types_supported"]
    assert ("refresh_token" in said["grant_types_supported"]) == (issuer == "truphone")
    assert "demo:admin" in said["scopes_supported"]
    form = {"grant_type": "client_credentials"}
    for endpoint, asked in (
        ("token_endpoint", form),
        ("introspection_endpoint", {"token": "x"}),
        ("revocation_endpoint", {"token": "x"}),
    ):
        methods = said[f"{endpoint}_auth_methods_supported"]
        assert {"client_secret_basic", "client_secret_post"} <= set(methods)
        assert "none" not in methods
        assert demo.post(said[endpoint], asked, client).status_code == 200
        assert demo.post(said[endpoint], {**asked, **client.in_body}).status_code == 200
    assert demo.http.get(said["jwks_uri"]).status_code == 200


@pytest.mark.parametrize("issuer", ISSUERS)
def test_the_key_set_is_public_only(demo, issuer):
    answer = demo.http.get(f"{_path(issuer)}/.well-known/jwks.json")
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert "max-age" in answer.headers["cache-control"]
    keys = answer.json()["keys"]
    assert keys
    assert len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert not PRIVATE & set(key)
        assert key["use"] == "sig"
        assert key["kty"] != "oct"
        assert key["alg"] == "ES256"


def test_issuers_share_no_key(demo):
    kids = [
        key["kid"]
        for issuer in ISSUERS
        for key in demo.http.get(f"{_path(issuer)}/.well-known/jwks.json").json()["keys"]
    ]
    assert len(set(kids)) == len(kids)


def test_documents_are_not_sent_again_to_who_has_them(demo):
    for path in ("/.well-known/jwks.json", "/.well-known/oauth-authorization-server"):
        etag = demo.http.get(path).headers["etag"]
        answer = demo.http.get(path, headers={"If-None-Match": etag})
        assert answer.status_code == 304
        assert answer.content == b""


def test_health_says_alive_and_ready(demo):
    assert demo.http.get("/healthz").json() == {"status": "ok"}
    ready = demo.http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready"}
    assert ready.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("endpoint", ["token", "introspect", "revoke"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_endpoints_take_post_alone(demo, demo_clients, endpoint, method):
    answer = demo.http.request(method, f"/oauth2/{endpoint}", auth=demo_clients["default"].basic)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    if method == "HEAD":
        assert answer.content == b""
    else:
        assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    "path",
    ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/healthz", "/readyz"],
)
def test_documents_are_read_with_get_or_head_alone(demo, path):
    head = demo.http.head(path)
    assert head.status_code == 200
    assert head.content == b""
    assert int(head.headers["content-length"]) == len(demo.http.get(path).content)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = demo.http.request(method, path)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/oauth2", "/oauth2/token/", "/nobody/oauth2/token"]
)
def test_there_is_nothing_elsewhere(demo, path):
    for method in ("GET", "POST"):
        answer = demo.http.request(method, path)
        assert answer.status_code == 404
        assert answer.json()["error"] == "not_found"


def test_every_answer_carries_a_request_id_of_its_own(demo):
    given = [
        demo.http.get("/healthz", headers={"X-Request-Id": "mine"}).headers["x-request-id"]
        for _ in range(3)
    ]
    assert len({*given, "mine"}) == 4
