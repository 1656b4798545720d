"""Which issuer and endpoint a path means."""

from dataclasses import replace

import pytest

from tests.server.booths import BASE_URL, payload_of, running
from tokenbooth.server.endpoints.token import token
from tokenbooth.server.router import make_routes

TRUPHONE = "/auth/realms/tru-staff/protocol/openid-connect/token"


@pytest.fixture
async def routes(town):
    """The routes of the default issuer, a vendor's, and one that owns a host."""
    await town.add_issuer("truphone", dialect="truphone")
    await town.add_issuer("owner", url="https://Login.Owner.example:8443/eu", dialect="jwt-basic")
    await town.add_issuer("root", url="https://root.example", dialect="jwt-basic")
    return make_routes(town.registry.issuers.values())


def found(routes, path, host=None):
    route = routes.find(path, host)
    return route and (route.issuer.name, route.endpoint.__name__)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/oauth2/token", ("default", "token")),
        ("/oauth2/introspect", ("default", "introspection")),
        ("/oauth2/revoke", ("default", "revocation")),
        ("/.well-known/jwks.json", ("default", "key_set")),
        ("/.well-known/oauth-authorization-server", ("default", "metadata")),
        ("/.well-known/openid-configuration", ("default", "metadata")),
        ("/truphone/oauth2/token", ("truphone", "token")),
        (f"/truphone{TRUPHONE}", ("truphone", "token")),
        ("/truphone/oauth2/revoke", ("truphone", "revocation")),
        ("/truphone/.well-known/jwks.json", ("truphone", "key_set")),
        ("/truphone/.well-known/openid-configuration", ("truphone", "metadata")),
        ("/.well-known/oauth-authorization-server/truphone", ("truphone", "metadata")),
        ("/owner/oauth/v2/token", ("owner", "token")),
        (TRUPHONE, None),
        ("/oauth/v2/token", None),
        ("/oauth2/token/", None),
        ("//oauth2/token", None),
        ("/nobody/oauth2/token", None),
        ("/default/oauth2/token", None),
        ("/truphone", None),
        ("/", None),
        ("", None),
    ],
)
async def test_finds_issuer_and_endpoint(routes, path, expected):
    assert found(routes, path, "auth.example.com") == expected


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("login.owner.example:8443", "/eu/oauth2/token", ("owner", "token")),
        ("LOGIN.owner.example:8443", "/eu/oauth/v2/token", ("owner", "token")),
        (
            "login.owner.example:8443",
            "/.well-known/oauth-authorization-server/eu",
            ("owner", "metadata"),
        ),
        ("root.example", "/oauth/v2/token", ("root", "token")),
        ("root.example", "/oauth2/token", ("root", "token")),
        ("other.example", "/oauth2/token", ("default", "token")),
        ("other.example", "/eu/oauth2/token", None),
        (None, "/oauth2/token", ("default", "token")),
        ("", "/oauth2/token", ("default", "token")),
        ("root.example", "/truphone/oauth2/token", ("truphone", "token")),
    ],
)
async def test_a_host_that_an_issuer_owns_comes_first(routes, host, path, expected):
    assert found(routes, path, host) == expected


@pytest.mark.parametrize("prefix", ["", "/booth"])
async def test_the_default_issuer_is_found_at_the_root_and_at_its_own_path(settings, clock, prefix):
    async with running(settings, clock, base_url=f"{BASE_URL}/booth") as town:
        answer = await town.http.get(f"{BASE_URL}{prefix}/.well-known/oauth-authorization-server")
        inserted = await town.http.get(f"{BASE_URL}/.well-known/oauth-authorization-server{prefix}")

    assert answer.json()["issuer"] == f"{BASE_URL}/booth"
    assert answer.json()["token_endpoint"] == f"{BASE_URL}/booth/oauth2/token"
    assert inserted.json() == answer.json()


async def test_an_issuers_own_path_wins_over_anothers_name(settings, clock):
    async with running(settings, clock, base_url=f"{BASE_URL}/login") as town:
        await town.add_issuer("login")
        for path, issuer in (
            ("/login/oauth2/token", f"{BASE_URL}/login"),
            ("/login/login/oauth2/token", f"{BASE_URL}/login/login"),
        ):
            assert town.app._routes.find(path, None).issuer.url == issuer


async def test_a_token_from_a_host_names_the_issuer_of_that_host(town):
    await town.add_issuer("root", url="https://root.example")
    await town.add_api("api", "urn:api", "read", issuer="root")
    secret = await town.add_client(access={"api": "read"}, issuer="root")

    answer = await town.token(secret, path="https://root.example/oauth2/token")

    assert payload_of(answer.json()["access_token"])["iss"] == "https://root.example"


async def test_a_new_issuer_is_found_after_the_refresh(town):
    assert (await town.http.post("/later/oauth2/token")).status_code == 404

    await town.add_issuer("later")

    assert (await town.http.post("/later/oauth2/token")).status_code == 400


async def test_another_dialect_moves_the_token_path(town):
    issuer = await town.add_issuer("vendor", dialect="jwt-basic")
    assert town.app._routes.find("/vendor/oauth/v2/token", None).endpoint is token

    await town.store.replace_issuer(replace(issuer, dialect="trulioo-platform"))
    await town.registry.refresh()

    assert town.app._routes.find("/vendor/oauth/v2/token", None) is None
    assert town.app._routes.find("/vendor/connect/token", None).endpoint is token
