"""Token exchange at the token endpoint: who may exchange what, and for no more (RFC 8693)."""

import pytest

from tests.server.booths import BASE_URL, ORDERS, PERSONS, payload_of, running
from tokenbooth.protocol.dpop import make_proof
from tokenbooth.protocol.keys import generate_key
from tokenbooth.protocol.messages import CLIENT_CREDENTIALS
from tokenbooth.protocol.token_exchange import ACCESS_TOKEN_TYPE, JWT_TYPE, TOKEN_EXCHANGE
from tokenbooth.server import revocations
from tokenbooth.server.records import ClientPolicy

BOTH = {"persons": "persons:read persons:write", "orders": "orders:read"}
GRANTS = (CLIENT_CREDENTIALS, TOKEN_EXCHANGE)


class Hall:
    """A first client `ada`, and a gateway that serves `persons` and calls `orders`."""

    def __init__(self, town, ada, gateway):
        self.town, self.ada, self.gateway = town, ada, gateway

    async def of_ada(self, **form):
        form = {"resource": [PERSONS, ORDERS]} | form
        return (await self.town.token(self.ada, **form)).json()["access_token"]

    async def of_gateway(self, **form):
        answer = await self.town.token(self.gateway, client_id="gateway", **form)
        return answer.json()["access_token"]

    async def exchange(self, subject, *, client_id="gateway", secret=None, **form):
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": subject,
            "subject_token_type": ACCESS_TOKEN_TYPE,
        } | form
        secret = secret or self.gateway
        return await self.town.token(secret, client_id=client_id, **form)

    async def post(self, client_id, secret, form, *, key=None):
        url = f"{BASE_URL}/oauth2/token"
        proof = key and make_proof(key, method="POST", url=url, now=self.town.clock.now())
        headers = {"dpop": proof} if proof else {}
        basic = (client_id, secret.reveal())
        return await self.town.http.post("/oauth2/token", data=form, auth=basic, headers=headers)

    async def exchanged(self, subject, **form):
        answer = await self.exchange(subject, **form)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]


@pytest.fixture
async def hall(town):
    ada = await town.add_client("ada", access=BOTH)
    gateway = await town.add_client(
        "gateway",
        access={"orders": "orders:read", "persons": "persons:read"},
        resource_server_for=("persons",),
        grant_types=GRANTS,
    )
    return Hall(town, ada, gateway)


def refused(answer, code="invalid_request", status=400):
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text
    return answer.json()["error_description"]


async def test_a_bound_token_is_exchanged_for_bound_ones_alone(hall):
    # Otherwise whoever serves one API could turn it into a bearer token for the next.
    key, other = generate_key("ES256"), generate_key("ES256")
    form = {"grant_type": CLIENT_CREDENTIALS, "resource": [PERSONS, ORDERS]}
    answer = await hall.post("ada", hall.ada, form, key=key)
    bound = answer.json()["access_token"]
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": bound}
    form["subject_token_type"] = ACCESS_TOKEN_TYPE

    assert "bound" in refused(await hall.post("gateway", hall.gateway, form))
    exchanged = await hall.post("gateway", hall.gateway, form, key=other)

    # To the key of who has it from now on.
    claims = payload_of(exchanged.json()["access_token"])
    assert claims["cnf"] == {"jkt": other.public.thumbprint}


async def test_impersonation_gives_the_subjects_token_for_one_api(hall):
    answer = await hall.exchange(await hall.of_ada(), resource=ORDERS)

    body = answer.json()
    assert body["issued_token_type"] == ACCESS_TOKEN_TYPE
    assert (body["token_type"], body["scope"]) == ("Bearer", "orders:read")
    assert "refresh_token" not in body
    claims = payload_of(body["access_token"])
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("ada", "gateway", ORDERS)
    assert "act" not in claims


async def test_delegation_names_the_actor(hall):
    token = await hall.exchanged(
        await hall.of_ada(),
        actor_token=await hall.of_gateway(),
        actor_token_type=ACCESS_TOKEN_TYPE,
    )

    claims = payload_of(token)
    assert (claims["sub"], claims["act"]) == ("ada", {"sub": "gateway"})


