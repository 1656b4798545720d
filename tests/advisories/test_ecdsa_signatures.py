"""CVE-2022-21449, CVE-2019-14853, CVE-2019-14859: zero, oversized and wrongly encoded (r, s)."""

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.protocol.jose import CLAIMS, accept, header_of, key_for, segment
from tokenbooth.protocol.errors import TokenRefused

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ES256 = key_for("ES256")
SIGNING_INPUT = f"{segment(header_of(ES256))}.{segment(CLAIMS)}"
SIGNATURE = ES256.sign(SIGNING_INPUT.encode())
R, S = (int.from_bytes(half, "big") for half in (SIGNATURE[:32], SIGNATURE[32:]))
EDGES = (0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1)


@pytest.mark.parametrize("r", EDGES)
@pytest.mark.parametrize("s", EDGES)
def test_edge_values_sign_nothing(r, s):
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")

    with pytest.raises(TokenRefused, match="bad_signature"):
        accept(f"{SIGNING_INPUT}.{segment(signature)}")


@pytest.mark.parametrize(
    "signature",
    [
        encode_dss_signature(R, S),
        SIGNATURE + b"\0",
        b"\0" + SIGNATURE,
        SIGNATURE[:32] + b"\0" + SIGNATURE[32:],
        SIGNATURE[:-1],
        SIGNATURE * 2,
        R.to_bytes(33, "big") + S.to_bytes(33, "big"),
    ],
    ids=["DER", "trailing zero", "leading zero", "zero between", "cut", "twice", "padded numbers"],
)
def test_a_good_signature_in_another_encoding_is_refused(signature):
    with pytest.raises(TokenRefused, match="bad_signature"):
        accept(f"{SIGNING_INPUT}.{segment(signature)}")


def test_the_signature_itself_is_good():
    assert accept(f"{SIGNING_INPUT}.{segment(SIGNATURE)}").client_id == "my-app"
