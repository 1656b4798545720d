"""What a client gets: scopes, audience, lifetime and format, by issuer, API and client."""

import base64
import json
import time

import pytest

from tests.end_to_end.service import Registered, eventually, run_program
from tokenbooth.management.clients.credentials import add_secret

ALL = "persons:read persons:write"


@pytest.fixture(scope="module")
def apis(demo):
    """Two APIs of the default issuer: audiences by name."""
    return {
        "persons": demo.add_api("persons", ALL),
        "cards": demo.add_api("cards", "cards:read"),
    }


@pytest.fixture(scope="module")
def client(demo, apis):
    return demo.register("persons", "cards")


def _claims(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def _header(token: str) -> dict[str, object]:
    header = token.split(".", maxsplit=1)[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))


def test_a_jwt_has_the_claims_of_rfc_9068(demo, apis, client):
    token = demo.access_token(client)
    claims = _claims(token)
    assert _header(token)["typ"] == "at+jwt"
    assert _header(token)["alg"] == "ES256"
    assert claims["iss"] == demo.url
    assert claims["sub"] == claims["client_id"] == client.client_id
    assert claims["aud"] == apis["persons"]
    assert claims["scope"] == ALL
    assert abs(claims["iat"] - time.time()) < 60
    assert claims["exp"] == claims["iat"] + 3600
    assert claims["credential_id"] == client.credential_id
    assert len(claims["jti"]) >= 22


def test_no_two_tokens_are_alike(demo, client):
    tokens = [_claims(demo.access_token(client))["jti"] for _ in range(20)]
    assert len(set(tokens)) == 20


def test_without_a_scope_all_of_the_default_api_is_granted(demo, client):
    assert demo.token(client).json()["scope"] == ALL
    assert demo.token(client, scope="").json()["scope"] == ALL


def test_a_narrower_scope_is_granted_as_asked(demo, client):
    assert demo.token(client, scope="persons:write").json()["scope"] == "persons:write"


def test_a_scope_of_another_api_leads_to_that_api(demo, apis, client):
    token = demo.access_token(client, scope="cards:read")
    assert _claims(token)["aud"] == apis["cards"]


def test_a_resource_is_the_audience(demo, apis, client):
    token = demo.access_token(client, resource=apis["cards"])
    assert _claims(token)["aud"] == apis["cards"]
    assert _claims(token)["scope"] == "cards:read"


def test_two_resources_make_two_audiences(demo, apis, client):
    token = demo.access_token(client, resource=[apis["cards"], apis["persons"]])
    assert _claims(token)["aud"] == [apis["cards"], apis["persons"]]


def test_scopes_of_two_apis_without_a_resource_are_refused(demo, client):
    answer = demo.token(client, scope="cards:read persons:read")
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_scope"


@pytest.mark.parametrize(
    "scope", ["persons:admin", "persons:read  x", "a\x00b", 'a"b', "a\\b", "a\tb", "persons:rêad"]
)
def test_a_scope_that_the_client_may_not_have_is_refused(demo, client, scope):
    answer = demo.token(client, scope=scope)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_scope"


def test_scopes_separated_by_commas_are_refused_with_advice(demo, client):
    answer = demo.token(client, scope="persons:read,persons:write")
    assert answer.json()["error"] == "invalid_scope"
    assert "spaces" in answer.json()["error_description"]


@pytest.mark.parametrize(
    "resource",
    ["/relative", "relative", "https://cards.default.example#x", "https://nobody.example"],
)
def test_a_resource_that_is_bad_or_unknown_is_refused(demo, client, resource):
    answer = demo.token(client, resource=resource)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_target"


def test_one_bad_resource_among_good_ones_is_refused(demo, apis, client):
    answer = demo.token(client, resource=[apis["cards"], "https://nobody.example"])
    assert answer.json()["error"] == "invalid_target"


def test_a_resource_of_an_api_that_the_client_may_not_call_is_refused(demo, apis):
    limited = demo.register("persons")
    answer = demo.token(limited, resource=apis["cards"])
    assert answer.json()["error"] == "invalid_target"


def test_a_client_gets_no_more_than_it_was_registered_for(demo, apis):
    limited = demo.register("persons", scope="persons:read")
    assert demo.token(limited).json()["scope"] == "persons:read"
    assert demo.token(limited, scope=ALL).json()["error"] == "invalid_scope"


