"""Clients that register themselves (RFC 7591), and look after their own entry (RFC 7592)."""

import asyncio
import json

import pytest

from tests.server.booths import ORDERS, PERSONS, payload_of, running
from tokenbooth.management.clients import registrations
from tokenbooth.protocol.jwt import sign_jwt
from tokenbooth.protocol.keys import generate_key
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS, REFRESH_TOKEN
from tokenbooth.protocol.secret import Secret

PATH = "/oauth2/register"
KEY = generate_key("ES256")
BY_KEY = {
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks": {"keys": [KEY.public.to_jwk()]},
}


def bearer(token):
    return {"authorization": f"Bearer {token}"}


class Office:
    """Short ways to register at one service."""

    def __init__(self, town):
        self.town = town

    async def token(self, apis=("persons",), **options):
        made = await registrations.create_token(self.town.booth, apis=apis, **options)
        self.token_id = made.token_id
        return made.initial_access_token.reveal()

    async def register(self, token, **metadata):
        return await self.town.http.post(PATH, json=metadata, headers=bearer(token))

    async def registered(self, *, options=None, **metadata):
        answer = await self.register(await self.token(**(options or {})), **metadata)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def entry(self, method, made, *, token=None, **metadata):
        token = token or made["registration_access_token"]
        url = f"{PATH}/{made['client_id']}"
        more = {"json": {"client_id": made["client_id"]} | metadata} if method == "PUT" else {}
        return await self.town.http.request(method, url, headers=bearer(token), **more)

    async def gets_token(self, made, **form):
        secret = Secret(made["client_secret"])
        return await self.town.token(secret, client_id=made["client_id"], **form)


@pytest.fixture
def office(town):
    return Office(town)


def refused(answer, code, status=400):
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text


async def test_a_registered_client_gets_what_it_needs_and_works_at_once(office):
    made = await office.registered(client_name="Robot 7")

    assert made["client_id"].startswith("tb_")
    assert made["registration_access_token"]
    assert made["client_secret_expires_at"] == 0
    assert made["client_id_issued_at"] == int(office.town.clock.now())
    assert made["registration_client_uri"].endswith(f"{PATH}/{made['client_id']}")
    assert (made["client_name"], made["grant_types"]) == ("Robot 7", [CLIENT_CREDENTIALS])
    assert made["scope"] == "persons:read persons:write"
    basic = (made["client_id"], made["client_secret"])
    answer = await office.town.http.post(
        "/oauth2/token", data={"grant_type": CLIENT_CREDENTIALS}, auth=basic
    )
    assert payload_of(answer.json()["access_token"])["aud"] == PERSONS


async def test_the_answer_is_not_stored_anywhere(office):
    answer = await office.register(await office.token())

    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer x"},
        {"authorization": "Bearer tbi_AAAA"},
        {"authorization": "Bearer a b"},
    ],
)
async def test_nobody_registers_without_a_token(office, headers):
    answer = await office.town.http.post(PATH, json={}, headers=headers)

    refused(answer, "invalid_token", 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_an_access_token_registers_nothing(office):
    secret = await office.town.add_client()
    token = (await office.town.token(secret)).json()["access_token"]

    refused(await office.register(token), "invalid_token", 401)


async def test_a_token_registers_as_many_clients_as_it_says(office):
    token = await office.token(uses=2)

    statuses = [(await office.register(token)).status_code for _ in range(3)]

    assert statuses == [201, 201, 401]


async def test_in_parallel_and_on_two_nodes_it_registers_no_more(office, settings, clock):
    token = await office.token(uses=3)
    async with running(settings, clock) as other:
        asked = [(office if number % 2 else Office(other)).register(token) for number in range(12)]
        statuses = sorted([answer.status_code for answer in await asyncio.gather(*asked)])

    assert statuses == [201] * 3 + [401] * 9


async def test_a_mistake_does_not_use_the_token_up(office):
    token = await office.token()

    refused(await office.register(token, grant_types=["password"]), "invalid_client_metadata")

    assert (await office.register(token)).status_code == 201


async def test_a_token_ends_when_it_says_and_when_it_is_revoked(office):
    expiring = await office.token(expires_in=60)
    revoked = await office.token()
    await registrations.revoke_token(office.town.booth, office.token_id)
    office.town.clock.travel(60)

    refused(await office.register(expiring), "invalid_token", 401)
    refused(await office.register(revoked), "invalid_token", 401)


async def test_a_token_of_another_issuer_registers_nothing(office):
    await office.town.add_issuer("other")
    token = await office.token()

    answer = await office.town.http.post(f"/other{PATH}", json={}, headers=bearer(token))

    refused(answer, "invalid_token", 401)


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"scope": "orders:read"}, "invalid_client_metadata"),
        ({"scope": "persons:read persons:admin"}, "invalid_client_metadata"),
        ({"grant_types": ["authorization_code"]}, "invalid_client_metadata"),
        ({"grant_types": ["refresh_token"]}, "invalid_client_metadata"),
        ({"client_id": "chosen"}, "invalid_client_metadata"),
        ({"client_secret": "chosen"}, "invalid_client_metadata"),
        (BY_KEY | {"jwks_uri": "https://app.example.com/jwks"}, "invalid_client_metadata"),
        (
            {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://app.example/"},
            "invalid_client_metadata",
        ),
        ({"redirect_uris": ["https://app.example.com/callback"]}, "invalid_redirect_uri"),
    ],
)
async def test_a_client_registers_with_no_more_than_the_token_allows(office, metadata, code):
    token = await office.token(scope="persons:read")

    refused(await office.register(token, **metadata), code)


