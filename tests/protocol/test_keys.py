import json
import warnings

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.jose import key_for, segment
from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.keys import (
    ALGORITHMS,
    MAX_KEYS_IN_SET,
    generate_key,
    parse_key_set,
    signing_key,
    verification_key,
)

ES256 = key_for("ES256").public.to_jwk()
EDDSA = key_for("EdDSA").public.to_jwk()
RS256 = key_for("RS256").public.to_jwk()
SHARED = {"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}

MEMBERS = ["kty", "crv", "x", "y", "n", "e", "d", "kid", "alg", "use", "key_ops", "k"]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.binary().map(str),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def der(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def key_set(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_stored_key_signs_as_before(alg):
    key = key_for(alg)
    stored = signing_key(key.to_pkcs8(), alg)

    assert stored.kid == key.kid == key.public.thumbprint
    assert verification_key(key.public.to_jwk()) == stored.public
    assert key.public.verify(b"data", stored.sign(b"data"))
    assert not key.public.verify(b"other", stored.sign(b"data"))


@pytest.mark.parametrize("alg", ALGORITHMS)
@given(data=st.binary(max_size=50), signature=st.binary(max_size=300))
def test_no_other_bytes_are_a_signature(alg, data, signature):
    assert key_for(alg).public.verify(data, signature) is False


def test_no_new_key_has_an_id_that_a_command_line_takes_for_an_option():
    assert not any(generate_key("EdDSA").public.kid.startswith("-") for _ in range(400))


@pytest.mark.parametrize("alg", ["HS256", "none", "ES256K", "", "es256", "RSA-OAEP"])
def test_makes_no_key_for_an_algorithm_that_it_does_not_carry(alg):
    with pytest.raises(KeyRefused):
        generate_key(alg)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_shows_no_private_part(alg):
    key = key_for(alg)
    published = key.public.to_jwk()

    assert set(published) <= {"kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"}
    assert published["use"] == "sig"
    assert "private" not in repr(key).lower()


def test_reads_a_private_key_in_pem():
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )

    assert signing_key(b"\n" + pem).alg == "ES256"


@pytest.mark.parametrize(
    ("curve", "alg"), [(ec.SECP256R1, "ES256"), (ec.SECP384R1, "ES384"), (ec.SECP521R1, "ES512")]
)
def test_the_curve_decides_the_algorithm(curve, alg):
    key = signing_key(der(ec.generate_private_key(curve())))

    assert key.alg == alg
    assert key.public.verify(b"data", key.sign(b"data"))
    assert verification_key(key.public.to_jwk()).alg == alg


@pytest.mark.parametrize("curve", [ec.SECP256K1, ec.SECP224R1, ec.SECP192R1, ec.BrainpoolP256R1])
def test_refuses_other_curves(curve):
    with pytest.raises(KeyRefused):
        signing_key(der(ec.generate_private_key(curve())))


@pytest.mark.parametrize(
    "make",
    [
        x25519.X25519PrivateKey.generate,
        ed448.Ed448PrivateKey.generate,
        lambda: dsa.generate_private_key(1024),
        lambda: rsa.generate_private_key(65537, 1024),
    ],
    ids=["X25519", "Ed448", "DSA", "RSA of 1024 bits"],
)
def test_refuses_private_keys_of_other_kinds(make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KeyRefused):
            signing_key(der(make()))


@pytest.mark.parametrize("alg", ["ES384", "RS256", "EdDSA", "HS256", "none"])
def test_refuses_a_private_key_for_an_algorithm_that_is_not_its_own(alg):
    with pytest.raises(KeyRefused):
        signing_key(key_for("ES256").to_pkcs8(), alg)


def test_refuses_an_encrypted_private_key():
    key = ec.generate_private_key(ec.SECP256R1())
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    )

    with pytest.raises(KeyRefused):
        signing_key(encrypted)


@given(st.binary(max_size=100) | st.binary(max_size=60).map(b"-----BEGIN ".__add__))
def test_any_other_bytes_are_a_refused_private_key(data):
    with pytest.raises(KeyRefused):
        signing_key(data)


@given(
    st.sampled_from([ES256, EDDSA, RS256, SHARED]),
    st.dictionaries(st.sampled_from(MEMBERS), JUNK, min_size=1),
)
def test_any_jwk_is_a_key_or_refused(jwk, changes):
    try:
        key = verification_key({**jwk, **changes})
    except KeyRefused:
        return
    assert key.verify(b"data", b"x" * 64) is False


@given(st.dictionaries(st.sampled_from(MEMBERS), JUNK))
def test_any_object_at_all_is_refused_or_a_key(jwk):
    with pytest.raises(KeyRefused):
        verification_key(jwk)


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"use": ["sig"]},
        {"use": None},
        {"key_ops": ["encrypt"]},
        {"key_ops": []},
        {"key_ops": "verify"},
        {"key_ops": [["verify"]]},
    ],
    ids=str,
)
def test_refuses_a_key_that_is_not_for_signatures(changes):
    with pytest.raises(KeyRefused):
        verification_key({**ES256, **changes})


