"""What a client says of itself when it registers, read strictly (RFC 7591)."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol import ml_dsa
from tokenbooth.protocol.client_auth import BASIC, POST
from tokenbooth.protocol.errors import InvalidClientMetadata, InvalidRedirectUri
from tokenbooth.protocol.keys import generate_key
from tokenbooth.protocol.registration import read_client_metadata

_SEED = base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")
_SEEDED = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
JWK = generate_key("ES256").public.to_jwk()
MEMBERS = (
    "client_name",
    "scope",
    "grant_types",
    "jwks",
    "jwks_uri",
    "token_endpoint_auth_method",
    "redirect_uris",
    "dpop_bound_access_tokens",
)
VALUES = (
    st.none()
    | st.booleans()
    | st.text(max_size=10)
    | st.lists(st.text(max_size=5), max_size=3)
    | st.just({"keys": [JWK]})
    | st.just("private_key_jwt")
)


def read(**members):
    return read_client_metadata(json.dumps(members).encode())


@given(members=st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=5), VALUES))
def test_any_metadata_is_read_or_refused(members):
    try:
        metadata = read(**{str(name): value for name, value in members.items()})
    except (InvalidClientMetadata, InvalidRedirectUri):
        return
    assert metadata.grant_types


@given(document=st.binary(max_size=50))
def test_any_document_is_read_or_refused(document):
    try:
        read_client_metadata(document)
    except InvalidClientMetadata:
        return


def test_what_is_left_out_has_a_default_for_machines():
    metadata = read()

    assert (metadata.auth_method, metadata.grant_types) == (BASIC, ("client_credentials",))
    assert (metadata.scope, metadata.keys, metadata.is_dpop_bound) == (None, (), False)


def test_members_without_a_meaning_here_are_passed_over():
    metadata = read(
        software_id="x", contacts=["a@example.com"], token_endpoint_auth_method=POST, logo_uri=None
    )

    assert metadata.auth_method == POST


@pytest.mark.parametrize("uris", [["https://app.example.com/callback"], ["x"]])
def test_there_is_nothing_to_redirect_to(uris):
    with pytest.raises(InvalidRedirectUri):
        read(redirect_uris=uris)


@pytest.mark.parametrize(
    "members",
    [
        {"redirect_uris": "https://app.example.com"},
        {"response_types": ["code"]},
        {"token_endpoint_auth_method": "none"},
        {"token_endpoint_auth_method": "client_secret_jwt"},
        {"token_endpoint_auth_method": 1},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"jwks": {"keys": [JWK]}},
        {"jwks_uri": "https://app.example.com/jwks"},
        {
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [JWK]},
            "jwks_uri": "https://app.example.com/jwks",
        },
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": [JWK]},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [JWK, JWK]}},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [1]}},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [JWK | {"d": "AA"}]}},
        {
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]},
        },
        {"grant_types": "client_credentials"},
        {"grant_types": [1]},
        {"scope": ["a"]},
        {"scope": 'a"b'},
        {"client_name": "a\nb"},
        {"client_name": "x" * 201},
        {"dpop_bound_access_tokens": "true"},
        {"client_id": 7},
        {"client_secret": 7},
    ],
)
def test_refuses_what_cannot_be(members):
    with pytest.raises(InvalidClientMetadata):
        read(**members)


@pytest.mark.parametrize(
    "jwk",
    [
        generate_key("RS256").public.to_jwk() | {"p": "AQ"},
        generate_key("ML-DSA-44").public.to_jwk(),
        ml_dsa.public_jwk(_SEEDED.public_key()) | {"priv": _SEED},
    ],
    ids=["private part of RSA", "public key of no assertion", "private part of AKP"],
)
def test_no_private_part_of_any_kind_and_no_key_without_use_is_registered(jwk):
    with pytest.raises(InvalidClientMetadata):
        read(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [jwk]})


def test_a_secret_does_not_show_when_the_metadata_is_printed():
    assert "hunter2" not in repr(read(client_id="a", client_secret="hunter2"))