async def test_a_client_may_want_less_than_the_token_allows(office):
    options = {"apis": ("persons", "orders")}
    made = await office.registered(options=options, scope="orders:read")

    assert made["scope"] == "orders:read"
    token = (await office.gets_token(made)).json()
    assert token["error"] == "invalid_client"  # the method that is registered is Basic
    made = await office.registered(
        options=options, scope="orders:read", token_endpoint_auth_method="client_secret_post"
    )
    claims = payload_of((await office.gets_token(made)).json()["access_token"])
    assert claims["aud"] == ORDERS


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"{", "application/json"), (b"[]", "application/json"), (b"{}", "text/plain"), (b"", "")],
)
async def test_what_is_no_json_is_refused(office, body, content_type):
    headers = bearer(await office.token()) | {"content-type": content_type}

    answer = await office.town.http.post(PATH, content=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["error"] in ("invalid_client_metadata", "invalid_request")


async def test_a_client_with_a_key_gets_no_secret_and_signs(office):
    made = await office.registered(**BY_KEY, dpop_bound_access_tokens=False)
    assert "client_secret" not in made
    assert made["jwks"]["keys"][0]["x"] == KEY.public.to_jwk()["x"]
    now = int(office.town.clock.now())
    claims = {
        "iss": made["client_id"],
        "sub": made["client_id"],
        "aud": "https://auth.example.com",
        "iat": now,
        "exp": now + 60,
        "jti": "one",
    }

    answer = await office.town.ask(
        "/oauth2/token",
        grant_type=CLIENT_CREDENTIALS,
        client_assertion=sign_jwt(claims, KEY, typ="JWT"),
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    )

    assert answer.status_code == 200, answer.text


async def test_a_client_that_wants_bound_tokens_gets_no_others(office):
    made = await office.registered(
        dpop_bound_access_tokens=True, token_endpoint_auth_method="client_secret_post"
    )

    assert (await office.gets_token(made)).json()["error"] == "invalid_dpop_proof"


async def test_a_client_reads_its_entry_without_the_secret(office):
    made = await office.registered(client_name="Robot 7")

    entry = (await office.entry("GET", made)).json()

    assert "client_secret" not in entry
    gone = ("client_secret", "client_secret_expires_at", "registration_access_token")
    for name in made.keys() - set(gone):
        assert entry[name] == made[name]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_registration_token_works_for_its_own_client_alone(office, method):
    mine, other = await office.registered(), await office.registered()
    plain = await office.town.add_client("plain")
    assert plain

    for client_id in (other["client_id"], "plain", "unknown", "*", ""):
        url = f"{PATH}/{client_id}"
        answer = await office.town.http.request(
            method, url, headers=bearer(mine["registration_access_token"])
        )
        refused(answer, "invalid_token", 401)
    assert (await office.entry("GET", other)).status_code == 200


async def test_an_initial_token_opens_no_entry_and_an_entrys_token_registers_nothing(office):
    initial = await office.token(uses=2)
    made = (await office.register(initial)).json()

    refused(await office.entry("GET", made, token=initial), "invalid_token", 401)
    refused(await office.register(made["registration_access_token"]), "invalid_token", 401)


async def test_after_deletion_the_client_and_its_tokens_are_gone(office):
    made = await office.registered(token_endpoint_auth_method="client_secret_post")
    token = (await office.gets_token(made)).json()["access_token"]
    server = await office.town.add_client("server", resource_server_for=("persons",))

    assert (await office.entry("DELETE", made)).status_code == 204

    refused(await office.entry("GET", made), "invalid_token", 401)
    refused(await office.entry("DELETE", made), "invalid_token", 401)
    assert (await office.gets_token(made)).json()["error"] == "invalid_client"
    shown = await office.town.introspect(server, token, client_id="server")
    assert shown.json() == {"active": False}


async def test_a_disabled_client_cannot_free_itself(office):
    made = await office.registered()
    await office.town.change_client(made["client_id"], enabled=False)

    for method in ("GET", "PUT", "DELETE"):
        refused(await office.entry(method, made), "invalid_token", 401)


async def test_an_update_replaces_what_was_and_keeps_the_secret(office):
    made = await office.registered(
        client_name="old", scope="persons:read", token_endpoint_auth_method="client_secret_post"
    )

    answer = await office.entry(
        "PUT", made, client_name="new", token_endpoint_auth_method="client_secret_post"
    )

    assert answer.status_code == 200
    assert (answer.json()["client_name"], answer.json()["scope"]) == ("new", "persons:read")
    assert "client_secret" not in answer.json()
    assert (await office.gets_token(made)).status_code == 200


@pytest.mark.parametrize(
    "metadata",
    [
        {"client_id": "other"},
        {"client_id": None},
        {"scope": "persons:read persons:write"},
        {"scope": "orders:read"},
        {"grant_types": [CLIENT_CREDENTIALS, REFRESH_TOKEN]},
        {"client_secret": "tbs_chosen"},
    ],
)
async def test_an_update_changes_no_id_and_gains_no_scope_grant_or_secret(office, metadata):
    made = await office.registered(scope="persons:read")

    refused(await office.entry("PUT", made, **metadata), "invalid_client_metadata")

    entry = (await office.entry("GET", made)).json()
    assert (entry["scope"], entry["grant_types"]) == ("persons:read", [CLIENT_CREDENTIALS])


async def test_an_update_does_not_bring_back_what_the_operator_took(office):
    made = await office.registered()
    registered = await office.town.store.get_client("default", made["client_id"])
    (access,) = registered.client.access
    narrowed = type(access)(api=access.api, scopes=("persons:read",))
    await office.town.change_client(made["client_id"], access=(narrowed,))

    entry = (await office.entry("PUT", made)).json()

    assert entry["scope"] == "persons:read"


async def test_the_secret_may_be_sent_back_as_it_is(office):
    made = await office.registered()

    answer = await office.entry("PUT", made, client_secret=made["client_secret"])

    assert answer.status_code == 200


async def test_a_client_turns_from_a_secret_to_a_key_and_back(office):
    made = await office.registered(token_endpoint_auth_method="client_secret_post")

    by_key = (await office.entry("PUT", made, **BY_KEY)).json()
    assert by_key["token_endpoint_auth_method"] == "private_key_jwt"
    assert (await office.gets_token(made)).json()["error"] == "invalid_client"

    back = (await office.entry("PUT", made, token_endpoint_auth_method="client_secret_post")).json()
    assert "jwks" not in back
    assert (await office.gets_token(back)).status_code == 200
    assert (await office.gets_token(made)).json()["error"] == "invalid_client"


async def test_a_key_that_stays_is_the_same_credential(office):
    made = await office.registered(**BY_KEY)
    before = await office.town.store.get_client("default", made["client_id"])
    more = [KEY.public.to_jwk(), generate_key("ES256").public.to_jwk()]

    await office.entry("PUT", made, **(BY_KEY | {"jwks": {"keys": more}}))

    after = await office.town.store.get_client("default", made["client_id"])
    assert len(after.credentials) == 2
    assert before.credentials[0].id in {each.id for each in after.credentials}


async def test_a_rotation_by_update_fails_no_call_with_an_older_token(office):
    made = await office.registered(token_endpoint_auth_method="client_secret_post")
    token = (await office.gets_token(made)).json()["access_token"]
    asking = await office.town.add_client("asking", resource_server_for=("persons",))

    await office.entry("PUT", made, **BY_KEY)

    answer = await office.town.introspect(asking, token, client_id="asking")
    assert answer.json()["active"] is True


async def test_an_update_does_not_free_a_client_from_what_its_tokens_are_bound_to(office):
    made = await office.registered(dpop_bound_access_tokens=True)

    entry = (await office.entry("PUT", made, dpop_bound_access_tokens=False)).json()

    assert entry["dpop_bound_access_tokens"] is True


async def test_an_update_puts_no_secret_in_the_place_of_a_certificate(office):
    made = await office.registered()
    await office.town.change_client(made["client_id"], auth_methods=("tls_client_auth",))

    refused(await office.entry("PUT", made), "invalid_client_metadata")


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("POST", f"{PATH}/x")])
async def test_other_methods_are_not_allowed(office, method, path):
    answer = await office.town.http.request(method, path)

    assert answer.status_code == 405


async def test_the_metadata_says_where_to_register(office):
    told = (await office.town.http.get("/.well-known/oauth-authorization-server")).json()

    assert told["registration_endpoint"].endswith(PATH)


async def test_no_token_is_in_the_log(log, office):
    initial = await office.token()
    made = (await office.register(initial)).json()
    await office.entry("GET", made)
    await office.entry("PUT", made)

    written = log()
    assert '"event":"registered"' in written
    for secret in (initial, made["registration_access_token"], made["client_secret"]):
        assert secret not in written
    assert json.dumps(made["client_id"]) in written


async def test_a_used_up_token_costs_no_more_than_one_look(office):
    token = await office.token(uses=5)
    for _ in range(6):
        await office.register(token)

    found = await office.town.store.find_revoked("default", [f"initial:{office.token_id}"])

    assert len(found) == 1
    refused(await office.register(token), "invalid_token", 401)


async def test_a_client_deleted_and_made_anew_under_its_id_is_another(office):
    made = await office.registered()
    await office.entry("DELETE", made)
    await office.town.add_client(made["client_id"])

    refused(await office.entry("GET", made), "invalid_token", 401)
