"""Nonces that no node remembers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.dpop_nonce import LIFETIME, RENEWED_EVERY, NonceOffice

NOW = 1_800_000_000.0
OFFICE = NonceOffice(b"k" * 32)


@given(st.floats(0, 2**40))
def test_a_nonce_is_good_at_once_and_on_every_node(now):
    assert NonceOffice(b"k" * 32).is_good(OFFICE.current(now), now)


def test_a_nonce_lasts_minutes_and_not_longer():
    nonce = OFFICE.current(NOW)

    assert OFFICE.is_good(nonce, NOW + LIFETIME - RENEWED_EVERY)
    assert not OFFICE.is_good(nonce, NOW + LIFETIME + 1)


def test_a_nonce_of_the_future_is_not_good():
    assert OFFICE.is_good(OFFICE.current(NOW + 30), NOW)
    assert not OFFICE.is_good(OFFICE.current(NOW + 3600), NOW)


def test_nonces_change_every_minute():
    assert OFFICE.current(NOW) == OFFICE.current(NOW + 1)
    assert OFFICE.current(NOW) != OFFICE.current(NOW + RENEWED_EVERY)


def test_another_key_makes_other_nonces():
    assert not OFFICE.is_good(NonceOffice(b"x" * 32).current(NOW), NOW)


@pytest.mark.parametrize("nonce", ["", "A", "é", "AAAA", "=" * 32, "A" * 500])
def test_what_is_no_nonce_is_not_good(nonce):
    assert not OFFICE.is_good(nonce, NOW)


@given(st.integers(0, 31), st.characters(min_codepoint=33, max_codepoint=126))
def test_no_character_of_a_nonce_can_be_changed(position, char):
    nonce = OFFICE.current(NOW)
    changed = nonce[:position] + char + nonce[position + 1 :]

    assert changed == nonce or not OFFICE.is_good(changed, NOW)
