"""What certificates say, and that a registered name matches itself alone."""

import base64
import datetime as dt
import hashlib
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.certificates import NOW, key_usage, make
from tokenbooth.protocol.certificate import (
    MAX_DER_BYTES,
    CertificateRefused,
    SubjectRule,
    read_certificate,
    read_pem,
    thumbprint,
    to_pem,
)

WITH_NAMES = make(
    "CN=billing,OU=Payments,O=Example\\, Inc.,C=SE",
    dns=["Billing.Example.com", "*.example.net"],
    uris=["spiffe://example.com/billing"],
    addresses=["192.0.2.7", "2001:db8::1"],
    emails=["billing@example.com"],
)

_TYPES = st.sampled_from(
    [
        NameOID.COMMON_NAME,
        NameOID.ORGANIZATION_NAME,
        NameOID.ORGANIZATIONAL_UNIT_NAME,
        x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"),
    ]
)
_PRINTABLE = st.text(
    st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=20
).filter(lambda text: text.isprintable())


@st.composite
def names(draw):
    relative = st.lists(st.tuples(_TYPES, _PRINTABLE), min_size=1, max_size=2, unique=True)
    return x509.Name(
        [
            x509.RelativeDistinguishedName([x509.NameAttribute(oid, text) for oid, text in each])
            for each in draw(st.lists(relative, min_size=1, max_size=4))
        ]
    )


def test_the_thumbprint_is_the_sha_256_of_the_der_without_padding() -> None:
    expected = base64.urlsafe_b64encode(hashlib.sha256(WITH_NAMES.der).digest()).rstrip(b"=")

    assert expected.decode() == thumbprint(WITH_NAMES.der)
    assert read_certificate(WITH_NAMES.der).thumbprint == expected.decode()


def test_reads_subject_names_and_validity() -> None:
    made = make("CN=a,C=SE", not_before=NOW, not_after=NOW + dt.timedelta(days=2))

    read = read_certificate(made.der)

    assert read.subject_dn == "CN=a,C=SE"
    assert read.is_self_issued
    assert read.is_valid_at(NOW.timestamp())
    assert not read.is_valid_at(NOW.timestamp() - 1)
    assert not read.is_valid_at(NOW.timestamp() + 2 * 86_400 + 1)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("subject_dn", "CN=billing,OU=Payments,O=Example\\, Inc.,C=SE"),
        ("san_dns", "billing.example.com"),
        ("san_dns", "BILLING.example.com"),
        ("san_uri", "spiffe://example.com/billing"),
        ("san_ip", "192.0.2.7"),
        ("san_ip", "2001:0db8:0::1"),
        ("san_email", "billing@example.com"),
    ],
)
def test_a_registered_name_matches(kind, text) -> None:
    assert SubjectRule.parse(kind, text).matches(read_certificate(WITH_NAMES.der))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("subject_dn", "CN=billing"),
        ("subject_dn", "CN=billing,OU=Payments,O=Example\\, Inc.,C=SE,DC=x"),
        ("subject_dn", "C=SE,O=Example\\, Inc.,OU=Payments,CN=billing"),
        ("subject_dn", "CN=Billing,OU=Payments,O=Example\\, Inc.,C=SE"),
        ("subject_dn", "CN=billing+OU=Payments,O=Example\\, Inc.,C=SE"),
        ("subject_dn", "CN=billing\\,OU=Payments,O=Example\\, Inc.,C=SE"),
        ("san_dns", "a.example.net"),
        ("san_dns", "illing.example.com"),
        ("san_dns", "billing.example.com."),
        ("san_uri", "spiffe://example.com/billing/"),
        ("san_ip", "192.0.2.70"),
        ("san_email", "192.0.2.7"),
        ("san_email", "Billing@example.com"),
        ("san_uri", "billing.example.com"),
    ],
)
def test_every_other_name_does_not_match(kind, text) -> None:
    assert not SubjectRule.parse(kind, text).matches(read_certificate(WITH_NAMES.der))


