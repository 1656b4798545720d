"""The profile `fapi2`: what the FAPI 2.0 security profile forbids is refused, and said."""

import datetime as dt
import itertools
import json
from dataclasses import replace

import pytest

from tests.protocol.certificates import make
from tests.protocol.jose import compact
from tests.protocol.proofs import proof
from tests.server.booths import BASE_URL, FORM, http_scope, payload_of
from tests.server.test_metadata_is_true import key_for
from tokenbooth.management.clients.registrations import create_token
from tokenbooth.protocol.assertion import ASSERTION_ALGORITHMS, JWT_BEARER_ASSERTION
from tokenbooth.protocol.certificate import SELF_SIGNED, TLS_METHODS, read_certificate, thumbprint
from tokenbooth.protocol.dpop import PROOF_ALGORITHMS
from tokenbooth.server.client_certificates import certificate_data
from tokenbooth.server.client_keys import key_data
from tokenbooth.server.records import ClientPolicy, Credential, IssuerPolicy
from tokenbooth.server.shown_certificate import DER_KEY, VERIFIED_KEY

TOKEN_URL = f"{BASE_URL}/oauth2/token"
ALLOWED = ("PS256", "ES256", "EdDSA", "Ed25519")
# Good in the year in which the tests' clock stands still.
OWN = make("CN=ada,O=Example", not_after=dt.datetime(2100, 1, 1, tzinfo=dt.UTC))
_numbers = itertools.count()


class Bank:
    """The default issuer under the profile, and a client with a key of every kind."""

    def __init__(self, town):
        self.town = town

    async def add(self, kind, data, client_id="ada"):
        await self.town.store.add_credential(
            Credential(
                id=f"own{next(_numbers)}",
                issuer="default",
                client_id=client_id,
                kind=kind,
                data=data,
                created_at=self.town.clock.now(),
            )
        )
        await self.town.registry.refresh()

    def assertion(self, alg="ES256", **claims):
        key = key_for(alg)
        body = {
            "iss": "ada",
            "sub": "ada",
            "aud": BASE_URL,
            "exp": self.town.clock.now() + 60,
            "jti": f"jti{next(_numbers)}",
        } | claims
        return {
            "client_assertion_type": JWT_BEARER_ASSERTION,
            "client_assertion": compact({"alg": alg, "kid": key.kid}, body, key=key),
        }

    def proof(self, alg="ES256"):
        return {"dpop": proof(key=key_for(alg), url=TOKEN_URL, now=self.town.clock.now())}

    async def post(self, form, headers=None, path="/oauth2/token"):
        form = {"grant_type": "client_credentials"} | form
        return await self.town.http.post(path, data=form, headers=headers or {})

    async def by_certificate(self, identity):
        """Ask over a connection with a certificate, as our listener passes it on."""
        scope = http_scope(headers=[FORM])
        scope["state"] = {DER_KEY: identity.der, VERIFIED_KEY: True}
        sent = []

        async def receive():
            return {
                "type": "http.request",
                "body": b"grant_type=client_credentials&client_id=ada",
            }

        async def send(message):
            sent.append(message)

        await self.town.app(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])


async def follow(town, profile="fapi2", **changes):
    record = replace(town.issuer().record, policy=IssuerPolicy(profile=profile), **changes)
    await town.store.replace_issuer(record)
    await town.registry.refresh()


@pytest.fixture
async def bank(town):
    await town.add_client(auth_methods=("private_key_jwt",))
    await follow(town)
    bank = Bank(town)
    for alg in ASSERTION_ALGORITHMS:
        await bank.add("jwk", key_data(key_for(alg).public))
    return bank


@pytest.mark.parametrize("alg", ALLOWED)
async def test_a_signature_and_a_proof_get_a_bound_token(bank, alg):
    answer = await bank.post(bank.assertion(alg), bank.proof(alg))

    assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
    bound = payload_of(answer.json()["access_token"])["cnf"]
    assert bound == {"jkt": key_for(alg).public.thumbprint}


async def test_a_certificate_gets_a_token_bound_to_it(bank):
    await bank.add("certificate", certificate_data(read_certificate(OWN.der)))
    await bank.town.change_client("ada", auth_methods=(SELF_SIGNED,))

    status, answer = await bank.by_certificate(OWN)

    assert status == 200
    assert payload_of(answer["access_token"])["cnf"] == {"x5t#S256": thumbprint(OWN.der)}


async def test_a_certificate_binds_even_where_the_client_is_exempt(bank):
    await bank.add("certificate", certificate_data(read_certificate(OWN.der)))
    policy = ClientPolicy(certificate_bound=False)
    await bank.town.change_client("ada", auth_methods=(SELF_SIGNED,), policy=policy)

    _, answer = await bank.by_certificate(OWN)

    assert payload_of(answer["access_token"])["cnf"] == {"x5t#S256": thumbprint(OWN.der)}


