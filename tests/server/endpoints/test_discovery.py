"""Metadata and key sets: exact, cacheable, and true."""

import pytest

from tests.server.booths import BASE_URL, PERSONS
from tokenbooth.protocol.jwt import read_jwt, verify_jwt
from tokenbooth.protocol.keys import parse_key_set


async def metadata(town, path="/.well-known/oauth-authorization-server"):
    answer = await town.http.get(path)
    assert answer.status_code == 200
    return answer.json()


async def test_the_metadata_says_where_everything_is(town):
    expected = {
        "issuer": BASE_URL,
        "token_endpoint": f"{BASE_URL}/oauth2/token",
        "grant_types_supported": [
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "response_types_supported": [],
        "scopes_supported": ["orders:read", "persons:read", "persons:write"],
        "jwks_uri": f"{BASE_URL}/.well-known/jwks.json",
        "introspection_endpoint": f"{BASE_URL}/oauth2/introspect",
        "revocation_endpoint": f"{BASE_URL}/oauth2/revoke",
    }
    told = await metadata(town)

    assert {name: told[name] for name in expected} == expected
    for endpoint in ("token", "introspection", "revocation"):
        methods = told[f"{endpoint}_endpoint_auth_methods_supported"]
        assert {"client_secret_basic", "client_secret_post"} <= set(methods)
        assert "none" not in methods


async def test_everything_advertised_is_there(town):
    await town.add_issuer("truphone", dialect="truphone", refresh_tokens=True)
    for path in ("", "/truphone"):
        told = await metadata(town, f"{path}/.well-known/oauth-authorization-server")
        for name in ("token_endpoint", "introspection_endpoint", "revocation_endpoint"):
            assert (await town.http.post(told[name])).status_code in (400, 401)
        assert (await town.http.get(told["jwks_uri"])).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-authorization-server/sandbox",
        "/.well-known/openid-configuration/sandbox",
        "/sandbox/.well-known/oauth-authorization-server",
        "/sandbox/.well-known/openid-configuration",
    ],
)
async def test_a_named_issuer_is_found_in_every_form(town, path):
    await town.add_issuer("sandbox")

    assert (await metadata(town, path))["issuer"] == f"{BASE_URL}/sandbox"


async def test_the_key_set_can_be_cached_and_asked_again(town):
    first = await town.http.get("/.well-known/jwks.json")

    assert first.headers["content-type"] == "application/jwk-set+json"
    assert "max-age=300" in first.headers["cache-control"]
    again = await town.http.get(
        "/.well-known/jwks.json", headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    # RFC 9110 §8.6: no Content-Length that is not the document's.
    assert "content-length" not in again.headers


async def test_head_says_how_long_the_document_is(town):
    answer = await town.http.head("/.well-known/jwks.json")

    assert answer.content == b""
    assert int(answer.headers["content-length"]) > 100


async def test_documents_are_read_with_get(town):
    answer = await town.http.post("/.well-known/jwks.json")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_every_issuer_has_keys_of_its_own(town):
    await town.add_issuer("sandbox")

    ours = (await town.http.get("/.well-known/jwks.json")).json()["keys"]
    theirs = (await town.http.get("/sandbox/.well-known/jwks.json")).json()["keys"]

    assert {key["kid"] for key in ours}.isdisjoint(key["kid"] for key in theirs)


async def test_a_new_scope_is_advertised_after_the_refresh(town):
    await town.add_api("news", "https://news.example.com", "news:read")

    assert "news:read" in (await metadata(town))["scopes_supported"]
    assert PERSONS not in (await metadata(town))["scopes_supported"]


async def test_the_metadata_is_there_signed_as_well(town):
    told = await metadata(town)
    document = (await town.http.get("/.well-known/jwks.json")).content

    unverified = read_jwt(told["signed_metadata"])
    (key,) = parse_key_set(document).candidates(unverified.kid, unverified.alg)
    signed = verify_jwt(unverified, key)

    assert unverified.typ == "server-metadata+jwt"
    assert (signed.pop("iss"), signed.pop("iat")) == (BASE_URL, int(town.clock.now()))
    del told["signed_metadata"]
    assert signed == told


async def test_it_is_signed_once_so_that_it_can_be_cached(town):
    first = await town.http.get("/.well-known/oauth-authorization-server")
    again = await town.http.get("/.well-known/oauth-authorization-server")

    assert first.headers["etag"] == again.headers["etag"]


async def test_signed_metadata_is_no_access_token(town):
    secret = await town.add_client(resource_server_for=("persons",))
    told = await metadata(town)

    answer = await town.introspect(secret, told["signed_metadata"])

    assert answer.json() == {"active": False}


async def test_without_a_signing_key_the_metadata_is_plain(town):
    await town.add_issuer("keyless", keys=False)

    told = await metadata(town, "/keyless/.well-known/oauth-authorization-server")

    assert "signed_metadata" not in told


async def test_a_visitor_of_the_authorization_endpoint_is_told_that_nobody_logs_in(town):
    url = (await metadata(town))["authorization_endpoint"]
    asked = {"response_type": "code", "redirect_uri": "https://evil.example.com", "state": "<x>"}

    page = await town.http.get(url, params=asked, headers={"accept": "text/html,*/*"})
    program = await town.http.get(url, params=asked)

    assert (page.status_code, program.status_code) == (400, 400)
    assert "Nobody logs in here" in page.text
    assert "<x>" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert program.json()["error"] == "unsupported_response_type"
    assert "location" not in page.headers


async def test_nothing_is_changed_at_the_authorization_endpoint(town):
    answer = await town.http.delete("/oauth2/authorize")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