async def test_delegated_again_the_actors_are_nested(hall):
    second = await hall.town.add_client(
        "second", access=BOTH, resource_server_for=("orders",), grant_types=GRANTS
    )
    first = await hall.exchanged(
        await hall.of_ada(),
        actor_token=await hall.of_gateway(),
        actor_token_type=ACCESS_TOKEN_TYPE,
    )
    own = (await hall.town.token(second, client_id="second")).json()["access_token"]

    token = await hall.exchanged(
        first,
        client_id="second",
        secret=second,
        actor_token=own,
        actor_token_type=JWT_TYPE,
        resource=ORDERS,
    )

    claims = payload_of(token)
    assert claims["act"] == {"sub": "second", "act": {"sub": "gateway"}}
    assert (claims["sub"], claims["client_id"]) == ("ada", "second")
    description = (await hall.town.introspect(second, token, client_id="second")).json()
    assert (description["active"], description["act"]) == (True, claims["act"])


async def test_impersonating_a_delegated_token_does_not_hide_its_actor(hall):
    first = await hall.exchanged(
        await hall.of_ada(),
        actor_token=await hall.of_gateway(),
        actor_token_type=ACCESS_TOKEN_TYPE,
    )

    assert payload_of(await hall.exchanged(first))["act"] == {"sub": "gateway"}


async def test_without_a_resource_it_is_for_what_both_may_reach(hall):
    claims = payload_of(await hall.exchanged(await hall.of_ada()))

    assert set(claims["aud"]) == {PERSONS, ORDERS}
    assert set(claims["scope"].split()) == {"persons:read", "orders:read"}


async def test_no_scope_is_gained_that_the_subject_has_not(hall):
    subject = await hall.of_ada(scope="persons:read")

    refused(await hall.exchange(subject, scope="orders:read", resource=ORDERS), "invalid_scope")
    assert payload_of(await hall.exchanged(subject))["scope"] == "persons:read"


async def test_no_scope_is_gained_that_the_client_has_not(hall):
    subject = await hall.of_ada()

    answer = await hall.exchange(subject, scope="persons:write", resource=PERSONS)

    refused(answer, "invalid_scope")


async def test_scopes_that_have_nothing_in_common_are_refused(hall):
    subject = await hall.of_ada(scope="persons:write")

    refused(await hall.exchange(subject, resource=ORDERS), "invalid_scope")


@pytest.mark.parametrize("parameter", ["resource", "audience"])
async def test_an_audience_beyond_the_subjects_or_unknown_is_an_invalid_target(hall, parameter):
    subject = await hall.of_ada(resource=PERSONS)

    for target in (ORDERS, "https://unknown.example.com"):
        refused(await hall.exchange(subject, **{parameter: target}), "invalid_target")


async def test_an_audience_that_the_client_may_not_call_is_an_invalid_target(hall):
    await hall.town.add_api("mail", "https://mail.example.com", "send")
    bob = await hall.town.add_client("bob", access={"persons": "persons:read", "mail": "send"})
    resources = [PERSONS, "https://mail.example.com"]
    subject = (await hall.town.token(bob, client_id="bob", resource=resources)).json()

    answer = await hall.exchange(subject["access_token"], resource="https://mail.example.com")

    refused(answer, "invalid_target")


async def test_it_never_lives_longer_than_the_subject(hall):
    subject = await hall.of_ada()
    hall.town.clock.travel(3000)

    answer = await hall.exchange(subject)

    assert answer.json()["expires_in"] == 600
    exchanged = payload_of(answer.json()["access_token"])
    assert exchanged["exp"] == payload_of(subject)["exp"]


async def test_a_client_outside_the_audience_may_not_exchange(hall):
    stranger = await hall.town.add_client("eve", access=BOTH, grant_types=GRANTS)

    answer = await hall.exchange(await hall.of_ada(), client_id="eve", secret=stranger)

    refused(answer)


async def test_a_client_may_be_allowed_to_exchange_what_is_not_meant_for_it(hall):
    policy = ClientPolicy(exchanges=("persons",))
    broker = await hall.town.add_client("broker", access=BOTH, grant_types=GRANTS, policy=policy)

    token = await hall.exchanged(await hall.of_ada(), client_id="broker", secret=broker)

    assert payload_of(token)["sub"] == "ada"


