"""The metadata advertises what is accepted, and nothing else (RFC 8414 §2)."""

import base64
from functools import cache
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.protocol.jose import compact
from tests.protocol.proofs import proof
from tests.server.booths import PERSONS, payload_of
from tokenbooth.protocol.assertion import JWT_BEARER_ASSERTION
from tokenbooth.protocol.keys import signing_key
from tokenbooth.protocol.token_exchange import ACCESS_TOKEN_TYPE
from tokenbooth.server.client_keys import key_data
from tokenbooth.server.records import Credential

CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
URL = "https://auth.example.com/whole"
_numbers = count()


@cache
def key_for(alg):
    """A key for any algorithm that clients may sign with, not only for those of issuers."""
    if alg in CURVES:
        private = ec.generate_private_key(CURVES[alg]())
    elif alg.startswith("Ed"):
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        private = rsa.generate_private_key(65537, 2048)
    return signing_key(
        private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), alg
    )


class Whole:
    """An issuer with everything, and a client that may use all of it."""

    def __init__(self, town, told, secret):
        self.town, self.told, self.secret = town, told, secret

    def assertion(self, key, **header):
        claims = {
            "iss": "ada",
            "sub": "ada",
            "aud": URL,
            "exp": self.town.clock.now() + 60,
            "jti": f"jti{next(_numbers)}",
        }
        return compact({"alg": key.alg, "kid": key.kid} | header, claims, key=key)

    def proved(self, method, *, alg="ES256"):
        """The headers and parameters with which the client proves itself."""
        id_and_secret = f"ada:{self.secret.reveal()}".encode()
        if method == "client_secret_basic":
            return {"authorization": f"Basic {base64.b64encode(id_and_secret).decode()}"}, {}
        if method == "client_secret_post":
            return {}, {"client_id": "ada", "client_secret": self.secret.reveal()}
        return {}, {
            "client_assertion_type": JWT_BEARER_ASSERTION,
            "client_assertion": self.assertion(key_for(alg)),
        }

    async def ask(
        self, method="client_secret_basic", *, at="token", alg="ES256", dpop=None, **form
    ):
        headers, more = self.proved(method, alg=alg)
        headers |= {"dpop": dpop} if dpop else {}
        form = {"grant_type": "client_credentials"} | form if at == "token" else form
        return await self.town.http.post(
            self.told[f"{at}_endpoint"], data=form | more, headers=headers
        )


@pytest.fixture
async def whole(town):
    await town.add_issuer("whole", refresh_tokens=True)
    await town.add_api("persons", PERSONS, "persons:read persons:write", issuer="whole")
    told = (await town.http.get("/whole/.well-known/oauth-authorization-server")).json()
    secret = await town.add_client(
        issuer="whole",
        access={"persons": "persons:read persons:write"},
        resource_server_for=("persons",),
        auth_methods=tuple(told["token_endpoint_auth_methods_supported"]),
        grant_types=tuple(told["grant_types_supported"]),
    )
    for alg in told["token_endpoint_auth_signing_alg_values_supported"]:
        await town.store.add_credential(
            Credential(
                id=f"key{next(_numbers)}",
                issuer="whole",
                client_id="ada",
                kind="jwk",
                data=key_data(key_for(alg).public),
                created_at=town.clock.now(),
            )
        )
    await town.registry.refresh()
    return Whole(town, told, secret)


async def test_every_advertised_method_works_at_every_endpoint_that_names_it(whole):
    for at in ("token", "introspection", "revocation"):
        for method in whole.told[f"{at}_endpoint_auth_methods_supported"]:
            answer = await whole.ask(method, at=at, **({} if at == "token" else {"token": "x"}))
            assert answer.status_code == 200, (at, method, answer.text)


async def test_every_advertised_algorithm_of_assertions_works(whole):
    for alg in whole.told["token_endpoint_auth_signing_alg_values_supported"]:
        answer = await whole.ask("private_key_jwt", alg=alg)
        assert answer.status_code == 200, (alg, answer.text)


