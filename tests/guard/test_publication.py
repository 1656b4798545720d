"""The guard says which issuer and scopes its API takes, and refusals say where (RFC 9728)."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from tests.guard.tiny_issuer import bearer
from tokenbooth.guard.fastapi import publish
from tokenbooth.guard.refusal import Refusal
from tokenbooth.guard.starlette import GuardMiddleware

RESOURCE = "https://api.example.com/persons/"
PATH = "/.well-known/oauth-protected-resource/persons"
URL = f"https://api.example.com{PATH}"


@pytest.fixture
def publishing(make_guard):
    return make_guard(
        audience=RESOURCE,
        publish_metadata=True,
        scopes_supported="persons:read persons:write",
        resource_name="Persons",
    )


@pytest.fixture
def middleware(publishing):
    return TestClient(Starlette(middleware=[Middleware(GuardMiddleware, guard=publishing)]))


def test_the_metadata_names_resource_issuer_and_scopes(publishing, issuer):
    metadata = publishing.resource_metadata()

    assert metadata["resource"] == RESOURCE
    assert metadata["authorization_servers"] == [issuer.url]
    assert metadata["scopes_supported"] == ["persons:read", "persons:write"]
    assert metadata["bearer_methods_supported"] == ["header"]
    assert metadata["resource_name"] == "Persons"
    assert metadata["dpop_bound_access_tokens_required"] is False


def test_the_metadata_says_where_bound_tokens_are_required(make_guard):
    guard = make_guard(audience=RESOURCE, publish_metadata=True, dpop="required")

    assert guard.resource_metadata()["dpop_bound_access_tokens_required"] is True


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer x"}])
async def test_every_challenge_says_where_the_metadata_is(publishing, headers):
    with pytest.raises(Refusal) as refused:
        await publishing.verify(headers)

    assert f'resource_metadata="{URL}"' in refused.value.headers["WWW-Authenticate"]


async def test_a_challenge_for_more_scope_says_so_too(publishing, issuer):
    token = issuer.token(aud=RESOURCE, scope="persons:read")

    with pytest.raises(Refusal) as refused:
        await publishing.verify(bearer(token), scopes="persons:write")

    assert refused.value.status == 403
    challenge = refused.value.headers["WWW-Authenticate"]
    assert f'resource_metadata="{URL}"' in challenge
    assert 'scope="persons:write"' in challenge


def test_the_middleware_answers_with_it_before_any_token(middleware, publishing):
    challenge = middleware.get("/").headers["www-authenticate"]
    answer = middleware.get(PATH)

    assert URL in challenge
    assert answer.json() == publishing.resource_metadata()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert middleware.head(PATH).content == b""
    assert middleware.post(PATH).status_code == 405
    assert middleware.get("/.well-known/oauth-protected-resource").status_code == 401


def test_fastapi_answers_with_it(publishing):
    app = FastAPI()

    @app.get("/{anything:path}")
    async def catch_all(anything: str, caller=publishing.require()):  # noqa: B008
        return caller.client_id

    publish(app, publishing)
    client = TestClient(app)

    assert client.get(PATH).json() == publishing.resource_metadata()
    assert client.get("/x").status_code == 401
    assert PATH not in client.get("/openapi.json").text


def test_it_is_an_asgi_application_for_any_router(publishing):
    app = Starlette(routes=[Route(publishing.publication.path, publishing.publication)])

    assert TestClient(app).get(PATH).json()["resource"] == RESOURCE


def test_nothing_is_published_unless_it_is_asked_for(guard):
    with pytest.raises(ValueError, match="publish_metadata"):
        guard.resource_metadata()
    with pytest.raises(ValueError, match="publish_metadata"):
        publish(FastAPI(), guard)


async def test_without_metadata_no_challenge_names_any(guard):
    with pytest.raises(Refusal) as refused:
        await guard.verify({})

    assert "resource_metadata" not in refused.value.headers["WWW-Authenticate"]


def test_an_audience_that_is_no_url_cannot_be_published(make_guard):
    with pytest.raises(ValueError, match="https URL"):
        make_guard(audience="urn:example:persons", publish_metadata=True)