@pytest.mark.parametrize(
    "made",
    [
        make("CN=a", uris=["spiffe://td.example/a", "spiffe://td.example/b"]),
        make("CN=a", uris=["spiffe://td.example/a", "https://a.example"]),
        make("CN=a", uris=["spiffe://td.example/a"], is_ca=True),
        make("CN=a", uris=["spiffe://td.example/a"], extensions=[key_usage("key_agreement")]),
        make(
            "CN=a",
            uris=["spiffe://td.example/a"],
            extensions=[key_usage("digital_signature", "key_cert_sign")],
        ),
        make("CN=a", uris=["spiffe://td.example/a/"]),
        make("CN=a", dns=["td.example"]),
    ],
    ids=["two", "one and another URI", "authority", "no signing", "signs others", "other", "none"],
)
def test_a_spiffe_id_counts_in_a_workloads_own_certificate_alone(made) -> None:
    rule = SubjectRule.parse("san_uri", "spiffe://td.example/a")

    assert rule.matches(read_certificate(make("CN=a", uris=["spiffe://td.example/a"]).der))
    assert not rule.matches(read_certificate(made.der))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("subject_dn", ""),
        ("subject_dn", "CN = billing, O = Example"),
        ("subject_dn", "/C=SE/CN=billing"),
        ("subject_dn", "NOSUCH=x"),
        ("subject_dn", "CN=a\nO=b"),
        ("subject_dn", "CN=#ff"),
        ("san_dns", "*.example.com"),
        ("san_ip", "192.0.2.0/24"),
        ("san_ip", "billing"),
        ("san_any", "x"),
        ("san_uri", "x" * 2049),
    ],
)
def test_refuses_to_register_what_is_no_such_name(kind, text) -> None:
    with pytest.raises(CertificateRefused):
        SubjectRule.parse(kind, text)


def test_a_certificate_without_a_subject_matches_no_rule() -> None:
    read = read_certificate(make(x509.Name([])).der)

    assert read.subject == ()
    assert not SubjectRule.parse("subject_dn", "CN=a").matches(read)


@given(names())
def test_the_text_of_any_subject_matches_that_subject(name) -> None:
    text = read_certificate(_signed_for(name)).subject_dn

    assert SubjectRule.parse("subject_dn", text).matches(read_certificate(_signed_for(name)))


@given(names(), names())
def test_two_subjects_match_only_when_they_are_the_same(first, second) -> None:
    rule = SubjectRule.parse("subject_dn", read_certificate(_signed_for(first)).subject_dn)

    assert rule.matches(read_certificate(_signed_for(second))) == (first == second)


@given(st.text(max_size=60), st.sampled_from(["subject_dn", "san_dns", "san_ip", "san_uri"]))
def test_any_text_is_a_rule_or_refused(text, kind) -> None:
    with suppress(CertificateRefused):
        SubjectRule.parse(kind, text)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_certificate_or_refused(data) -> None:
    with pytest.raises(CertificateRefused):
        read_certificate(data)


@given(st.integers(0, len(WITH_NAMES.der) - 1), st.integers(0, 255))
def test_a_damaged_certificate_is_read_or_refused(place, byte) -> None:
    damaged = bytearray(WITH_NAMES.der)
    damaged[place] = byte
    with suppress(CertificateRefused):
        read_certificate(bytes(damaged))


def test_refuses_an_overlong_certificate() -> None:
    with pytest.raises(CertificateRefused, match="larger"):
        read_certificate(WITH_NAMES.der + b"\0" * MAX_DER_BYTES)


def test_reads_the_first_certificate_of_a_pem_text() -> None:
    text = b"Subject: somebody\n" + WITH_NAMES.pem + make("CN=ca", is_ca=True).pem

    assert read_pem(text) == WITH_NAMES.der
    assert read_pem(to_pem(WITH_NAMES.der).encode()) == WITH_NAMES.der


@pytest.mark.parametrize(
    "text",
    [b"", b"-----BEGIN CERTIFICATE-----", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFI"],
)
def test_refuses_what_is_no_pem(text) -> None:
    with pytest.raises(CertificateRefused):
        read_pem(text)


def test_a_private_key_is_no_certificate() -> None:
    with pytest.raises(CertificateRefused):
        read_pem(WITH_NAMES.key_pem)


def _signed_for(name):
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(WITH_NAMES.key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + dt.timedelta(days=1))
        .sign(WITH_NAMES.key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
