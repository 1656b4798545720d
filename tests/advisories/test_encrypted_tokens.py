"""CVE-2016-6298, CVE-2023-6681, CVE-2024-28102, CVE-2024-33664, CVE-2022-36083, CVE-2023-49290 and
CVE-2023-50966: no JWE is opened, no password stretched, nothing unpacked.
"""

import time
import zlib

import pytest

from tests.protocol.jose import CLAIMS, accept, compact, header_of, key_for, segment
from tokenbooth.protocol.errors import KeyRefused, TokenRefused
from tokenbooth.protocol.keys import verification_key

ES256 = key_for("ES256")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31 - 1, "p2s": "AAAA"},
        {"alg": "dir", "enc": "A256GCM", "zip": "DEF"},
        {"alg": "RSA1_5", "enc": "A128CBC-HS256"},
        {"alg": "ECDH-ES", "enc": "A128GCM", "epk": ES256.public.to_jwk()},
    ],
    ids=lambda header: header["alg"],
)
def test_an_encrypted_token_is_refused_before_any_work(header):
    token = ".".join([segment(header), segment(b"k" * 40), segment(b"i" * 12), "AAAA", "AAAA"])

    start = time.thread_time()
    with pytest.raises(TokenRefused, match="malformed"):
        accept(token)
    assert time.thread_time() - start < 0.25


def test_a_compressed_payload_is_never_unpacked():
    bomb = zlib.compress(b"0" * 5_000_000)

    with pytest.raises(TokenRefused, match="unknown_extension"):
        accept(compact(header_of(ES256, zip="DEF"), bomb))
    with pytest.raises(TokenRefused, match="malformed"):
        accept(compact(header_of(ES256), bomb))


def test_an_encryption_key_is_no_verification_key():
    for changes in ({"use": "enc"}, {"key_ops": ["decrypt"]}, {"alg": "ECDH-ES"}):
        with pytest.raises(KeyRefused):
            verification_key({**ES256.public.to_jwk(), **changes})


def test_a_nested_token_is_refused():
    with pytest.raises(TokenRefused, match="malformed"):
        accept(compact(header_of(ES256, cty="JWT"), compact(header_of(ES256), CLAIMS)))