@pytest.mark.parametrize(
    ("jwk", "alg"),
    [(ES256, "ES384"), (ES256, "RS256"), (EDDSA, "ES256"), (RS256, "ES256"), (RS256, "HS256")],
    ids=["curve", "EC for RSA", "Ed25519 for EC", "RSA for EC", "shared"],
)
def test_refuses_an_algorithm_that_does_not_fit_the_key(jwk, alg):
    with pytest.raises(KeyRefused):
        verification_key({**jwk, "alg": alg})


@pytest.mark.parametrize(
    ("curve", "size"), [("X25519", 32), ("X448", 56), ("Ed448", 57), ("P-256", 32), ("", 32)]
)
def test_refuses_other_curves_of_the_octet_key_pair_family(curve, size):
    with pytest.raises(KeyRefused):
        verification_key({"kty": "OKP", "crv": curve, "x": segment(b"\x09" * size)})


@pytest.mark.parametrize("curve", ["secp256k1", "P-224", "brainpoolP256r1", "p-256"])
def test_refuses_other_curves_in_a_jwk(curve):
    with pytest.raises(KeyRefused):
        verification_key({"kty": "EC", "crv": curve, "x": ES256["x"], "y": ES256["y"]})


def test_a_key_that_names_its_algorithm_is_for_no_other():
    with pytest.raises(KeyRefused, match="the key is for RS256, not PS256"):
        verification_key(RS256, alg="PS256")


def test_the_caller_chooses_the_algorithm_when_the_key_leaves_it_open():
    jwk = {name: RS256[name] for name in ("kty", "n", "e")}

    assert verification_key(jwk).alg == "RS256"
    assert verification_key(jwk, alg="PS512").alg == "PS512"


def test_takes_the_name_of_rfc_9864_for_ed25519():
    assert verification_key({**EDDSA, "alg": "Ed25519"}).alg == "Ed25519"


@pytest.mark.parametrize(("named", "used"), [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")])
def test_both_names_of_ed25519_mean_one_algorithm(named, used):
    jwk = generate_key("EdDSA").public.to_jwk() | {"alg": named}
    keys = parse_key_set(json.dumps({"keys": [jwk]}).encode())
    assert len(keys.candidates(jwk["kid"], used)) == 1
    assert verification_key(jwk, alg=used).is_for(used)
    assert keys.candidates(jwk["kid"], "ES256") == ()


def test_one_broken_key_does_not_spoil_the_set():
    broken = [None, 1, [], {}, SHARED, {**ES256, "x": "!"}, {**RS256, "e": "AQ"}, {"kty": "new"}]

    keys = parse_key_set(key_set(*broken, ES256, *broken))

    assert [key.kid for key in keys] == [ES256["kid"]]


@given(st.lists(st.sampled_from([ES256, EDDSA, SHARED]) | JUNK, max_size=8))
def test_a_set_holds_exactly_the_usable_keys(listed):
    keys = parse_key_set(key_set(*listed))

    assert [key.kid for key in keys] == [key["kid"] for key in listed if key in (ES256, EDDSA)]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":null}',
        b"<html>",
        b"\xff",
        b'{"keys":[],"keys":[]}',
    ],
)
def test_refuses_a_document_that_is_no_key_set(document):
    with pytest.raises(KeyRefused):
        parse_key_set(document)


@given(st.binary(max_size=60))
def test_any_other_bytes_are_no_key_set(document):
    with pytest.raises(KeyRefused):
        parse_key_set(document)


def test_a_set_of_endless_keys_is_refused():
    assert len(parse_key_set(key_set(*[EDDSA] * MAX_KEYS_IN_SET))) == MAX_KEYS_IN_SET
    with pytest.raises(KeyRefused):
        parse_key_set(key_set(*[EDDSA] * (MAX_KEYS_IN_SET + 1)))


def test_chooses_by_algorithm_when_two_keys_share_a_name():
    keys = parse_key_set(key_set({**ES256, "kid": "same"}, {**EDDSA, "kid": "same"}))

    assert [key.alg for key in keys.candidates("same", "EdDSA")] == ["EdDSA"]
    assert keys.candidates("same", "RS256") == ()
    assert keys.candidates("other", "EdDSA") == ()


def test_a_token_without_a_key_name_is_checked_with_the_only_key_or_none():
    other = key_for("PS256").public.to_jwk()
    one = parse_key_set(key_set(ES256, other))
    two = parse_key_set(key_set(ES256, {**ES256, "kid": "second"}))

    assert [key.kid for key in one.candidates(None, "ES256")] == [ES256["kid"]]
    assert two.candidates(None, "ES256") == ()


def test_a_set_of_nothing_is_empty_and_finds_nothing():
    keys = parse_key_set(b'{"keys":[]}')

    assert len(keys) == 0
    assert keys.candidates(None, "ES256") == ()


def test_keys_are_told_apart_by_their_thumbprints():
    renamed = verification_key({**ES256, "kid": "new name"})

    assert renamed.thumbprint == ES256["kid"]
    assert len({renamed, verification_key(ES256), verification_key(EDDSA)}) == 3
