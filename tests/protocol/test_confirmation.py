"""What a token is bound to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol import base64url
from tokenbooth.protocol.confirmation import Confirmation, read_confirmation
from tokenbooth.protocol.errors import TokenRefused

DIGEST = st.binary(min_size=32, max_size=32).map(lambda raw: base64url.encode(raw).decode())
JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


@given(st.none() | DIGEST, st.none() | DIGEST)
def test_what_is_written_is_read_back(jkt, x5t):
    if jkt is not None or x5t is not None:
        bound = Confirmation(jkt=jkt, x5t=x5t)

        assert read_confirmation({"cnf": bound.to_claim()}) == bound


def test_a_token_without_confirmation_is_a_bearer_token():
    assert read_confirmation({"sub": "ada"}) is None


def test_nothing_is_no_confirmation():
    with pytest.raises(ValueError, match="a key or a certificate"):
        Confirmation()


@pytest.mark.parametrize(
    "cnf",
    [
        None,
        {},
        [],
        "jkt",
        {"jwk": {}},
        {"jkt": JKT, "kid": "a"},
        {"jkt": JKT + "="},
        {"jkt": JKT[:-1]},
        {"jkt": JKT[:-1] + "J"},
        {"jkt": 1},
        {"jkt": ""},
        {"x5t": JKT},
        {"jkt": JKT, "x5t#S256": None},
    ],
    ids=str,
)
def test_what_cannot_be_checked_makes_a_token_useless(cnf):
    with pytest.raises(TokenRefused) as refused:
        read_confirmation({"cnf": cnf})

    assert refused.value.reason == "unknown_confirmation"
