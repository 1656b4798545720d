"""Keys on the command line: made by the client, registered by the operator, never shown."""

import stat

import pytest


@pytest.fixture
def api(tokenbooth):
    made = tokenbooth(
        "apis", "create", "persons", "--audience", "https://p.example", "--scopes", "persons:read"
    )
    assert made.code == 0


def test_a_new_key_is_written_for_its_owner_alone_and_its_public_half_shown(tokenbooth, tmp_path):
    ended = tokenbooth("token", "new-key", "--alg", "EdDSA", "--out", "key.pem")
    assert ended.code == 0
    assert ended.data["alg"] == "EdDSA"
    assert "d" not in ended.data
    file = tmp_path / "key.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith("-----BEGIN PRIVATE KEY-----")


def test_a_key_that_is_there_is_never_overwritten(tokenbooth, tmp_path):
    (tmp_path / "key.pem").write_text("precious")
    assert tokenbooth("token", "new-key", "--out", "key.pem").code == 7
    assert (tmp_path / "key.pem").read_text() == "precious"


def test_a_client_is_registered_with_its_key_and_without_a_secret(tokenbooth, api, tmp_path):
    jwk = tokenbooth("token", "new-key", "--out", "key.pem").out
    (tmp_path / "public.json").write_text(jwk)

    ended = tokenbooth("clients", "create", "--api", "persons", "--jwk", "public.json", "--json")

    assert ended.code == 0
    assert "client_secret" not in ended.data
    assert ended.data["auth_methods"] == ["private_key_jwt"]
    assert ended.data["credential_id"]


def test_a_private_key_that_is_handed_over_is_warned_of_and_not_kept(tokenbooth, api, tmp_path):
    tokenbooth("token", "new-key", "--out", "key.pem")
    ended = tokenbooth("clients", "create", "--id", "a", "--api", "persons", "--jwk", "key.pem")
    assert ended.code == 0
    assert "private" in ended.err
    assert "PRIVATE" not in (tmp_path / "booth.db").read_bytes().decode("latin-1")


def test_a_key_is_added_to_a_client_with_a_secret(tokenbooth, api):
    tokenbooth("clients", "create", "--id", "ada", "--api", "persons")
    jwk = tokenbooth("token", "new-key", "--out", "key.pem").out
    ended = tokenbooth("credentials", "add", "ada", "--jwk", "-", "--json", stdin=jwk.encode())
    assert ended.code == 0
    assert [each["kind"] for each in ended.data["credentials"]] == ["jwk"]
    assert "private_key_jwt" in ended.data["auth_methods"]
    again = tokenbooth("credentials", "add", "ada", "--jwk", "-", stdin=jwk.encode())
    assert again.code == 7


def test_a_client_may_publish_its_keys(tokenbooth, api):
    place = "https://keys.example/jwks"
    ended = tokenbooth("clients", "create", "--api", "persons", "--jwks-uri", place, "--json")
    assert ended.code == 0
    listed = tokenbooth("credentials", "list", ended.data["client_id"], "--json")
    assert [each["hint"] for each in listed.data] == ["keys.example"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--jwk", "missing.json"),
        ("--jwk", "."),
        ("--jwk", "junk.bin"),
        ("--jwk", "junk.txt"),
        ("--jwk-alg", "PS256"),
        ("--jwks-uri", "http://keys.example"),
        ("--auth-method", "private_key_jwt"),
    ],
)
def test_a_key_that_cannot_be_is_refused(tokenbooth, api, tmp_path, arguments):
    (tmp_path / "junk.bin").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "junk.txt").write_text("junk")
    ended = tokenbooth("clients", "create", "--api", "persons", *arguments)
    assert ended.code == 2
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--secret", "env:A", "--private-key", "env:B"),
        ("--private-key", "-----BEGIN PRIVATE KEY-----"),
        ("--assertion", "eyJhbGciOiJFUzI1NiJ9.e30.AA"),
    ],
)
def test_one_place_of_a_proof_is_named_and_nothing_typed_is_shown(tokenbooth, arguments):
    ended = tokenbooth(
        "token", "get", "--issuer", "http://127.0.0.1:9", "--client-id", "a", *arguments
    )
    assert ended.code == 2
    assert "BEGIN" not in ended.err
    assert "eyJ" not in ended.err


def test_help_names_the_algorithms_that_there_are(tokenbooth):
    from tokenbooth.protocol.keys import ALGORITHMS

    assert "|".join(ALGORITHMS) in tokenbooth("token", "new-key", "--help").out
