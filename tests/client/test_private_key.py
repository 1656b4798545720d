"""A token source that signs for itself, or shows what its platform gives it."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.protocol.jose import compact, key_for
from tests.remote.local_server import as_json
from tokenbooth.client import ConfigurationRefused, Secret, SecretUnavailable
from tokenbooth.client.private_key import key_reader
from tokenbooth.protocol.assertion import JWT_BEARER_ASSERTION, SPIFFE_ASSERTION
from tokenbooth.protocol.jwt import read_jwt, verify_jwt


def pem(key):
    private = serialization.load_der_private_key(key.to_pkcs8(), password=None)
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture
def issuer(server, numbered):
    metadata = {"issuer": server.url, "token_endpoint": f"{server.url}/oauth2/token"}
    server.on("/.well-known/oauth-authorization-server", lambda seen: as_json(metadata))
    return server.url


def sent(request, key):
    assertion = read_jwt(request.form["client_assertion"][0])
    return assertion, verify_jwt(assertion, key.public)


def test_the_assertion_is_addressed_to_the_issuer_alone(make, issuer, asked, clock):
    key = key_for("ES256")
    make(secret=None, private_key=key, issuer=issuer).token()

    [request] = asked()
    assertion, claims = sent(request, key)
    assert request.form["client_assertion_type"] == [JWT_BEARER_ASSERTION]
    assert assertion.typ == "client-authentication+jwt"
    assert assertion.kid == key.kid
    assert claims["iss"] == claims["sub"] == "my-app"
    assert claims["aud"] == issuer
    assert claims["exp"] - claims["iat"] == 60
    assert "authorization" not in request.headers
    assert "client_secret" not in request.form


def test_every_try_has_an_assertion_of_its_own(make, issuer, server, asked):
    server.on("/oauth2/token", lambda seen: as_json({"error": "server_error"}, 503))
    source = make(secret=None, private_key=key_for("ES256"), issuer=issuer)
    with pytest.raises(Exception, match="503"):
        source.token()

    jtis = [sent(request, key_for("ES256"))[1]["jti"] for request in asked()]
    assert len(jtis) > 1
    assert len(set(jtis)) == len(jtis)


def test_a_new_key_in_the_file_is_in_force_without_a_restart(make, issuer, asked, tmp_path):
    old, new = key_for("ES256"), key_for("EdDSA")
    file = tmp_path / "key.pem"
    file.write_text(pem(old))
    source = make(secret=None, private_key=f"file:{file}", issuer=issuer)
    token = source.token()
    file.write_text(pem(new))
    source.drop(token)
    source.token()

    first, second = asked()
    assert sent(first, old)[0].alg == "ES256"
    assert sent(second, new)[0].alg == "EdDSA"


@pytest.mark.parametrize(
    "make_key",
    [
        lambda: OKPKey.generate_key("Ed25519", {"kid": "mine"}),
        lambda: ECKey.generate_key("P-256", {"kid": "mine"}),
        lambda: RSAKey.generate_key(2048, {"kid": "mine", "alg": "PS256"}),
    ],
    ids=["OKP", "EC", "RSA"],
)
def test_a_private_jwk_keeps_its_name_and_algorithm(make_key, monkeypatch):
    jwk = make_key().as_dict(private=True)
    monkeypatch.setenv("MY_KEY", json.dumps(jwk))
    key = key_reader("env:MY_KEY")()
    assert key.kid == "mine"
    assert key.alg == jwk.get("alg", key.alg)
    assert key.public.verify(b"x", key.sign(b"x"))


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "{}",
        "{",
        json.dumps(key_for("ES256").public.to_jwk()),
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ],
)
def test_what_is_no_private_key_is_refused_without_being_shown(make, issuer, text):
    source = make(secret=None, private_key=Secret(text), issuer=issuer)
    with pytest.raises(SecretUnavailable) as caught:
        source.token()
    assert text[:20] not in str(caught.value)


def test_a_missing_key_file_is_named(make, issuer, tmp_path):
    source = make(secret=None, private_key=f"file:{tmp_path}/none.pem", issuer=issuer)
    with pytest.raises(SecretUnavailable, match=r"none\.pem"):
        source.token()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"secret": None}, "one of"),
        ({"private_key": "env:KEY"}, "one of"),
        ({"secret": None, "private_key": "env:KEY"}, "issuer"),
        ({"secret": None, "private_key": "-----BEGIN"}, "private_key="),
        ({"secret": None, "assertion": "env:TOKEN", "auth_method": "body"}, "auth_method"),
        ({"parameters": {"client_assertion": "x"}}, "client_assertion"),
    ],
)
def test_a_proof_that_cannot_work_is_refused_at_once(make, more, said):
    with pytest.raises(ConfigurationRefused, match=said):
        make(**more)


def test_the_platforms_token_is_read_anew_and_sent_as_it_is(make, asked, tmp_path):
    file = tmp_path / "token"
    source = make(secret=None, assertion=f"file:{file}")
    for number in (1, 2):
        payload = {"iss": "https://cluster.example", "sub": "pod", "jti": number}
        file.write_text(compact({"alg": "ES256"}, payload) + "\n")
        source.drop(source.token())

    shown = [request.form["client_assertion"][0] for request in asked()]
    assert [verify_jwt(read_jwt(each), key_for("ES256").public)["jti"] for each in shown] == [1, 2]
    assert asked()[0].form["client_id"] == ["my-app"]


def test_a_spiffe_identity_is_sent_as_one(make, asked):
    svid = compact({"alg": "ES256"}, {"sub": "spiffe://td.example/app"})
    make(secret=None, assertion=Secret(svid)).token()
    assert asked()[0].form["client_assertion_type"] == [SPIFFE_ASSERTION]


def test_an_assertion_that_a_server_echoes_is_not_shown(make, issuer, server):
    def echo(seen):
        shown = seen.form["client_assertion"][0]
        return as_json({"error": "invalid_client", "error_description": f"bad {shown}"}, 401)

    server.on("/oauth2/token", echo)
    with pytest.raises(Exception, match="invalid_client") as caught:
        make(secret=None, private_key=key_for("ES256"), issuer=issuer).token()
    assert "eyJ" not in str(caught.value)
