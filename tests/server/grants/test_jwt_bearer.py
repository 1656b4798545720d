"""The JWT bearer grant: whose assertion counts, for whom, and what it brings (RFC 7523 §2.1)."""

import json
import time
from urllib.parse import urlencode

import pytest

from tests.protocol.certificates import make
from tests.protocol.jose import compact, key_for
from tests.remote.local_server import local_server
from tests.server.booths import BASE_URL, FORM, PERSONS, http_scope, payload_of, running
from tests.server.proofs.outside import JWT_BEARER, Outside
from tokenbooth.management.clients.proofs import NewProof, add_proofs
from tokenbooth.protocol.certificate import SELF_SIGNED, read_certificate, thumbprint
from tokenbooth.server.client_certificates import certificate_data
from tokenbooth.server.client_keys import key_data
from tokenbooth.server.records import Credential
from tokenbooth.server.settings import Settings
from tokenbooth.server.shown_certificate import DER_KEY, VERIFIED_KEY

CERTIFICATE = make("CN=ada")


@pytest.fixture
async def outside(settings, clock):
    allowed = Settings(
        database=settings.database,
        change_poll_seconds=60.0,
        allow_private_addresses_for_federation="127.0.0.1",
    )
    with local_server() as server:
        async with running(allowed, clock) as town:
            await town.add_api("persons", PERSONS, "persons:read")
            town.secret = await town.add_client("ada")
            yield Outside(town, server)


def refusal(answer):
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == "invalid_grant"
    return answer.json()["error_description"]


async def test_a_trusted_token_is_exchanged_for_one_of_the_client(outside):
    await outside.trust(copied_claims=["repository"])
    answer = await outside.exchange(outside.token(), scope="persons:read")
    assert answer.status_code == 200, answer.text
    claims = payload_of(answer.json()["access_token"])
    assert claims["sub"] == claims["client_id"] == "ada"
    assert claims["repository"] == "my-org/my-app"


async def test_there_is_no_refresh_token_because_a_new_assertion_renews(outside):
    town = outside.town
    await town.add_issuer("lively", refresh_tokens=True)
    await outside.trust()
    assert "refresh_token" not in (await outside.exchange(outside.token())).json()


async def test_a_client_may_prove_itself_besides(outside):
    await outside.trust()
    secret = outside.town.secret.reveal()
    answer = await outside.exchange(outside.token(), client_secret=secret)
    assert answer.status_code == 200, answer.text
    wrong = await outside.exchange(outside.token(), client_secret=secret[:-1] + "x")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")


async def test_a_client_that_proves_itself_by_certificate_gets_bound_tokens_here_too(outside):
    town = outside.town
    town.clock.travel(time.time() - town.clock.now())
    await outside.trust()
    await town.store.add_credential(
        Credential(
            id="certificate",
            issuer="default",
            client_id="ada",
            kind="certificate",
            data=certificate_data(read_certificate(CERTIFICATE.der)),
            created_at=0,
        )
    )
    await town.change_client("ada", auth_methods=(SELF_SIGNED, "federated_jwt"))
    form = {"grant_type": JWT_BEARER, "assertion": outside.token(), "client_id": "ada"}
    scope = http_scope(path="/oauth2/token", headers=[FORM])
    scope["state"] = {DER_KEY: CERTIFICATE.der, VERIFIED_KEY: False}
    sent = []

    async def receive():
        return {"type": "http.request", "body": urlencode(form).encode()}

    async def send(message):
        sent.append(message)

    await town.app(scope, receive, send)

    claims = payload_of(json.loads(sent[1]["body"])["access_token"])
    assert claims["cnf"] == {"x5t#S256": thumbprint(CERTIFICATE.der)}


async def test_an_assertion_of_one_client_brings_another_one_nothing(outside):
    await outside.trust()
    bob = await outside.town.add_client("bob")
    answer = await outside.exchange(outside.token(), client_id="bob", client_secret=bob.reveal())
    refusal(answer)


async def test_a_clients_own_key_may_sign_the_grant(outside):
    key, now = key_for("ES256"), outside.town.clock.now()
    proof = NewProof(
        method="private_key_jwt",
        kind="jwk",
        data=key_data(key.public),
        hint="x",
        grants=(JWT_BEARER,),
    )
    await add_proofs(outside.town.booth, "ada", [proof])
    await outside.town.registry.refresh()
    claims = {"iss": "ada", "sub": "ada", "aud": BASE_URL, "exp": now + 60, "jti": "1"}
    assertion = compact({"alg": key.alg, "kid": key.kid}, claims, key=key)
    assert (await outside.exchange(assertion, client_id=None)).status_code == 200
    assert "used before" in refusal(await outside.exchange(assertion, client_id=None))


async def test_a_client_without_the_grant_may_not_use_it(outside):
    await outside.trust()
    await outside.town.change_client("ada", grant_types=("client_credentials",))
    answer = await outside.exchange(outside.token())
    assert answer.json()["error"] == "unauthorized_client"


async def test_without_an_assertion_the_request_is_invalid(outside):
    assert (await outside.exchange(None)).json()["error"] == "invalid_request"


async def test_without_a_client_id_nobody_knows_whose_rules_apply(outside):
    await outside.trust()
    assert "client_id" in refusal(await outside.exchange(outside.token(), client_id=None))
    assert outside.server.seen == []


@pytest.mark.parametrize("assertion", ["x", "a.b.c", "e30.e30.AA", "\u00e9"])
async def test_what_is_no_assertion_is_an_invalid_grant(outside, assertion):
    refusal(await outside.exchange(assertion))


async def test_an_issuer_that_the_client_does_not_name_causes_no_fetch(outside):
    await outside.trust()
    with local_server() as listener:
        stranger = Outside(outside.town, listener)
        refusal(await outside.exchange(stranger.token()))
        assert listener.seen == []


async def test_the_grant_is_advertised(outside):
    answer = await outside.town.http.get("/.well-known/oauth-authorization-server")
    assert JWT_BEARER in answer.json()["grant_types_supported"]
