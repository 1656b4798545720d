"""ML-DSA in keys and tokens (RFC 9964)."""

import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import mldsa
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol import base64url, ml_dsa
from tokenbooth.protocol.errors import KeyRefused, TokenRefused
from tokenbooth.protocol.jwt import read_jwt, sign_jwt, verify_jwt
from tokenbooth.protocol.keys import (
    generate_key,
    parse_key_set,
    signing_key,
    signing_key_of_jwk,
    verification_key,
)

ALGORITHMS = ml_dsa.ALGORITHMS


@pytest.fixture(scope="module", params=ALGORITHMS)
def key(request):
    return generate_key(request.param)


def zeros_jwk():
    public = mldsa.MLDSA44PrivateKey.from_seed_bytes(bytes(32)).public_key()
    return {**ml_dsa.public_jwk(public), "priv": "A" * 43}


def test_the_key_of_the_zero_seed_is_that_of_rfc_9964():
    key = verification_key(zeros_jwk())

    assert key.jwk["pub"].startswith("unH59k4Ru")
    assert key.jwk["pub"].endswith("DZgbTP07e7gEWzw4MFRrndjbDQ")
    assert key.thumbprint == "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o"


def test_a_token_verifies_with_the_published_key(key):
    token = sign_jwt({"sub": "ada"}, key, typ="at+jwt")
    published = parse_key_set(json.dumps({"keys": [key.public.to_jwk()]}).encode())

    unverified = read_jwt(token)
    (found,) = published.candidates(unverified.kid, unverified.alg)

    assert found == key.public
    assert verify_jwt(unverified, found) == {"sub": "ada"}


def test_a_changed_signature_does_not_verify(key):
    signature = bytearray(key.sign(b"data"))
    assert key.public.verify(b"data", bytes(signature))
    signature[7] ^= 1
    assert not key.public.verify(b"data", bytes(signature))
    assert not key.public.verify(b"data", b"")
    assert not key.public.verify(b"other", key.sign(b"data"))


def test_a_key_of_one_strength_verifies_no_token_of_another():
    token = read_jwt(sign_jwt({}, generate_key("ML-DSA-44"), typ="at+jwt"))

    with pytest.raises(TokenRefused) as refused:
        verify_jwt(token, generate_key("ML-DSA-65").public)
    assert refused.value.reason == "wrong_algorithm"


def test_a_key_is_published_without_its_private_part(key):
    assert key.public.to_jwk().keys() == {"kty", "alg", "pub", "kid", "use"}


def test_a_private_key_is_kept_and_read_again(key):
    again = signing_key(key.to_pkcs8(), key.alg)

    assert again.public == key.public
    assert again.public.verify(b"data", again.sign(b"data"))


def test_reads_a_private_jwk():
    key = signing_key_of_jwk(zeros_jwk())

    assert key.alg == "ML-DSA-44"
    assert key.public.verify(b"data", key.sign(b"data"))


@pytest.mark.parametrize(
    "change",
    [
        {"alg": None},
        {"alg": "ES256"},
        {"alg": "ML-DSA-65"},
        {"alg": 44},
        {"pub": None},
        {"pub": "AAAA"},
        {"pub": "ü"},
        {"pub": "A" * 100_000},
        {"pub": 7},
        {"priv": "AAAA"},
        {"priv": "B" * 43},
        {"priv": base64url.encode(b"\1" * 32).decode()},
        {"use": "enc"},
    ],
)
def test_refuses_a_key_that_is_not_whole(change):
    jwk = {name: value for name, value in {**zeros_jwk(), **change}.items() if value is not None}

    with pytest.raises(KeyRefused):
        verification_key(jwk)


@given(
    st.fixed_dictionaries(
        {"kty": st.just("AKP")},
        optional={
            "alg": st.sampled_from(ALGORITHMS) | st.text() | st.none(),
            "pub": st.text() | st.binary(max_size=50).map(lambda raw: raw.hex()),
            "priv": st.text() | st.none(),
            "kid": st.text(),
        },
    )
)
def test_any_members_are_read_or_refused(jwk):
    with pytest.raises(KeyRefused):
        verification_key(jwk)


def test_checking_a_signature_takes_no_longer_than_a_few_milliseconds(key):
    signature = key.sign(b"data")
    started = time.process_time()
    for _ in range(20):
        key.public.verify(b"data", signature)
    assert (time.process_time() - started) / 20 < 0.02
