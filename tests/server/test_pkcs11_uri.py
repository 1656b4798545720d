"""Devices and their keys in writing (RFC 7512)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.server.pkcs11_uri import Pkcs11Uri, UriRefused

printable = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1)


@given(
    st.builds(
        Pkcs11Uri,
        token=printable.map(lambda text: text[:20]),
        serial=st.none() | printable.map(lambda text: text[:20]),
        label=st.none() | printable.map(lambda text: text[:20]),
        id=st.none() | st.binary(max_size=20),
        module_path=printable.map(lambda text: "/" + text[:20]),
        pin_source=st.sampled_from([None, "env:PIN", "file:/run/secrets/pin"]),
    )
)
def test_reads_what_it_writes(uri):
    assert Pkcs11Uri.parse(str(uri)) == uri


@given(st.text() | st.text().map(lambda text: f"pkcs11:token=a;{text}?module-path=/b&{text}"))
def test_reads_or_refuses_any_text(text):
    try:
        read = Pkcs11Uri.parse(text)
    except UriRefused:
        return
    assert Pkcs11Uri.parse(str(read)) == read


def test_reads_escaped_names_and_binary_ids():
    uri = Pkcs11Uri.parse(
        "pkcs11:token=My%20Booth;id=%00%ff;type=private?module-path=/lib/x.so&pin-source=env:PIN"
    )

    assert (uri.token, uri.id, uri.names_a_key) == ("My Booth", b"\x00\xff", True)
    assert (uri.module_path, uri.pin_source) == ("/lib/x.so", "env:PIN")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "pkcs11:token="),
        ("hsm", "pkcs11:token="),
        ("pkcs11:?module-path=/x", "token= or serial="),
        ("pkcs11:object=a?module-path=/x", "token= or serial="),
        ("pkcs11:token=a", "module-path"),
        ("pkcs11:token=a?module-path=", "module-path"),
        ("pkcs11:token=a?module-path=/x&pin-value=1234", "PIN has no place"),
        ("pkcs11:token=a?module-path=/x&pin-source=/etc/pin", "env:NAME"),
        ("pkcs11:token=a;token=b?module-path=/x", "twice"),
        ("pkcs11:token=a;slot-id=1?module-path=/x", "slot-id"),
        ("pkcs11:token=a b?module-path=/x", "token=a b"),
        ("pkcs11:token=%zz?module-path=/x", "token=%zz"),
        ("pkcs11:token=%ff?module-path=/x", "UTF-8"),
        ("pkcs11:token=%0a?module-path=/x", "cannot be shown"),
        ("pkcs11:token=" + "a" * 2000 + "?module-path=/x", "pkcs11:token="),
    ],
)
def test_refuses_what_names_no_device(text, word):
    with pytest.raises(UriRefused, match=word):
        Pkcs11Uri.parse(text)


def test_a_pin_in_a_uri_is_not_repeated():
    with pytest.raises(UriRefused) as refused:
        Pkcs11Uri.parse("pkcs11:token=a?module-path=/x&pin-value=1234")

    assert "1234" not in str(refused.value)