async def test_every_advertised_algorithm_of_proofs_works(whole):
    for alg in whole.told["dpop_signing_alg_values_supported"]:
        made = proof(key=key_for(alg), url=whole.told["token_endpoint"], now=whole.town.clock.now())
        answer = await whole.ask(dpop=made)
        assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP"), (
            alg,
            answer.text,
        )


async def test_every_advertised_grant_works(whole):
    first = (await whole.ask()).json()
    parameters = {
        "client_credentials": {},
        "refresh_token": {"refresh_token": first["refresh_token"]},
        "urn:ietf:params:oauth:grant-type:jwt-bearer": {
            "assertion": whole.assertion(key_for("ES256"))
        },
        "urn:ietf:params:oauth:grant-type:token-exchange": {
            "subject_token": first["access_token"],
            "subject_token_type": ACCESS_TOKEN_TYPE,
        },
    }
    assert set(parameters) == set(whole.told["grant_types_supported"])
    for grant, form in parameters.items():
        answer = await whole.ask(grant_type=grant, **form)
        assert answer.status_code == 200, (grant, answer.text)


async def test_every_advertised_scope_is_granted(whole):
    scopes = " ".join(whole.told["scopes_supported"])

    answer = await whole.ask(scope=scopes)

    assert set(answer.json()["scope"].split()) == set(scopes.split())


async def test_every_advertised_address_is_one_of_ours(whole):
    for name, url in whole.told.items():
        if name.endswith(("_endpoint", "_uri")):
            answer = await whole.town.http.get(url)
            assert answer.status_code in (200, 400, 401, 405), name


async def test_tokens_are_signed_as_the_key_set_says(whole):
    keys = (await whole.town.http.get(whole.told["jwks_uri"])).json()["keys"]
    signed = (await whole.ask(at="introspection", token="x")).status_code

    assert signed == 200
    offered = whole.told["introspection_signing_alg_values_supported"]
    assert {key["alg"] for key in keys} == set(offered)


@pytest.mark.parametrize("method", ["none", "client_secret_jwt", "tls_client_auth"])
async def test_a_method_that_is_not_advertised_is_refused(whole, method):
    assert method not in whole.told["token_endpoint_auth_methods_supported"]
    forms = {
        "none": {"client_id": "ada"},
        "tls_client_auth": {"client_id": "ada"},
        "client_secret_jwt": {
            "client_assertion_type": JWT_BEARER_ASSERTION,
            "client_assertion": whole.assertion(key_for("ES256"), alg="HS256"),
        },
    }

    answer = await whole.town.http.post(
        whole.told["token_endpoint"], data={"grant_type": "client_credentials"} | forms[method]
    )

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "grant",
    [
        "password",
        "implicit",
        "authorization_code",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "urn:openid:params:grant-type:ciba",
    ],
)
async def test_a_grant_that_is_not_advertised_is_refused(whole, grant):
    assert grant not in whole.told["grant_types_supported"]

    answer = await whole.ask(grant_type=grant)

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


async def test_a_grant_is_advertised_by_the_issuers_that_have_it_alone(town):
    told = (await town.http.get("/.well-known/oauth-authorization-server")).json()
    secret = await town.add_client()

    answer = await town.token(secret, grant_type="refresh_token", refresh_token="tbr_x")

    assert "refresh_token" not in told["grant_types_supported"]
    assert answer.json()["error"] == "unsupported_grant_type"


async def test_an_algorithm_that_is_not_advertised_is_refused(whole):
    key = key_for("ES256")
    for alg in ("none", "HS256", "ES256K", "RS1"):
        assert alg not in whole.told["token_endpoint_auth_signing_alg_values_supported"]
        form = {
            "client_assertion_type": JWT_BEARER_ASSERTION,
            "client_assertion": whole.assertion(key, alg=alg),
            "grant_type": "client_credentials",
        }
        answer = await whole.town.http.post(whole.told["token_endpoint"], data=form)
        assert answer.json()["error"] == "invalid_client"


async def test_the_issuer_is_the_one_in_the_tokens(whole):
    token = (await whole.ask()).json()["access_token"]

    assert payload_of(token)["iss"] == whole.told["issuer"] == URL
