"""CVE-2026-102266, CVE-2026-114616: an empty shared secret verified anything."""

import json

import pytest

from tests.protocol.jose import segment
from tokenbooth.protocol.errors import KeyRefused
from tokenbooth.protocol.keys import generate_key, parse_key_set, signing_key, verification_key


@pytest.mark.parametrize("secret", [b"", b"\0", b"short", b"k" * 32, b"k" * 64])
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512", None])
def test_no_shared_secret_is_a_key_short_or_long(secret, alg):
    jwk = {"kty": "oct", "k": segment(secret), "alg": alg}

    with pytest.raises(KeyRefused):
        verification_key(jwk)
    assert len(parse_key_set(json.dumps({"keys": [jwk]}).encode())) == 0


@pytest.mark.parametrize("secret", [b"", b"secret", b"\0" * 32])
def test_no_shared_secret_can_sign(secret):
    with pytest.raises(KeyRefused):
        signing_key(secret, "HS256")
    with pytest.raises(KeyRefused):
        generate_key("HS256")