async def test_a_client_without_the_grant_may_not_exchange(hall):
    plain = await hall.town.add_client("plain", access=BOTH, resource_server_for=("persons",))

    answer = await hall.exchange(await hall.of_ada(), client_id="plain", secret=plain)

    refused(answer, "unauthorized_client")


async def test_expired_revoked_foreign_and_broken_subjects_look_alike(hall, settings, clock):
    town = hall.town
    revoked = await hall.of_ada()
    await town.revoke(hall.ada, revoked)
    expired = await hall.of_ada()
    clock.travel(3600)
    await town.add_issuer("other")
    await town.add_api("persons", PERSONS, "persons:read", issuer="other")
    other = await town.add_client(issuer="other")
    foreign = (await town.token(other, path="/other/oauth2/token")).json()["access_token"]
    good = await hall.of_ada()

    texts = {
        refused(await hall.exchange(subject))
        for subject in (revoked, expired, foreign, good[:-4] + "AAAA", "a.b.c", "tbo_x", "x")
    }

    assert len(texts) == 1


async def test_a_subject_whose_client_was_disabled_is_refused(hall):
    subject = await hall.of_ada()
    await hall.town.change_client("ada", enabled=False)

    refused(await hall.exchange(subject))


async def test_a_refresh_token_is_no_subject(hall, settings, clock):
    town = hall.town
    await town.add_issuer("fresh", refresh_tokens=True)
    await town.add_api("persons", PERSONS, "persons:read", issuer="fresh")
    secret = await town.add_client(
        "gateway", issuer="fresh", grant_types=GRANTS, resource_server_for=("persons",)
    )
    path = "/fresh/oauth2/token"
    own = (await town.token(secret, path=path, client_id="gateway")).json()

    refused(await hall.exchange(own["refresh_token"], path=path, secret=secret))
    # And an exchange gives none, where a plain request does.
    answer = await hall.exchange(own["access_token"], path=path, secret=secret)
    assert "refresh_token" not in answer.json()


async def test_when_the_subject_is_revoked_what_came_of_it_ends_too(hall):
    subject = await hall.of_ada()
    token = await hall.exchanged(subject, resource=PERSONS)
    again = await hall.exchanged(token)

    await hall.town.revoke(hall.ada, subject)

    for each in (token, again):
        answer = await hall.town.introspect(hall.gateway, each, client_id="gateway")
        assert answer.json() == {"active": False}


async def test_when_the_subjects_client_is_stopped_what_came_of_its_tokens_ends_too(hall):
    token = await hall.exchanged(await hall.of_ada())
    client = (await hall.town.store.get_client("default", "ada")).client

    await hall.town.store.revoke([revocations.of_client(client, hall.town.clock.now())])

    answer = await hall.town.introspect(hall.gateway, token, client_id="gateway")
    assert answer.json() == {"active": False}


async def test_an_actor_token_of_somebody_else_is_refused(hall):
    eve = await hall.town.add_client("eve", access={"orders": "orders:read"})
    stolen = (await hall.town.token(eve, client_id="eve")).json()["access_token"]

    answer = await hall.exchange(
        await hall.of_ada(), actor_token=stolen, actor_token_type=ACCESS_TOKEN_TYPE
    )

    refused(answer)


async def test_a_revoked_actor_token_is_refused(hall):
    own = await hall.of_gateway()
    await hall.town.revoke(hall.gateway, own, client_id="gateway")

    answer = await hall.exchange(
        await hall.of_ada(), actor_token=own, actor_token_type=ACCESS_TOKEN_TYPE
    )

    refused(answer)


async def test_only_whom_the_subject_token_names_may_act(hall):
    policy = ClientPolicy(claims={"may_act": {"sub": "gateway"}})
    bob = await hall.town.add_client("bob", access=BOTH, policy=policy)
    second = await hall.town.add_client(
        "second", access=BOTH, resource_server_for=("persons",), grant_types=GRANTS
    )
    subject = (await hall.town.token(bob, client_id="bob")).json()["access_token"]

    assert payload_of(await hall.exchanged(subject))["sub"] == "bob"
    refused(await hall.exchange(subject, client_id="second", secret=second))


