"""Metadata and key sets: exact, cacheable, and true."""

import pytest

from tests.server.booths import BASE_URL, PERSONS


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
