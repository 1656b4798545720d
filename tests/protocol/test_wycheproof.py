import json

import pytest

from tests.protocol.wycheproof import Vector, vectors
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.jwt import read_jwt, verify_jwt
from tokenbooth.protocol.keys import KeySet, parse_key_set


def signature_is_accepted(token: str, keys: KeySet) -> bool:
    try:
        unverified = read_jwt(token)
        named = keys.candidates(unverified.kid, unverified.alg)
        (key,) = named or keys.candidates(None, unverified.alg)
        verify_jwt(unverified, key)
    except ValueError:  # no key for this algorithm
        return False
    except TokenRefused as refused:
        # Most payloads are no claims, which is seen only behind the signature.
        return str(refused) == "malformed: payload"
    return True


@pytest.mark.parametrize("vector", list(vectors()), ids=str)
def test_judges_the_vector_as_published(vector: Vector):
    keys = parse_key_set(json.dumps({"keys": vector.keys}).encode())

    assert signature_is_accepted(vector.token, keys) is vector.is_valid


def test_the_vectors_hold_good_signatures_of_every_kind():
    algorithms = {read_jwt(vector.token).alg for vector in vectors() if vector.is_valid}

    assert algorithms == {"ES256", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
