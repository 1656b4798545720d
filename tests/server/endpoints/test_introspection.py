"""Introspection: exact, and silent towards those whom a token does not concern."""

from dataclasses import replace

import pytest

from tests.protocol.jose import segment
from tests.server.booths import BASE_URL, PERSONS, payload_of

INACTIVE = b'{"active":false}'


@pytest.fixture(params=["jwt", "opaque"])
async def token(town, request):
    """A token of the client `ada`, in both formats."""
    town.secret = await town.add_client(token_format=request.param)
    return (await town.token(town.secret)).json()["access_token"]


async def test_an_active_token_is_described(town, token, clock):
    answer = await town.introspect(town.secret, token)

    described = answer.json()
    assert len(described.pop("jti")) == 22
    assert described == {
        "active": True,
        "token_type": "Bearer",
        "scope": "persons:read",
        "client_id": "ada",
        "sub": "ada",
        "aud": PERSONS,
        "iss": BASE_URL,
        "iat": clock.now(),
        "exp": clock.now() + 3600,
    }
    assert answer.headers["cache-control"] == "no-store"


async def test_a_token_that_was_active_before_expires_all_the_same(town, token, clock):
    for passed, active in ((3599, True), (1, False)):
        clock.travel(passed)
        assert (await town.introspect(town.secret, token)).json()["active"] is active


async def test_a_token_that_was_active_before_ends_with_its_key(town, token):
    assert (await town.introspect(town.secret, token)).json()["active"] is True
    for key in await town.store.list_keys():
        if key.issuer == "default":
            await town.store.delete_key("default", key.kid)

    assert (await town.introspect(town.secret, token)).content == INACTIVE


async def test_an_api_may_ask_about_the_tokens_for_it(town, token):
    api = await town.add_client("api", access={}, resource_server_for=("persons",))

    assert (await town.introspect(api, token, client_id="api")).json()["active"] is True


async def test_others_learn_nothing(town, token):
    bob = await town.add_client("bob")
    orders = await town.add_client("orders", access={}, resource_server_for=("orders",))

    for client_id, secret in (("bob", bob), ("orders", orders)):
        answer = await town.introspect(secret, token, client_id=client_id)
        assert (answer.status_code, answer.content) == (200, INACTIVE)


async def test_an_expired_token_is_inactive(town, token, clock):
    clock.travel(3600)

    answer = await town.introspect(town.secret, token)

    assert (answer.status_code, answer.content) == (200, INACTIVE)


async def test_a_revoked_token_is_inactive_at_once(town, token):
    await town.revoke(town.secret, token)

    assert (await town.introspect(town.secret, token)).content == INACTIVE


async def test_the_tokens_of_a_disabled_client_are_inactive(town, token):
    api = await town.add_client("api", access={}, resource_server_for=("persons",))
    registered = await town.store.get_client("default", "ada")
    # Nobody refreshes the registry: the question itself must take the change over.
    await town.store.replace_client(replace(registered.client, enabled=False))

    assert (await town.introspect(api, token, client_id="api")).content == INACTIVE


async def test_the_tokens_of_a_deleted_client_are_inactive(town, token):
    api = await town.add_client("api", access={}, resource_server_for=("persons",))

    await town.store.delete_client("default", "ada")

    assert (await town.introspect(api, token, client_id="api")).content == INACTIVE


@pytest.mark.parametrize(
    "garbage",
    ["garbage", "a.b.c", "tbo_", "tbr_AAAA", "eyJhbGciOiJub25lIn0.e30.", "\u00e9", "x" * 30_000],
)
async def test_garbage_is_inactive(town, garbage):
    secret = await town.add_client()

    answer = await town.introspect(secret, garbage)

    assert (answer.status_code, answer.content) == (200, INACTIVE)


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "HS256"])
async def test_a_good_token_without_its_signature_is_inactive(town, alg):
    secret = await town.add_client()
    good = (await town.token(secret)).json()["access_token"]
    header = segment({"alg": alg, "typ": "at+jwt"})

    for unsigned in (f"{header}.{segment(payload_of(good))}.", good.rpartition(".")[0] + "."):
        answer = await town.introspect(secret, unsigned)
        assert (answer.status_code, answer.content) == (200, INACTIVE)
    assert (await town.introspect(secret, good)).json()["active"] is True


async def test_no_answer_and_no_refusal_is_stored_anywhere(town, token):
    wrong = town.booth.secrets.make(town.issuer().record.tag, "credential01")

    for secret, each in ((town.secret, token), (town.secret, "garbage"), (wrong, token)):
        answer = await town.introspect(secret, each)
        assert answer.headers["cache-control"] == "no-store"


async def test_the_token_of_another_issuer_is_inactive(town):
    await town.add_issuer("sandbox")
    await town.add_api("persons", PERSONS, "persons:read", issuer="sandbox")
    theirs = await town.add_client(issuer="sandbox")
    token = (await town.token(theirs, path="/sandbox/oauth2/token")).json()["access_token"]
    ours = await town.add_client()

    assert (await town.introspect(ours, token)).content == INACTIVE


async def test_a_token_is_no_credential(town, token):
    answer = await town.http.post(
        "/oauth2/introspect", data={"token": token}, headers={"Authorization": f"Bearer {token}"}
    )

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_caller_without_proof_is_refused(town, token):
    for form in ({"token": token}, {"token": token, "client_id": "ada"}):
        answer = await town.http.post("/oauth2/introspect", data=form)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_the_token_is_required(town):
    secret = await town.add_client()

    answer = await town.introspect(secret, "")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_takes_post_alone(town):
    answer = await town.http.get("/oauth2/introspect?token=x")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_hint_changes_nothing(town, token):
    for hint in ("access_token", "refresh_token", "unknown"):
        answer = await town.introspect(town.secret, token, token_type_hint=hint)
        assert answer.json()["active"] is True


async def test_an_api_may_not_ask_about_refresh_tokens(town):
    await town.add_issuer("phone", refresh_tokens=True)
    await town.add_api("persons", PERSONS, "persons:read", issuer="phone")
    secret = await town.add_client(issuer="phone")
    api = await town.add_client("api", access={}, resource_server_for=("persons",), issuer="phone")
    path = "/phone/oauth2/introspect"
    token = (await town.token(secret, path="/phone/oauth2/token")).json()["refresh_token"]

    theirs = await town.introspect(api, token, client_id="api", path=path)
    own = (await town.introspect(secret, token, path=path)).json()

    assert theirs.content == INACTIVE
    assert own["active"] is True
    assert "token_type" not in own
