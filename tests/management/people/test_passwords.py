"""Passwords: which are good enough, and that hashing them starves nothing."""

import asyncio
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.management.errors import BadInput, TooManyAttempts
from tokenbooth.management.people.passwords import check_password, hash_password, is_password
from tokenbooth.protocol.secret import Secret


def check(text, *, email="ann.smith@example.com", name="Ann Smith"):
    check_password(Secret(text), email=email, name=name)


@pytest.mark.parametrize(
    "text", ["correct horse battery", "zu6d-haus-baum", "пароль из трёх слов", "x9!kQ2#vLp8@"]
)
def test_takes_what_is_hard_to_guess(text):
    check(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "12 characters"),
        ("elevenchars", "12 characters"),
        ("x" * 1025, "1024"),
        ("ﷺ" * 100, "1024"),  # 18 characters each, once normalised
        ("password1234", "first that are tried"),
        ("PASSWORD!!!!", "first that are tried"),
        ("qwertyuiop123", "first that are tried"),
        ("qwertyqwerty", "first that are tried"),
        ("123456789012", "first that are tried"),
        ("aaaaaaaaaaaa", "first that are tried"),
        ("abcabcabcabc", "first that are tried"),
        ("ann.smith@example.com", "name"),
        ("AnnSmith2026!", "name"),
        ("example-tokenbooth-1", "name"),
    ],
)
def test_refuses_what_is_easy_to_guess(text, why):
    with pytest.raises(BadInput, match=why):
        check(text)


def test_a_refusal_does_not_repeat_the_password():
    with pytest.raises(BadInput) as refused:
        check("annsmith1234")
    assert "annsmith" not in str(refused.value)


@given(st.text(max_size=80))
def test_any_text_is_taken_or_refused(text):
    try:
        check(text)
    except BadInput:
        return
    assert len(unicodedata.normalize("NFKC", text)) >= 12


async def test_the_same_letters_are_the_same_password_however_they_are_typed():
    composed, decomposed = (
        "Jérôme’s motorcycle",
        unicodedata.normalize("NFD", "Jérôme’s motorcycle"),
    )
    wide = "\uff4aust some wide letters"
    stored = await hash_password(Secret(composed))

    assert await is_password(Secret(decomposed), stored)
    assert await is_password(Secret("just some wide letters"), await hash_password(Secret(wide)))


async def test_the_hash_is_argon2id_and_salted():
    one, other = [await hash_password(Secret("correct horse battery")) for _ in range(2)]

    assert one.startswith("$argon2id$")
    assert one != other


@pytest.mark.parametrize("stored", [None, "", "garbage", "$argon2id$v=19$m=8,t=1,p=1$x$y"])
async def test_nothing_fits_what_is_no_hash(stored):
    assert not await is_password(Secret("correct horse battery"), stored)
    assert not await is_password(Secret(""), stored)


async def test_a_password_that_is_too_long_is_not_hashed_whole():
    assert not await is_password(Secret("x" * 10_000_000), None)


async def test_a_storm_of_sign_ins_is_turned_away_and_the_loop_stays_free():
    storm = [
        asyncio.create_task(is_password(Secret("correct horse battery"), None)) for _ in range(200)
    ]
    await asyncio.sleep(0)
    ticks = 0
    while not all(each.done() for each in storm):
        ticks += 1
        await asyncio.sleep(0.001)
    outcomes = await asyncio.gather(*storm, return_exceptions=True)

    turned_away = [each for each in outcomes if isinstance(each, TooManyAttempts)]
    assert len(turned_away) == 200 - 64
    assert turned_away[0].seconds > 0
    assert ticks > 10
    assert not await is_password(Secret("correct horse battery"), None)
