"""Client secrets say what is wrong with them, and are stored as digests alone."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tokenbooth.protocol.secret import Secret
from tokenbooth.protocol.secret_form import SecretParts, what_is_wrong
from tokenbooth.server.secrets import (
    SecretOffice,
    new_credential_id,
    new_issuer_tag,
    new_pepper,
    stored_digest,
)

OFFICE = SecretOffice(b"p" * 32)
SECRET = OFFICE.make("tag123", "credential01")
TEXT = SECRET.reveal()


def test_a_secret_is_made_of_letters_digits_and_underscores():
    assert re.fullmatch(r"tbs_tag123_credential01_[0-9A-Za-z]{49}", TEXT)


def test_a_secret_names_its_issuer_and_credential():
    parts = SecretParts.read(SECRET)

    assert (parts.tag, parts.credential_id) == ("tag123", "credential01")
    assert what_is_wrong(SECRET) is None


def test_no_two_secrets_are_the_same():
    assert len({OFFICE.make("tag123", "credential01").reveal() for _ in range(10_000)}) == 10_000


def test_a_secret_matches_its_own_digest_and_no_other():
    digest = OFFICE.digest(SECRET)

    assert OFFICE.matches(SECRET, digest)
    assert not OFFICE.matches(OFFICE.make("tag123", "credential01"), digest)


def test_the_digest_does_not_hold_the_secret():
    assert TEXT[-20:] not in OFFICE.digest(SECRET)


def test_another_pepper_gives_another_digest():
    assert SecretOffice(b"q" * 32).digest(SECRET) != OFFICE.digest(SECRET)


@pytest.mark.parametrize("stored", ["", "sha256$00", "hmac-sha256$zz", "hmac-sha256"])
def test_refuses_a_digest_of_an_unknown_scheme(stored):
    with pytest.raises(ValueError):
        stored_digest(stored)


@given(st.integers(0, len(TEXT) - 1), st.characters())
def test_no_secret_with_another_character_passes(place, character):
    damaged = TEXT[:place] + character + TEXT[place + 1 :]
    assume(damaged != TEXT)

    assert SecretParts.read(Secret(damaged)) is None


@given(st.integers(0, len(TEXT) - 2))
def test_no_secret_with_swapped_characters_passes(place):
    damaged = TEXT[:place] + TEXT[place + 1] + TEXT[place] + TEXT[place + 2 :]
    assume(damaged != TEXT)

    assert SecretParts.read(Secret(damaged)) is None


@given(st.integers(0, len(TEXT) - 1))
def test_no_shortened_secret_passes(length):
    assert SecretParts.read(Secret(TEXT[:length])) is None
    assert SecretParts.read(Secret(TEXT[len(TEXT) - length :])) is None


@given(st.text() | st.text().map("tbs_{}".format) | st.text().map(f"{TEXT}{{}}".format))
def test_any_text_is_diagnosed_without_a_crash_and_never_repeated(text):
    assume(text != TEXT)
    secret = Secret(text)

    assert SecretParts.read(secret) is None
    assert not OFFICE.matches(secret, OFFICE.digest(SECRET))
    wrong = what_is_wrong(secret)
    assert wrong is None or len(text) < 8 or text not in wrong


def test_a_lone_surrogate_is_a_wrong_secret_like_any_other():
    secret = Secret("tbs_\ud800")

    assert what_is_wrong(secret) is not None
    assert not OFFICE.matches(secret, OFFICE.digest(SECRET))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TEXT + "\n", r"line break at the end \(%0A\)"),
        (TEXT + "\r\n", "line break at the end"),
        (" " + TEXT, "begins or ends with white space"),
        (TEXT + "\t", "ends with white space"),
        ("********", "masked value"),
        ("tbo_abc", "a token, not a client secret"),
        ("tbr_abc", "a token, not a client secret"),
        (TEXT[:-5], "5 characters short"),
        (TEXT + "ab", "2 characters too long"),
        (TEXT[:-1] + ("a" if TEXT[-1] != "a" else "b"), r"altered \(checksum\)"),
        ("tbs_", r"altered \(checksum\)"),
        ("tbs_a_b", r"altered \(checksum\)"),
    ],
    # The secret is made anew in every process, so it is no name for a test.
    ids=lambda value: "secret" if TEXT[:20] in value else None,
)
def test_says_what_is_wrong_with_a_damaged_secret(text, says):
    assert re.search(says, what_is_wrong(Secret(text)))


@pytest.mark.parametrize("text", ["", "hunter2", "TBS_x", "s3cr3t/with+signs"])
def test_says_nothing_about_a_text_that_is_no_secret_of_ours(text):
    assert what_is_wrong(Secret(text)) is None


def test_ids_tags_and_peppers_do_not_repeat():
    for make in (new_credential_id, new_issuer_tag, new_pepper):
        assert len({make() for _ in range(1000)}) == 1000


def test_ids_and_tags_fit_inside_a_secret():
    secret = OFFICE.make(new_issuer_tag(), new_credential_id())

    assert SecretParts.read(secret) is not None
    assert re.fullmatch(r"[0-9a-z]{6}", new_issuer_tag())
