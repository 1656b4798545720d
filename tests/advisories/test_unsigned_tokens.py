"""CVE-2015-2951, CVE-2026-28802: "alg": "none" and blank signatures are no signatures."""

import pytest

from tests.protocol.jose import CLAIMS, accept, good_token, header_of, key_for, segment
from tokenbooth.protocol.errors import TokenRefused


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "null", " none", "none\x00"])
@pytest.mark.parametrize("signature", [b"", b"\0", b"\0" * 64])
def test_none_is_refused_in_any_spelling(alg, signature):
    header = segment({"alg": alg, "typ": "at+jwt"})

    with pytest.raises(TokenRefused):
        accept(f"{header}.{segment(CLAIMS)}.{segment(signature)}")


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "PS256", "RS256"])
@pytest.mark.parametrize("length", [0, 1, 32, 63, 64, 65, 72, 256])
def test_a_blank_signature_is_refused_for_every_algorithm(alg, length):
    key = key_for(alg)

    with pytest.raises(TokenRefused):
        accept(f"{segment(header_of(key))}.{segment(CLAIMS)}.{segment(bytes(length))}", key.public)


def test_a_token_without_its_signature_segment_is_refused():
    unsigned = good_token().rpartition(".")[0]

    for token in (unsigned, unsigned + "."):
        with pytest.raises(TokenRefused):
            accept(token)
