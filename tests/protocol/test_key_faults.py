import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.jose import key_for, segment
from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.key_faults import refuse_weak_rsa
from tokenbooth.protocol.keys import verification_key

ES256 = key_for("ES256").public.to_jwk()
EDDSA = key_for("EdDSA").public.to_jwk()
RS256 = key_for("RS256").public.to_jwk()
MODULUS = key_for("RS256")._private.private_numbers().public_numbers.n


def number(value: int, size: int = 0) -> str:
    return segment(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def private_value(alg: str) -> str:
    private = key_for(alg)._private
    if isinstance(private, rsa.RSAPrivateKey):
        return number(private.private_numbers().d)
    if alg == "EdDSA":
        return segment(private.private_bytes_raw())
    return number(private.private_numbers().private_value, 32)


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "RS256"])
def test_a_private_jwk_gives_its_public_half(alg):
    jwk = key_for(alg).public.to_jwk()

    assert verification_key({**jwk, "d": private_value(alg)}).to_jwk() == jwk


@pytest.mark.parametrize("jwk", [ES256, EDDSA, RS256], ids=["ES256", "EdDSA", "RS256"])
@pytest.mark.parametrize("d", ["AQ", "AA", "", "!", number(2**255, 32), number(2**9000), None, 5])
def test_refuses_a_private_part_that_is_not_the_keys(jwk, d):
    with pytest.raises(KeyRefused):
        verification_key({**jwk, "d": d})


@given(st.integers(min_value=0, max_value=2**300))
def test_no_guessed_private_part_belongs_to_a_key(private):
    with pytest.raises(KeyRefused):
        verification_key({**ES256, "d": number(private, 40)})
    with pytest.raises(KeyRefused):
        verification_key({**EDDSA, "d": number(private, 40)})


@pytest.mark.parametrize("exponent", [0, 1, 2, 4, 65536])
def test_an_exponent_is_odd_and_above_one(exponent):
    with pytest.raises(KeyRefused, match="odd and above 1"):
        verification_key({**RS256, "e": number(exponent, 4)})


def test_an_exponent_is_small():
    with pytest.raises(KeyRefused, match="at most 64 bits"):
        verification_key({**RS256, "e": number(MODULUS - 2)})


@pytest.mark.parametrize("bits", [512, 1024, 2047, 8193, 12288])
def test_a_modulus_has_2048_to_8192_bits(bits):
    with pytest.raises(KeyRefused, match="2048 to 8192 bits"):
        verification_key({**RS256, "n": number((1 << (bits - 1)) | 1)})


def test_a_modulus_is_odd():
    with pytest.raises(KeyRefused, match="modulus is odd"):
        refuse_weak_rsa(MODULUS - 1, 65537)


def test_an_honest_key_passes():
    refuse_weak_rsa(MODULUS, 65537)
    refuse_weak_rsa(MODULUS, 3)


@pytest.mark.parametrize("member", ["n", "e"])
@pytest.mark.parametrize("value", [None, 65537, ["AQAB"], "", "AQAB==", "AQ AB", "é"])
def test_the_numbers_of_an_rsa_key_are_strict_base64url(member, value):
    with pytest.raises(KeyRefused):
        verification_key({**RS256, member: value})


def test_a_point_lies_on_its_curve():
    with pytest.raises(KeyRefused):
        verification_key({**ES256, "x": ES256["y"], "y": ES256["x"]})
    with pytest.raises(KeyRefused):
        verification_key({**ES256, "x": number(0, 32), "y": number(0, 32)})
    with pytest.raises(KeyRefused):
        verification_key({**ES256, "crv": "P-384", "alg": "ES384"})
