"""CVE-2026-102275: halves of two keys; CVE-2017-15361 (ROCA): moduli that can be factored."""

import pytest
from cryptography.hazmat.primitives import serialization

from tests.protocol.jose import key_for, segment
from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.key_faults import refuse_weak_rsa
from tokenbooth.protocol.keys import generate_key, signing_key, verification_key

# All primes up to 701, whose product the faulty chips built their primes upon.
PRIMES = [n for n in range(2, 702) if all(n % d for d in range(2, n))]


def test_a_jwk_of_two_halves_is_refused():
    for alg in ("ES256", "EdDSA"):
        other = generate_key(alg)._private
        numbers = other.private_bytes_raw() if alg == "EdDSA" else other.private_numbers()
        d = numbers if alg == "EdDSA" else numbers.private_value.to_bytes(32, "big")

        with pytest.raises(KeyRefused, match="does not belong"):
            verification_key({**key_for(alg).public.to_jwk(), "d": segment(d)})


def test_a_stored_key_of_two_halves_is_refused():
    def point(key) -> bytes:
        return key._private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    mine, other = key_for("ES256"), generate_key("ES256")
    mixed = mine.to_pkcs8().replace(point(mine), point(other))

    assert mixed != mine.to_pkcs8()
    with pytest.raises(KeyRefused):
        signing_key(mixed)


def test_a_modulus_of_the_faulty_chips_is_refused():
    product = 1
    for prime in PRIMES:
        product *= prime
    # Their primes read k * product + (65537 ** a mod product); so does the modulus, for it matters
    # here only what is left of it modulo the small primes.
    modulus = (1 << 1200) * product + pow(65537, 123_456_789, product)

    assert 2048 <= modulus.bit_length() <= 8192
    with pytest.raises(KeyRefused, match="ROCA"):
        refuse_weak_rsa(modulus | 1, 65537)


def test_new_keys_do_not_look_like_those_of_the_faulty_chips():
    for alg in ("RS256", "PS256"):
        assert verification_key(key_for(alg).public.to_jwk()).alg == alg
