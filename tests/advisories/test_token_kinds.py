"""CVE-2022-3102 and RFC 8725 §3.11: one kind of token is never taken for another."""

import pytest

from tests.protocol.jose import NOW, accept, compact, header_of, key_for
from tokenbooth.protocol.errors import TokenRefused

ES256 = key_for("ES256")


@pytest.mark.parametrize(
    "typ",
    [
        None,
        "",
        "JWT",
        "client-authentication+jwt",
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "at+jwt ",
        "x/at+jwt",
        "application/application/at+jwt",
    ],
)
def test_another_kind_with_the_same_claims_is_no_access_token(typ):
    with pytest.raises(TokenRefused, match="wrong_type"):
        accept(compact(header_of(ES256, typ=typ)))


def test_an_id_token_is_no_access_token():
    claims = {"iss": "https://auth.example.com", "sub": "a", "aud": "my-app", "exp": NOW + 60}

    with pytest.raises(TokenRefused, match="wrong_type"):
        accept(compact({"alg": "ES256", "typ": "JWT", "kid": ES256.kid}, claims))