def test_a_client_may_have_its_own_lifetime_and_format(demo, apis):
    own = demo.register("persons", token_lifetime=42, token_format="opaque")
    members = demo.token(own).json()
    assert members["expires_in"] == 42
    assert members["access_token"].startswith("tbo_")
    described = demo.introspect(own, members["access_token"]).json()
    assert described["exp"] - described["iat"] == 42


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256", "RS256"])
def test_an_issuer_signs_with_its_algorithm(demo, alg):
    issuer = f"alg-{alg.lower()}"
    demo.add_issuer(issuer, alg=alg)
    demo.add_api("signed", "signed:read", issuer=issuer)
    token = demo.access_token(demo.register("signed", issuer=issuer))
    header = _header(token)
    assert header["alg"] == alg
    published = demo.http.get(f"/{issuer}/.well-known/jwks.json").json()["keys"]
    assert [k["alg"] for k in published if k["kid"] == header["kid"]] == [alg]


@pytest.mark.parametrize("lifetime", [300, 1800, 3599, 3600])
def test_an_issuer_has_its_lifetime(demo, lifetime):
    issuer = f"lives-{lifetime}"
    demo.add_issuer(issuer, token_lifetime=lifetime, token_format="opaque")
    demo.add_api("brief", "brief:read", issuer=issuer)
    answer = demo.token(demo.register("brief", issuer=issuer))
    assert answer.json()["expires_in"] == lifetime
    assert "refresh_token" not in answer.json()


def test_a_client_of_one_issuer_is_unknown_at_another(demo, client):
    for path in ("/jwt-basic/oauth2/token", "/truphone/oauth2/token"):
        answer = demo.post(path, {"grant_type": "client_credentials"}, client)
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"


def test_one_client_id_at_two_issuers_is_two_clients(demo, apis):
    here = demo.register("persons", client_id="namesake")
    there = demo.register("demo", client_id="namesake", issuer="jwt-basic")
    assert demo.token(here).status_code == demo.token(there).status_code == 200
    crossed = demo.post("/jwt-basic/oauth2/token", {"grant_type": "client_credentials"}, here.basic)
    assert crossed.status_code == 401


def test_a_secret_of_another_issuer_is_recognised_as_such(demo, demo_clients):
    secret = demo_clients["jwt-basic"].secret
    answer = demo.post("/oauth2/token", {"grant_type": "client_credentials"}, ("demo", secret))
    assert answer.json()["error"] == "invalid_client"
    assert f"{demo.url}/jwt-basic" in answer.json()["error_description"]


def test_a_resource_server_alone_gets_no_token(demo, apis):
    guard = demo.register(resource_server_for=["persons"])
    answer = demo.token(guard)
    assert answer.status_code == 400
    assert answer.json()["error"] == "unauthorized_client"


def test_several_secrets_of_one_client_all_work(demo, client):
    more = demo.manage(lambda booth: add_secret(booth, client.client_id, issuer="default"))
    second = Registered(client_id=client.client_id, secret=more.client_secret.reveal())
    eventually(lambda: demo.token(second).status_code == 200)
    assert demo.token(client).status_code == 200


def test_an_operator_adds_a_dialect_by_a_file(fresh, tmp_path):
    folder = tmp_path / "dialects"
    folder.mkdir()
    (folder / "acme.toml").write_text(
        'name = "acme"\ntoken_path = "/v7/login"\n'
        '[answer]\naccess_token = "jwt"\nexpires_in = "ttl"\n'
        "[issuer]\ntoken_lifetime = 77\n"
        '[errors.invalid_client]\nstatus = 403\ndescription = "Go away"\n'
    )
    variables = {"TOKENBOOTH_DIALECTS": str(folder)}
    service = fresh("acme", variables=variables)

    create = ("issuers", "create", "acme", "--dialect", "acme", "--database", service.database)
    done = run_program(*create, **variables)
    assert done.returncode == 0, done.stderr
    service.add_api("things", "things:read", issuer="acme")
    client = service.register("things", issuer="acme")
    form = {"grant_type": "client_credentials"}
    members = service.post("/acme/v7/login", form, client).json()
    assert members["ttl"] == 77
    assert members["jwt"].count(".") == 2
    refused = service.post("/acme/v7/login", form, (client.client_id, "wrong"))
    assert refused.status_code == 403
    assert refused.json() == {"error": "invalid_client", "error_description": "Go away"}
