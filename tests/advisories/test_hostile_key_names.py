"""The class of forging by "kid": a key's name is data, and leads neither to files nor queries."""

import json

import pytest

from tests.protocol.jose import accept, compact, header_of, key_for
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.jwt import read_jwt
from tokenbooth.protocol.keys import parse_key_set

ES256 = key_for("ES256")
KEYS = parse_key_set(json.dumps({"keys": [ES256.public.to_jwk()]}).encode())
HOSTILE = [
    "../../../../dev/null",
    "/etc/passwd",
    "' OR '1'='1",
    "x' UNION SELECT 'key' --",
    "a\x00b",
    "a\r\nlevel=info msg=accepted",
    '"}{"',
    "|id",
    "\u202e",
    "",
]


@pytest.mark.parametrize("kid", HOSTILE, ids=repr)
def test_a_hostile_name_finds_no_key(kid):
    unverified = read_jwt(compact(header_of(ES256, kid=kid)))

    assert unverified.kid == kid
    assert KEYS.candidates(unverified.kid, unverified.alg) == ()


@pytest.mark.parametrize("kid", [1, True, ["a"], {"a": 1}, "k" * 257], ids=lambda kid: str(kid)[:9])
def test_a_name_that_is_no_short_text_is_refused(kid):
    with pytest.raises(TokenRefused, match="malformed: kid"):
        accept(compact(header_of(ES256, kid=kid)))


@pytest.mark.parametrize("kid", HOSTILE, ids=repr)
def test_no_refusal_repeats_the_name(kid):
    with pytest.raises(TokenRefused) as refused:
        accept(compact(header_of(ES256, kid=[kid])))

    assert str(refused.value) == "malformed: kid"
