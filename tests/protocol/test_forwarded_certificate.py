"""The certificate header of a proxy, in each of its formats."""

import base64
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.certificates import make
from tokenbooth.protocol.certificate import CertificateRefused
from tokenbooth.protocol.forwarded_certificate import CLIENT_CERT, FORMATS, ForwardingHeader

SHOWN = make()
BASE64 = base64.b64encode(SHOWN.der).decode()


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Client-Cert", f":{BASE64}:"),
        ("Client-Cert", f"  :{BASE64.rstrip('=')}: "),
        ("client-cert:byte-sequence", f":{BASE64}:"),
        ("X-SSL-Client-Cert:escaped-pem", quote(SHOWN.pem)),
        ("X-Amzn-Mtls-Clientcert-Leaf:escaped-pem", quote(SHOWN.pem, safe="+=/")),
        ("x-cert:base64-der", BASE64),
    ],
)
def test_reads_the_forwarded_certificate(header, value) -> None:
    assert ForwardingHeader.parse(header).certificate((value,)) == SHOWN.der


def test_no_header_and_an_empty_one_are_no_certificate() -> None:
    assert CLIENT_CERT.certificate(()) is None
    assert CLIENT_CERT.certificate((" ",)) is None


def test_refuses_a_second_header_for_the_caller_may_have_sent_it() -> None:
    with pytest.raises(CertificateRefused, match="more than one"):
        CLIENT_CERT.certificate((f":{BASE64}:", f":{BASE64}:"))


@pytest.mark.parametrize(
    "value",
    [
        BASE64,
        f":{BASE64}",
        f"{BASE64}:",
        f":{BASE64}:;a=1",
        f":{BASE64}:, :{BASE64}:",
        ":",
        ":ab*c:",
        f":{'A' * 30_000}:",
    ],
)
def test_refuses_what_is_no_byte_sequence(value) -> None:
    with pytest.raises(CertificateRefused):
        CLIENT_CERT.certificate((value,))


@pytest.mark.parametrize("value", ["%2D", "-----BEGIN", "A" * 60_000, quote(SHOWN.key_pem)])
def test_refuses_what_is_no_escaped_pem(value) -> None:
    with pytest.raises(CertificateRefused):
        FORMATS["escaped-pem"](value)


@pytest.mark.parametrize("text", ["", ":byte-sequence", "X Cert", "X-Cert:", "X-Cert:xfcc", "Ü"])
def test_refuses_a_header_that_there_cannot_be(text) -> None:
    with pytest.raises(ValueError, match="byte-sequence"):
        ForwardingHeader.parse(text)


@given(st.sampled_from(sorted(FORMATS)), st.text(max_size=100))
def test_any_text_gives_bytes_or_is_refused(form, text) -> None:
    with suppress(CertificateRefused):
        assert isinstance(FORMATS[form](text), bytes)
