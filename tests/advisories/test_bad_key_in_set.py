"""CVE-2026-102274: one bad key made the whole set unusable; FAPI 2.0 §5.4.3: names may repeat."""

import json

import pytest

from tests.protocol.jose import accept, compact, good_token, header_of, key_for
from tokenbooth.protocol.keys import parse_key_set

GOOD = key_for("ES256").public.to_jwk()


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "key",
        {},
        {"kty": "EC"},
        {"kty": ["EC"]},
        {"kty": "PQC", "kid": "new"},
        {**GOOD, "y": GOOD["x"]},
        {**GOOD, "crv": "P-999"},
        {**GOOD, "kid": 5},
        {**GOOD, "alg": "ML-DSA-65"},
        {**GOOD, "use": "enc"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "oct", "k": "AA"},
    ],
    ids=[
        "null",
        "text",
        "nothing",
        "EC without point",
        "kty is a list",
        "unknown kty",
        "off the curve",
        "unknown curve",
        "kid is a number",
        "unknown alg",
        "for encryption",
        "tiny RSA",
        "short Ed25519",
        "shared secret",
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_the_good_key_stays_usable(bad, order):
    keys = parse_key_set(json.dumps({"keys": [bad, GOOD][::order]}).encode())
    (key,) = keys.candidates(GOOD["kid"], "ES256")

    assert accept(good_token(), key)


def test_of_two_keys_with_one_name_the_fitting_one_is_chosen():
    named = [{**key_for(alg).public.to_jwk(), "kid": "same"} for alg in ("RS256", "ES256", "EdDSA")]
    keys = parse_key_set(json.dumps({"keys": named}).encode())

    for alg in ("RS256", "ES256", "EdDSA"):
        (key,) = keys.candidates("same", alg)
        assert accept(compact(header_of(key_for(alg), kid="same"), key=key_for(alg)), key)
