"""Issuers that follow the FAPI 2.0 security profile, on the command line."""

import json

import pytest

from tokenbooth.protocol.keys import generate_key

SAYS = "FAPI 2.0 security profile"


@pytest.fixture
def bank(tokenbooth):
    """An issuer under the profile, with one API."""
    made = tokenbooth("issuers", "create", "bank", "--profile", "fapi2", "--json")
    assert made.data["policy"]["profile"] == "fapi2"
    tokenbooth(
        "apis", "create", "accounts", "--issuer", "bank",
        "--audience", "https://accounts.example.com", "--scopes", "accounts:read",
    )  # fmt: skip
    return tokenbooth


@pytest.fixture
def key_file(tmp_path):
    def write(alg, **more):
        path = tmp_path / f"{alg}.json"
        key = generate_key(alg)
        path.write_text(json.dumps({**key.public.to_jwk(), **more}))
        return str(path)

    return write


@pytest.fixture
def signer(bank, key_file):
    made = bank(
        "clients", "create", "--id", "signer", "--issuer", "bank", "--api", "accounts",
        "--jwk", key_file("ES256"),
    )  # fmt: skip
    assert made.code == 0, made.err
    return "signer"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--alg", "RS256"),
        ("--alg", "ML-DSA-44"),
        ("--refresh-tokens",),
        ("--dialect", "truphone"),
    ],
)
def test_an_issuer_that_the_profile_forbids_is_not_created(tokenbooth, arguments):
    made = tokenbooth("issuers", "create", "bank", "--profile", "fapi2", *arguments)

    assert made.code == 2
    assert SAYS in made.err
    assert tokenbooth("issuers", "show", "bank").code == 6


def test_plain_http_is_refused_off_loopback(tokenbooth):
    url = "http://auth.example.com"
    made = tokenbooth("issuers", "create", "bank", "--profile", "fapi2", "--issuer-url", url)

    assert made.code == 2
    assert "plain http is accepted on loopback only" in made.err


def test_a_client_with_a_secret_is_not_created(bank):
    made = bank("clients", "create", "--issuer", "bank", "--api", "accounts")

    assert made.code == 2
    assert f"{SAYS}: clients authenticate by one of private_key_jwt, tls_client_auth" in made.err


def test_a_client_gets_no_secret_later(bank, signer):
    for command in ("add", "rotate"):
        assert SAYS in bank("credentials", command, signer, "--issuer", "bank").err


@pytest.mark.parametrize("command", ["create", "add"])
def test_a_key_for_rs256_is_refused(bank, signer, key_file, command):
    key = ("--jwk", key_file("RS256"))
    if command == "create":
        ended = bank("clients", "create", "--issuer", "bank", "--api", "accounts", *key)
    else:
        ended = bank("credentials", "add", signer, "--issuer", "bank", *key)

    assert ended.code == 2
    assert "not with RS256" in ended.err


@pytest.mark.parametrize("alg", ["PS256", "EdDSA"])
def test_other_allowed_keys_are_taken(bank, signer, key_file, alg):
    ended = bank("credentials", "add", signer, "--issuer", "bank", "--jwk", key_file(alg))

    assert ended.code == 0, ended.err


def test_keys_do_not_rotate_to_an_algorithm_that_the_profile_forbids(bank):
    ended = bank("keys", "rotate", "--issuer", "bank", "--alg", "RS256")

    assert ended.code == 2
    assert SAYS in ended.err
    assert bank("issuers", "show", "bank", "--json").data["alg"] == "ES256"


def test_an_issuer_changes_its_profile_if_it_can(tokenbooth):
    changed = tokenbooth("issuers", "set", "default", "--profile", "fapi2", "--json").data
    assert changed["policy"]["profile"] == "fapi2"
    changed = tokenbooth("issuers", "set", "default", "--profile", "oauth21", "--json").data
    assert changed["policy"]["profile"] == "oauth21"

    tokenbooth("issuers", "create", "old", "--alg", "RS256")
    refused = tokenbooth("issuers", "set", "old", "--profile", "fapi2")
    assert refused.code == 2
    assert "its tokens are signed with one of PS256, ES256, EdDSA" in refused.err
