"""Email addresses: those that browsers take, in one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.management.errors import BadInput
from tokenbooth.management.people.emails import clean_email, read_email


@pytest.mark.parametrize(
    ("typed", "email"),
    [
        ("ann@example.com", "ann@example.com"),
        (" Ann.Smith+Booth@Example.COM\n", "ann.smith+booth@example.com"),
        ("o'neil@sub.example.co.uk", "o'neil@sub.example.co.uk"),
        ("root@localhost", "root@localhost"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
    ],
)
def test_reads_an_address_in_one_spelling(typed, email):
    assert read_email(typed) == email


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@@example.com",
        "ann@example..com",
        "ann@-example.com",
        "ann smith@example.com",
        "ann@example.com\nbcc: eve@example.com",
        "Ann <ann@example.com>",
        "ann@example.com,eve@example.com",
        "änn@example.com",
        "ann@ex\u0430mple.com",  # a Cyrillic letter
        "\u212aate@example.com",  # the Kelvin sign, of which the lower case is k
        "x" * 65 + "@example.com",
        "a@" + "x." * 130 + "com",
    ],
)
def test_refuses_what_is_no_address(typed):
    with pytest.raises(BadInput):
        read_email(typed)


@given(st.text(max_size=300))
def test_any_text_is_an_address_in_one_spelling_or_none(text):
    email = clean_email(text)

    if email is not None:
        assert email == clean_email(email)
        assert email == email.lower().strip()
        assert email.isascii()
        assert email.count("@") == 1


@given(st.emails())
def test_whatever_is_taken_stays_that_address(address):
    email = clean_email(address)

    assert email in (None, address.strip().lower())
