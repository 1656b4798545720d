"""Hashes of other systems are recognised, and match the secrets that they were made of."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.server.foreign_hashes import read_foreign_hash

# Published vectors: of crypt_blowfish, and of the PBKDF2 crate in the form that Hydra writes too.
BCRYPT = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
PHC = (
    "$pbkdf2-sha256$i=4096,l=40$c2FsdFNBTFRzYWx0U0FMVHNhbHRTQUxUc2FsdFNBTFRzYWx0"
    "$NIyJ28vTKy8y2BS4EW6EzysXNH68GAAYHE4qH7jdU+HGNVGMfaxH6Q"
)
_KEY = hashlib.pbkdf2_hmac("sha256", b"hydra", b"salt", 7)
WERKZEUG = f"pbkdf2:sha256:7$salt${_KEY.hex()}"


@pytest.mark.parametrize(
    ("stored", "secret", "scheme"),
    [
        (BCRYPT, "U*U", "bcrypt"),
        (BCRYPT.replace("$2a$", "$2y$"), "U*U", "bcrypt"),
        (BCRYPT.replace("$2a$", "$2b$"), "U*U", "bcrypt"),
        (PHC, "passwordPASSWORDpassword", "pbkdf2-sha256"),
        (WERKZEUG, "hydra", "pbkdf2-sha256"),
    ],
)
def test_a_hash_matches_its_secret_alone(stored, secret, scheme):
    read = read_foreign_hash(stored)

    assert read.scheme == scheme
    assert read.matches(secret)
    assert not read.matches(secret + "x")
    assert not read.matches("")


def test_base64_with_dots_as_passlib_writes_it_is_read():
    import base64

    encoded = base64.b64encode(_KEY).decode().rstrip("=").replace("+", ".")

    assert read_foreign_hash(f"$pbkdf2-sha256$7$c2FsdA${encoded}").matches("hydra")


def test_a_secret_that_is_longer_than_bcrypt_looks_is_compared_as_far_as_it_looks():
    import bcrypt

    stored = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()

    assert read_foreign_hash(stored).matches("x" * 80)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "plain text",
        "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$05$short",
        "$pbkdf2-sha256$i=999999999,l=32$c2FsdA$" + "A" * 43,
        "$pbkdf2-sha256$i=0,l=32$c2FsdA$" + "A" * 43,
        "$pbkdf2-sha256$i=10,l=32$c2FsdA$AAAA",
        "$pbkdf2-sha256$i=10,l=32$c2FsdA$" + "A" * 41,
        "$pbkdf2-md5$i=10,l=32$c2FsdA$" + "A" * 43,
        "pbkdf2:sha256:10$salt$zz",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$" + "A" * 43,
    ],
)
def test_refuses_what_it_cannot_check_or_what_costs_too_much(stored):
    with pytest.raises(ValueError) as caught:
        read_foreign_hash(stored)
    assert not stored or stored not in str(caught.value)


@given(st.text())
def test_any_text_is_read_or_refused(stored):
    try:
        read_foreign_hash(stored)
    except ValueError:
        return


def test_a_hash_does_not_show_itself():
    assert "CCCC" not in repr(read_foreign_hash(BCRYPT))
    assert "NIyJ" not in repr(read_foreign_hash(PHC))
