"""Certificates on the command line: registered whole, or by a name that they carry."""

import base64
import datetime as dt
import json

import pytest

from tests.protocol.certificates import make
from tokenbooth.protocol.certificate import thumbprint

SHOWN = make()


@pytest.fixture
def api(persons, tmp_path):
    (tmp_path / "cert.pem").write_bytes(SHOWN.pem)
    return persons


def create(tokenbooth, *options):
    return tokenbooth("clients", "create", "--id", "ada", "--api", "persons", *options, "--json")


def test_a_client_is_registered_with_its_certificate_and_without_a_secret(api):
    ended = create(api, "--certificate", "cert.pem")

    assert ended.code == 0, ended.err
    assert "client_secret" not in ended.data
    assert ended.data["auth_methods"] == ["self_signed_tls_client_auth"]
    (credential,) = api("clients", "show", "ada", "--json").data["credentials"]
    assert (credential["kind"], credential["hint"]) == ("certificate", thumbprint(SHOWN.der))


def test_certificates_are_read_from_a_key_set_too(api):
    leaf = base64.b64encode(SHOWN.der).decode()
    document = json.dumps({"keys": [{"kty": "EC", "x5c": [leaf, "chain"]}]})

    ended = api(
        "clients", "create", "--id", "ada", "--api", "persons", "--certificate", "-", "--json",
        stdin=document.encode(),
    )  # fmt: skip

    assert ended.code == 0, ended.err
    hint = api("credentials", "list", "ada", "--json").data[0]["hint"]
    assert hint == thumbprint(SHOWN.der)


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "{}",
        '{"keys": []}',
        '{"keys": 1}',
        '{"keys": [{"x5c": []}]}',
        '{"keys": [{"x5c": [1]}]}',
        '{"keys": [{"x5c": ["*"]}]}',
        '{"keys": [{"x5c": ["AAAA"]}]}',
        '{"keys": [{"kty": "EC"}, {"x5c": ["AAAA"]}]}',
    ],
)
def test_a_key_set_without_good_certificates_is_refused_in_words(api, document):
    ended = api(
        "credentials", "add", "ada", "--certificate", "-", "--json", stdin=document.encode()
    )

    assert (ended.code, bool(ended.error)) == (2, True)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--subject-dn", "CN=my-app,O=Example,C=SE"),
        ("--san-dns", "app.example.com"),
        ("--san-uri", "spiffe://example.com/app"),
        ("--san-ip", "192.0.2.7"),
        ("--san-email", "app@example.com"),
    ],
)
def test_a_client_is_registered_by_a_name_in_its_certificates(api, option, text):
    ended = create(api, "--auth-method", "tls_client_auth", option, text)

    assert ended.code == 0, ended.err
    assert ended.data["auth_methods"] == ["tls_client_auth"]
    assert api("credentials", "list", "ada", "--json").data[0]["hint"] == text


def test_the_private_key_in_the_file_is_warned_of_and_not_kept(api, tmp_path):
    (tmp_path / "both.pem").write_bytes(SHOWN.key_pem + SHOWN.pem)

    ended = create(api, "--certificate", "both.pem")

    assert ended.code == 0
    assert "private key" in ended.err
    assert b"PRIVATE" not in (tmp_path / "booth.db").read_bytes()


def test_a_certificate_is_added_to_a_client_once(api):
    create(api)

    added = api("credentials", "add", "ada", "--certificate", "-", "--json", stdin=SHOWN.pem)
    again = api("credentials", "add", "ada", "--certificate", "cert.pem")

    assert added.data["auth_methods"][-1] == "self_signed_tls_client_auth"
    assert again.code == 7


@pytest.mark.parametrize(
    "options",
    [
        ("--certificate", "nothing.pem"),
        ("--certificate", "text.pem"),
        ("--certificate", "old.pem"),
        ("--subject-dn", "my app"),
        ("--san-ip", "10.0.0.0/8"),
        ("--san-dns", "*.example.com"),
        ("--auth-method", "tls_client_auth", "--certificate", "cert.pem"),
        ("--auth-method", "self_signed_tls_client_auth"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(api, tmp_path, options):
    (tmp_path / "text.pem").write_text("no certificate")
    end = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    (tmp_path / "old.pem").write_bytes(make(not_after=end).pem)

    ended = create(api, *options)

    assert ended.code == 2
    assert json.loads(ended.err)
    assert api("clients", "list", "--json").data == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [((), None), (("--certificate-bound",), True), (("--no-certificate-bound",), False)],
)
def test_tokens_may_be_bound_to_the_certificate_whatever_the_method(api, options, expected):
    create(api, *options)

    assert api("clients", "show", "ada", "--json").data["policy"]["certificate_bound"] is expected
