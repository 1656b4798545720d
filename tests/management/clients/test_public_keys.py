"""Public keys as their owners hand them over."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.jose import key_for
from tokenbooth.management.clients.clients import create_client, show_client
from tokenbooth.management.clients.proofs import add_proofs
from tokenbooth.management.clients.public_keys import key_place, read_keys
from tokenbooth.management.errors import BadInput, Conflict
from tokenbooth.protocol.ml_dsa import public_jwk

JWK = key_for("ES256").public.to_jwk()


def pem(key, *, private=False):
    loaded = serialization.load_der_private_key(key.to_pkcs8(), password=None)
    if private:
        return loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
    return (
        loaded.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def stored(proof):
    return json.loads(proof.data)["jwk"]


def test_reads_a_jwk_a_jwks_and_pem():
    expected = key_for("ES256").public.thumbprint
    for text in (json.dumps(JWK), json.dumps({"keys": [JWK]}), pem(key_for("ES256"))):
        [proof] = read_keys(text).proofs
        assert (proof.hint, proof.method, proof.kind) == (expected, "private_key_jwt", "jwk")


def test_a_private_key_leaves_its_public_half_alone():
    key = key_for("ES256")
    given = read_keys(pem(key, private=True))
    assert given.had_private_part
    assert "d" not in stored(given.proofs[0])


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi"])
def test_every_member_that_tells_a_secret_is_noticed_and_left_out(member):
    jwk = key_for("RS256").public.to_jwk()
    if member == "d":
        loaded = serialization.load_der_private_key(key_for("RS256").to_pkcs8(), password=None)
        number = loaded.private_numbers().d
        raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
        jwk["d"] = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    else:
        jwk[member] = "AQ"
    given = read_keys(json.dumps(jwk))

    assert given.had_private_part
    assert member not in stored(given.proofs[0])


@pytest.mark.parametrize("private", [{}, {"priv": base64.urlsafe_b64encode(bytes(32)).decode()}])
def test_a_key_that_no_assertion_may_be_signed_with_is_refused(private):
    # A registration that nothing could ever be proved with.
    key = MLDSA44PrivateKey.from_seed_bytes(bytes(32)).public_key()
    jwk = public_jwk(key) | {name: value.rstrip("=") for name, value in private.items()}

    with pytest.raises(BadInput, match="ES256"):
        read_keys(json.dumps(jwk))


def test_the_name_that_the_owner_gave_is_kept():
    [proof] = read_keys(json.dumps({**JWK, "kid": "mine"})).proofs
    assert stored(proof)["kid"] == "mine"
    [unnamed] = read_keys(pem(key_for("ES256"))).proofs
    assert "kid" not in stored(unnamed)


def test_rsa_is_for_the_algorithm_that_is_named():
    assert stored(read_keys(pem(key_for("RS256"))).proofs[0])["alg"] == "RS256"
    assert stored(read_keys(pem(key_for("RS256")), alg="PS256").proofs[0])["alg"] == "PS256"
    with pytest.raises(BadInput, match="cannot be used"):
        read_keys(pem(key_for("ES256")), alg="PS256")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": [7]}',
        '{"keys": {}}',
        json.dumps({"kty": "oct", "k": "c2VjcmV0"}),
        json.dumps({**JWK, "use": "enc"}),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_public_key_is_refused(text):
    with pytest.raises(BadInput):
        read_keys(text)


def test_one_unusable_key_spoils_the_set_because_it_would_be_missed():
    with pytest.raises(BadInput):
        read_keys(json.dumps({"keys": [JWK, {"kty": "oct", "k": "AA"}]}))


@given(st.text())
def test_whatever_is_given_as_key_is_read_or_refused_in_words(text):
    with pytest.raises(BadInput):
        read_keys(text)


@pytest.mark.parametrize(
    "url", ["http://keys.example/jwks", "ftp://x", "x", "https://", "https://u:p@keys.example/"]
)
def test_keys_are_published_by_https(url):
    with pytest.raises(BadInput):
        key_place(url)
    assert key_place("https://keys.example/jwks").hint == "keys.example"


async def test_a_client_with_a_key_has_no_secret(booth):
    made = await create_client(booth, apis=["persons"], proofs=read_keys(json.dumps(JWK)).proofs)
    assert made.secret is None
    assert made.client.auth_methods == ("private_key_jwt",)
    assert [each.kind for each in made.client.credentials] == ["jwk"]


async def test_a_client_may_have_both(booth):
    made = await create_client(
        booth,
        apis=["persons"],
        proofs=read_keys(json.dumps(JWK)).proofs,
        auth_methods=["private_key_jwt", "client_secret_basic"],
    )
    assert made.secret is not None
    assert {each.kind for each in made.client.credentials} == {"jwk", "secret"}


async def test_a_method_without_its_proof_is_refused_and_so_is_a_proof_without_its_method(booth):
    with pytest.raises(BadInput, match="private_key_jwt"):
        await create_client(booth, apis=["persons"], auth_methods=["private_key_jwt"])
    with pytest.raises(BadInput, match="private_key_jwt"):
        await create_client(
            booth,
            apis=["persons"],
            auth_methods=["client_secret_post"],
            proofs=read_keys(json.dumps(JWK)).proofs,
        )


async def test_an_added_key_may_be_used(booth):
    await create_client(booth, client_id="ada", apis=["persons"])
    added = await add_proofs(booth, "ada", read_keys(json.dumps(JWK)).proofs, expires_in=60)
    assert added.auth_methods[-1] == "private_key_jwt"
    client = await show_client(booth, "ada")
    assert {each.kind for each in client.credentials} == {"secret", "jwk"}
    assert client.auth_methods == added.auth_methods


async def test_the_same_key_is_not_added_twice(booth):
    proofs = read_keys(json.dumps(JWK)).proofs
    await create_client(booth, client_id="ada", apis=["persons"], proofs=proofs)
    with pytest.raises(Conflict):
        await add_proofs(booth, "ada", proofs)