async def test_an_actor_that_the_subject_token_does_not_name_is_refused(hall):
    policy = ClientPolicy(claims={"may_act": {"sub": "someone-else"}})
    bob = await hall.town.add_client("bob", access=BOTH, policy=policy)
    subject = (await hall.town.token(bob, client_id="bob")).json()["access_token"]

    answer = await hall.exchange(
        subject, actor_token=await hall.of_gateway(), actor_token_type=ACCESS_TOKEN_TYPE
    )

    refused(answer)


@pytest.mark.parametrize(
    "form",
    [
        {"subject_token": None},
        {"subject_token_type": None},
        {"subject_token": ""},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"subject_token_type": "access_token"},
        {"subject_token": "tbo_opaque", "subject_token_type": JWT_TYPE},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"requested_token_type": "jwt"},
        {"actor_token": "a.b.c"},
        {"actor_token_type": ACCESS_TOKEN_TYPE},
        {"actor_token": "a.b.c", "actor_token_type": "x"},
        {"actor_token": "a.b.c", "actor_token_type": ACCESS_TOKEN_TYPE},
    ],
)
async def test_what_is_missing_unknown_or_unusable_is_an_invalid_request(hall, form):
    refused(await hall.exchange(await hall.of_ada(), **form))


async def test_a_jwt_may_be_asked_for_by_that_name(hall):
    answer = await hall.exchange(await hall.of_ada(), requested_token_type=JWT_TYPE)

    assert answer.json()["issued_token_type"] == JWT_TYPE


async def test_opaque_tokens_are_exchanged_for_opaque_tokens(town):
    await town.add_issuer("sealed", token_format="opaque")
    await town.add_api("persons", PERSONS, "persons:read", issuer="sealed")
    ada = await town.add_client(issuer="sealed")
    gateway = await town.add_client(
        "gateway", issuer="sealed", grant_types=GRANTS, resource_server_for=("persons",)
    )
    hall, path = Hall(town, ada, gateway), "/sealed/oauth2/token"
    subject = await hall.of_ada(path=path, resource=PERSONS)

    token = await hall.exchanged(subject, path=path)

    description = await town.introspect(
        gateway, token, client_id="gateway", path="/sealed/oauth2/introspect"
    )
    assert token.startswith("tbo_")
    assert (description.json()["sub"], description.json()["client_id"]) == ("ada", "gateway")
    refused(await hall.exchange(subject, path=path, requested_token_type=JWT_TYPE))


async def test_a_row_of_exchanges_ends_somewhere(hall):
    token = await hall.of_ada()
    for _ in range(100):
        answer = await hall.exchange(token)
        if answer.status_code != 200:
            break
        token = answer.json()["access_token"]

    refused(answer)
    assert len(token) < 4096


async def test_a_token_of_another_node_with_a_newer_key_can_be_exchanged(hall, settings, clock):
    async with running(settings, clock) as other:
        subject = (await other.token(hall.ada, resource=PERSONS)).json()["access_token"]

    assert (await hall.exchange(subject)).status_code == 200


async def test_one_subject_does_not_leak_into_the_next_decision(hall):
    bob = await hall.town.add_client("bob", access=BOTH)
    of_bob = (await hall.town.token(bob, client_id="bob")).json()["access_token"]
    hall.town.clock.travel(1000)

    first = payload_of(await hall.exchanged(await hall.of_ada()))
    second = payload_of(await hall.exchanged(of_bob))
    own = payload_of(await hall.of_gateway())

    assert (first["sub"], second["sub"], own["sub"]) == ("ada", "bob", "gateway")
    assert second["exp"] < first["exp"]
    assert "rests_on" not in own


async def test_the_log_says_for_what_it_was_exchanged(log, hall):
    subject = await hall.of_ada()
    await hall.exchanged(subject)

    assert f'"exchanged_for":["{payload_of(subject)["jti"]}"]' in log()
    assert subject not in log()
