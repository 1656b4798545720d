"""One-time codes: the vectors of the RFCs, and what an app reads."""

from base64 import b32decode
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.one_time_code import (
    code_at,
    matching_step,
    otpauth_uri,
    secret_text,
    step_at,
)

SECRET = b"12345678901234567890"
SECRETS = {
    "sha1": SECRET,
    "sha256": b"12345678901234567890123456789012",
    "sha512": b"1234567890123456789012345678901234567890123456789012345678901234",
}


@pytest.mark.parametrize(
    ("counter", "code"),
    [
        (0, "755224"),
        (1, "287082"),
        (2, "359152"),
        (3, "969429"),
        (4, "338314"),
        (5, "254676"),
        (6, "287922"),
        (7, "162583"),
        (8, "399871"),
        (9, "520489"),
    ],
)
def test_codes_are_those_of_rfc_4226(counter, code):
    assert code_at(SECRET, counter) == code


@pytest.mark.parametrize(
    ("now", "algorithm", "code"),
    [
        (59, "sha1", "94287082"),
        (59, "sha256", "46119246"),
        (59, "sha512", "90693936"),
        (1111111109, "sha1", "07081804"),
        (1111111109, "sha256", "68084774"),
        (1111111109, "sha512", "25091201"),
        (1111111111, "sha1", "14050471"),
        (1111111111, "sha256", "67062674"),
        (1111111111, "sha512", "99943326"),
        (1234567890, "sha1", "89005924"),
        (1234567890, "sha256", "91819424"),
        (1234567890, "sha512", "93441116"),
        (2000000000, "sha1", "69279037"),
        (2000000000, "sha256", "90698825"),
        (2000000000, "sha512", "38618901"),
        (20000000000, "sha1", "65353130"),
        (20000000000, "sha256", "77737706"),
        (20000000000, "sha512", "47863826"),
    ],
)
def test_codes_are_those_of_rfc_6238(now, algorithm, code):
    made = code_at(SECRETS[algorithm], step_at(now), digits=8, algorithm=algorithm)

    assert made == code


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_the_step_of_a_code_is_found(later):
    code = code_at(SECRET, 100 + later)

    assert matching_step(SECRET, code, now=3015) == 100 + later


@pytest.mark.parametrize("code", ["", "12345", "1234567", "\u0661\u0662\u0663\u0664\u0665\u0666"])
def test_what_is_no_code_has_no_step(code):
    assert matching_step(SECRET, code, now=3000) is None


@given(st.text(max_size=10))
def test_any_text_is_looked_at(text):
    assert matching_step(SECRET, text, now=3000) in (None, 99, 100, 101)


@given(st.binary(min_size=16, max_size=64), st.text(max_size=30), st.text(max_size=30))
def test_the_address_for_an_app_keeps_secret_and_names(secret, service, member):
    service, member = (text.encode("utf-8", "replace").decode() for text in (service, member))
    parts = urlsplit(otpauth_uri(secret, service=service or "x", member=member))
    asked = parse_qs(parts.query, strict_parsing=True)

    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    issuer, colon, who = parts.path.removeprefix("/").partition(":")
    assert colon
    assert unquote(issuer) == (service or "x").replace(":", " ")
    assert unquote(who) == member
    text = asked["secret"][0]
    assert text == secret_text(secret)
    assert b32decode(text + "=" * (-len(text) % 8)) == secret
    assert (asked["digits"], asked["period"]) == (["6"], ["30"])
