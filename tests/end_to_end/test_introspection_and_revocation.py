"""Asking about tokens and giving them back (RFC 7662, RFC 7009)."""

import time

import pytest

INACTIVE = b'{"active":false}'
FORMATS = ("jwt", "opaque")


@pytest.fixture(scope="module", autouse=True)
def audience(demo):
    return demo.add_api("ledger", "ledger:read ledger:write")


@pytest.fixture(scope="module")
def clients(demo):
    """One client per token format."""
    return {each: demo.register("ledger", token_format=each) for each in FORMATS}


@pytest.fixture(scope="module")
def guard(demo):
    return demo.register(resource_server_for=["ledger"])


@pytest.fixture(scope="module")
def stranger(demo):
    demo.add_api("elsewhere", "elsewhere:read")
    return demo.register("elsewhere", resource_server_for=["elsewhere"])


@pytest.mark.parametrize("token_format", FORMATS)
def test_a_client_may_ask_about_its_own_token(demo, clients, audience, token_format):
    client = clients[token_format]
    answer = demo.introspect(client, demo.access_token(client))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    described = answer.json()
    assert described["active"] is True
    assert described["client_id"] == described["sub"] == client.client_id
    assert described["scope"] == "ledger:read ledger:write"
    assert described["aud"] == audience
    assert described["iss"] == demo.url
    assert described["token_type"] == "Bearer"
    assert described["exp"] - described["iat"] == 3600


@pytest.mark.parametrize("token_format", FORMATS)
def test_a_resource_server_may_ask_about_tokens_for_its_api(demo, clients, guard, token_format):
    assert demo.is_active(guard, demo.access_token(clients[token_format]))


@pytest.mark.parametrize("token_format", FORMATS)
def test_nobody_else_learns_anything(demo, clients, stranger, token_format):
    answer = demo.introspect(stranger, demo.access_token(clients[token_format]))
    assert answer.status_code == 200
    assert answer.content == INACTIVE


@pytest.mark.parametrize(
    "token",
    ["garbage", "a.b.c", "tbo_AAAA", "tbr_AAAA", "eyJhbGciOiJub25lIn0.e30.", "é", "x" * 20_000],
)
def test_what_is_no_token_is_inactive(demo, clients, token):
    answer = demo.introspect(clients["jwt"], token)
    assert answer.status_code == 200
    assert answer.content == INACTIVE


def test_a_token_of_another_issuer_is_inactive(demo, clients, demo_clients):
    foreign = demo.access_token(demo_clients["jwt-basic"])
    sealed = demo.access_token(demo_clients["trulioo-normalized"])
    for token in (foreign, sealed):
        assert demo.introspect(clients["jwt"], token).content == INACTIVE


def test_an_expired_token_is_inactive(demo):
    brief = demo.register("ledger", token_lifetime=1, token_format="opaque")
    token = demo.access_token(brief)
    time.sleep(1.1)
    assert demo.introspect(brief, token).content == INACTIVE


def test_a_wrong_or_unknown_hint_changes_nothing(demo, clients):
    token = demo.access_token(clients["jwt"])
    for hint in ("refresh_token", "access_token", "nonsense", ""):
        assert demo.introspect(clients["jwt"], token, token_type_hint=hint).json()["active"]


def test_a_refresh_token_can_be_asked_about_by_its_client_alone(demo):
    client = demo.register("demo", issuer="truphone")
    guard = demo.register(issuer="truphone", resource_server_for=["demo"])
    token = demo.token(client).json()["refresh_token"]
    assert demo.is_active(client, token)
    assert not demo.is_active(guard, token)


@pytest.mark.parametrize("endpoint", ["introspect", "revoke"])
def test_the_caller_must_prove_itself(demo, clients, endpoint):
    token = demo.access_token(clients["jwt"])
    nobody = demo.post(f"/oauth2/{endpoint}", {"token": token})
    assert nobody.status_code == 401
    assert nobody.json()["error"] == "invalid_client"
    named = demo.post(f"/oauth2/{endpoint}", {"token": token, "client_id": "demo"})
    assert named.status_code == 401
    by_token = demo.post(
        f"/oauth2/{endpoint}", {"token": token}, headers={"Authorization": f"Bearer {token}"}
    )
    assert by_token.status_code == 401


@pytest.mark.parametrize("endpoint", ["introspect", "revoke"])
def test_a_token_must_be_given_once(demo, clients, endpoint):
    for body in ("", "token=", "token=a&token=b"):
        answer = demo.post(f"/oauth2/{endpoint}", body, clients["jwt"])
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize("token_format", FORMATS)
def test_a_revoked_token_is_inactive_at_once(demo, clients, guard, token_format):
    client = clients[token_format]
    token, other = demo.access_token(client), demo.access_token(client)
    answer = demo.revoke(client, token)
    assert answer.status_code == 200
    assert demo.introspect(client, token).content == INACTIVE
    assert demo.introspect(guard, token).content == INACTIVE
    assert demo.is_active(client, other)


def test_revoking_twice_and_revoking_nothing_look_alike(demo, clients):
    client = clients["jwt"]
    token = demo.access_token(client)
    answers = [
        demo.revoke(client, token),
        demo.revoke(client, token),
        demo.revoke(client, "unknown"),
        demo.revoke(client, "tbo_AAAA"),
        demo.revoke(client, token, token_type_hint="nonsense"),
    ]
    assert {(a.status_code, a.content) for a in answers} == {(200, answers[0].content)}


@pytest.mark.parametrize("token_format", FORMATS)
def test_nobody_revokes_the_token_of_another(demo, clients, guard, stranger, token_format):
    client = clients[token_format]
    token = demo.access_token(client)
    for other in (guard, stranger):
        answer = demo.revoke(other, token)
        assert answer.status_code == 400
        assert answer.json()["error"] == "unauthorized_client"
    assert demo.is_active(client, token)


def test_revoking_a_refresh_token_ends_everything_that_came_from_it(demo):
    client = demo.register("demo", issuer="truphone")
    first = demo.token(client).json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = demo.post("/truphone/oauth2/token", form, client).json()
    assert demo.revoke(client, second["refresh_token"]).status_code == 200
    for token in (first["access_token"], second["access_token"], second["refresh_token"]):
        assert not demo.is_active(client, token)
    form["refresh_token"] = second["refresh_token"]
    refused = demo.post("/truphone/oauth2/token", form, client)
    assert refused.json()["error"] == "invalid_grant"


def test_revoking_an_access_token_leaves_its_refresh_token(demo):
    client = demo.register("demo", issuer="truphone")
    first = demo.token(client).json()
    demo.revoke(client, first["access_token"])
    assert not demo.is_active(client, first["access_token"])
    assert demo.is_active(client, first["refresh_token"])


def test_the_guard_refuses_a_revoked_opaque_token(demo):
    client = demo.register("demo", issuer="trulioo-normalized", scope="napi.api")
    token = demo.access_token(client)
    demo.revoke(client, token)
    answer = demo.http.get(
        "/demo/trulioo-normalized/whoami", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 401
