import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.jose import key_for
from tokenbooth.protocol.signatures import signer_for, verifier_for

RSA = key_for("PS256")._private


def pss(salt_length: int, digest=hashes.SHA256, mask=hashes.SHA256) -> bytes:
    scheme = padding.PSS(mgf=padding.MGF1(mask()), salt_length=salt_length)
    return RSA.sign(b"data", scheme, digest())


def test_the_salt_of_a_pss_signature_is_as_long_as_its_hash():
    verify = verifier_for(RSA.public_key(), "PS256")

    assert verify(b"data", pss(32))
    assert [length for length in (0, 20, 31, 33, 48, 64, 222) if verify(b"data", pss(length))] == []


def test_a_pss_signature_uses_one_hash_throughout():
    verify = verifier_for(RSA.public_key(), "PS256")

    assert not verify(b"data", pss(32, mask=hashes.SHA1))
    assert not verify(b"data", pss(32, digest=hashes.SHA512, mask=hashes.SHA512))


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_an_rsa_signature_is_good_for_its_own_algorithm_alone(alg):
    signature = signer_for(RSA, alg)(b"data")
    algorithms = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")

    accepted = [a for a in algorithms if verifier_for(RSA.public_key(), a)(b"data", signature)]

    assert accepted == [alg]


@given(st.binary(max_size=100))
def test_an_ecdsa_signature_has_the_size_of_two_coordinates(data):
    key = key_for("ES256")

    assert len(key.sign(data)) == 64
    assert key.public.verify(data, key.sign(data))


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128, 10_000])
def test_a_signature_of_another_length_is_no_error_but_bad(length):
    for alg in ("ES256", "EdDSA", "PS256", "RS256"):
        assert not key_for(alg).public.verify(b"data", b"\x01" * length)
