"""Opaque tokens: whoever changes a byte, a kind or a key gets nothing."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenbooth.protocol import base64url
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.server.sealing import (
    ACCESS_PREFIX,
    MAX_SEALED_LENGTH,
    REFRESH_PREFIX,
    SealingKey,
    new_sealing_secret,
)

KEY = SealingKey(b"s" * 32)
CLAIMS = {"iss": "https://auth.example.com", "exp": 1_800_000_000, "aud": ["a", "b"]}
TOKEN = KEY.seal(ACCESS_PREFIX, CLAIMS)

_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def refusal(key, prefix, token):
    with pytest.raises(TokenRefused) as caught:
        key.open(prefix, token)
    return caught.value.reason


@given(st.dictionaries(st.text(), _values, max_size=6))
def test_what_was_sealed_is_opened_unchanged(claims):
    assert KEY.open(ACCESS_PREFIX, KEY.seal(ACCESS_PREFIX, claims)) == claims


def test_a_token_shows_nothing_of_its_claims():
    raw = base64url.decode(TOKEN.removeprefix(ACCESS_PREFIX).encode())

    assert b"auth.example.com" not in raw


def test_a_change_of_any_byte_is_refused():
    raw = base64url.decode(TOKEN.removeprefix(ACCESS_PREFIX).encode())
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        token = ACCESS_PREFIX + base64url.encode(bytes(changed)).decode()
        assert refusal(KEY, ACCESS_PREFIX, token) in ("bad_seal", "unknown_key")


def test_a_token_cut_anywhere_is_refused():
    for length in range(len(TOKEN)):
        assert refusal(KEY, ACCESS_PREFIX, TOKEN[:length]) in (
            "bad_seal",
            "malformed",
            "unknown_key",
        )


@settings(max_examples=200)
@given(st.text() | st.binary().map(lambda b: ACCESS_PREFIX + base64url.encode(b).decode()))
def test_any_text_is_refused_and_crashes_nothing(text):
    assert refusal(KEY, ACCESS_PREFIX, text)


def test_an_access_token_never_passes_for_a_refresh_token():
    renamed = REFRESH_PREFIX + TOKEN.removeprefix(ACCESS_PREFIX)

    assert refusal(KEY, REFRESH_PREFIX, TOKEN) == "malformed"
    assert refusal(KEY, REFRESH_PREFIX, renamed) == "bad_seal"


def test_another_key_opens_nothing():
    other = SealingKey(new_sealing_secret())

    assert refusal(other, ACCESS_PREFIX, TOKEN) == "unknown_key"
    assert other.kid != KEY.kid


def test_an_overlong_token_is_refused_before_it_is_decoded():
    overlong = ACCESS_PREFIX + "A" * MAX_SEALED_LENGTH

    assert refusal(KEY, ACCESS_PREFIX, overlong) == "too_long"


def test_no_salt_and_nonce_come_twice_in_10_000_tokens():
    heads = set()
    for _ in range(10_000):
        raw = base64url.decode(KEY.seal("tbo_", {}).removeprefix("tbo_").encode())
        heads.add(raw[6:34])

    assert len(heads) == 10_000


def test_the_name_of_a_key_tells_nothing_of_the_key():
    assert b"s" * 4 not in msgspec.msgpack.encode(KEY.kid)
    assert KEY.kid == SealingKey(b"s" * 32).kid
