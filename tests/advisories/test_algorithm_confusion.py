"""CVE-2017-11424, CVE-2022-29217, CVE-2024-33663, CVE-2024-37568, CVE-2026-48526, CVE-2026-85394,
CVE-2026-102273 and GHSA-jq35-7prp-9v3f: the token must not choose how it is checked.
"""

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.protocol.jose import CLAIMS, accept, compact, header_of, key_for, segment
from tokenbooth.protocol.errors import KeyRefused, TokenRefused
from tokenbooth.protocol.keys import parse_key_set, verification_key

RS256 = key_for("RS256")
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def spellings_of_the_public_key() -> dict[str, bytes]:
    encode = RS256._private.public_key().public_bytes
    jwk = RS256.public.to_jwk()
    return {
        "SPKI PEM": encode(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "PKCS1 PEM": encode(Encoding.PEM, PublicFormat.PKCS1),
        "SPKI DER": encode(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "PKCS1 DER": encode(Encoding.DER, PublicFormat.PKCS1),
        "OpenSSH": encode(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "JWK": json.dumps(jwk).encode(),
        "JWKS": json.dumps({"keys": [jwk]}).encode(),
        "modulus": jwk["n"].encode(),
    }


@pytest.mark.parametrize("alg", HASHES)
@pytest.mark.parametrize("spelling", spellings_of_the_public_key())
def test_a_public_key_is_never_a_shared_secret(alg, spelling):
    secret = spellings_of_the_public_key()[spelling]
    signing_input = f"{segment(header_of(RS256, alg=alg))}.{segment(CLAIMS)}"
    mac = hmac.digest(secret, signing_input.encode(), HASHES[alg])

    with pytest.raises(TokenRefused, match="wrong_algorithm"):
        accept(f"{signing_input}.{segment(mac)}", RS256.public)


@pytest.mark.parametrize("alg", HASHES)
def test_a_key_set_finds_no_key_for_a_shared_secret_algorithm(alg):
    shared = {"kty": "oct", "k": segment(b"k" * 64), "kid": "shared", "alg": alg}
    keys = parse_key_set(json.dumps({"keys": [RS256.public.to_jwk(), shared]}).encode())

    assert len(keys) == 1
    assert keys.candidates(RS256.kid, alg) == ()
    assert keys.candidates("shared", alg) == ()
    assert keys.candidates(None, alg) == ()


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "RS256 "])
def test_one_key_has_one_algorithm(alg):
    with pytest.raises(TokenRefused, match="wrong_algorithm"):
        accept(compact(header_of(RS256, alg=alg), key=RS256), RS256.public)


def test_a_good_ps256_signature_of_an_rs256_key_is_refused():
    pss = verification_key(
        {name: RS256.public.to_jwk()[name] for name in ("kty", "n", "e")}, alg="PS256"
    )

    with pytest.raises(TokenRefused, match="bad_signature"):
        accept(compact(header_of(RS256, alg="PS256"), key=RS256), pss)
    with pytest.raises(KeyRefused):
        verification_key(RS256.public.to_jwk(), alg="PS256")