async def test_no_bearer_token_is_given(bank):
    answer = await bank.post(bank.assertion())

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert answer.json()["error_description"] == (
        "This issuer follows the FAPI 2.0 security profile, and gives no bearer tokens: "
        "send a proof in the header DPoP, or connect with a TLS certificate."
    )


@pytest.mark.parametrize("alg", [each for each in ASSERTION_ALGORITHMS if each not in ALLOWED])
async def test_another_algorithm_of_an_assertion_is_refused(bank, alg):
    answer = await bank.post(bank.assertion(alg), bank.proof())

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert f"and not with {alg}." in answer.json()["error_description"]


@pytest.mark.parametrize("alg", [each for each in PROOF_ALGORITHMS if each not in ALLOWED])
async def test_another_algorithm_of_a_proof_is_refused(bank, alg):
    answer = await bank.post(bank.assertion(), bank.proof(alg))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"])
async def test_secrets_are_refused_at_every_endpoint_whoever_has_them(bank, path):
    secret = await bank.town.add_client("old")
    for client_id in ("old", "nobody"):
        form = {"client_id": client_id, "client_secret": secret.reveal(), "token": "x"}
        answer = await bank.post(form, bank.proof(), path=path)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert answer.json()["error_description"] == (
            "This issuer follows the FAPI 2.0 security profile: clients authenticate by one of "
            "private_key_jwt, tls_client_auth, self_signed_tls_client_auth, "
            "and not by client_secret_post."
        )


async def test_what_another_issuer_says_of_a_client_is_refused(bank):
    form = bank.assertion(iss="https://elsewhere.example", sub="workload") | {"client_id": "ada"}

    answer = await bank.post(form, bank.proof())

    assert answer.status_code == 401
    assert "and not by federated_jwt." in answer.json()["error_description"]


@pytest.mark.parametrize("grant", ["urn:ietf:params:oauth:grant-type:jwt-bearer", "refresh_token"])
async def test_other_grants_are_refused(bank, grant):
    await follow(bank.town, refresh_tokens=True)
    form = {"grant_type": grant, "assertion": "x", "refresh_token": "x"} | bank.assertion()

    answer = await bank.post(form, bank.proof())

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


async def test_an_assertion_that_names_the_endpoint_as_its_audience_is_refused(bank):
    for audience in (TOKEN_URL, [BASE_URL], [BASE_URL, "https://x.example"]):
        answer = await bank.post(bank.assertion(aud=audience), bank.proof())
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), audience


async def test_the_metadata_offers_what_is_accepted_alone(bank):
    told = (await bank.town.http.get("/.well-known/oauth-authorization-server")).json()

    for endpoint in ("token", "introspection", "revocation"):
        methods = told[f"{endpoint}_endpoint_auth_methods_supported"]
        assert set(methods) <= {"private_key_jwt", *TLS_METHODS}
        assert "private_key_jwt" in methods
        algorithms = told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert set(algorithms) == set(ALLOWED)
    assert set(told["dpop_signing_alg_values_supported"]) == set(ALLOWED)
    assert set(told["grant_types_supported"]) == {
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    }


async def test_under_the_usual_profile_all_of_this_goes(bank):
    secret = await bank.town.add_client("old")
    await follow(bank.town, "oauth21")

    old = {"client_id": "old", "client_secret": secret.reveal()}
    assert (await bank.post(old)).json()["token_type"] == "Bearer"
    assert (await bank.post(bank.assertion("RS256"))).json()["token_type"] == "Bearer"


async def test_the_answer_of_one_request_binds_no_other(bank):
    # The decision is remembered, its binding must not be.
    first = await bank.post(bank.assertion(), bank.proof("ES256"))
    second = await bank.post(bank.assertion(), bank.proof("EdDSA"))
    third = await bank.post(bank.assertion())

    bound = [payload_of(each.json()["access_token"])["cnf"]["jkt"] for each in (first, second)]
    assert bound == [key_for(alg).public.thumbprint for alg in ("ES256", "EdDSA")]
    assert third.status_code == 400


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({}, 400),
        ({"token_endpoint_auth_method": "client_secret_basic"}, 400),
        ({"token_endpoint_auth_method": "private_key_jwt", "alg": "RS256"}, 400),
        ({"token_endpoint_auth_method": "private_key_jwt", "alg": "PS256"}, 201),
    ],
)
async def test_clients_register_themselves_within_the_profile(bank, metadata, status):
    token = await create_token(bank.town.booth, apis=["persons"])
    if "alg" in metadata:
        metadata = dict(metadata)
        metadata["jwks"] = {"keys": [key_for(metadata.pop("alg")).public.to_jwk()]}

    answer = await bank.town.http.post(
        "/oauth2/register",
        json=metadata,
        headers={"authorization": f"Bearer {token.initial_access_token.reveal()}"},
    )

    assert answer.status_code == status, answer.text
    if status == 400:
        assert answer.json()["error"] == "invalid_client_metadata"
        assert "FAPI 2.0 security profile" in answer.json()["error_description"]
