import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.protocol.jose import CLAIMS, compact, good_token, header_of, key_for, segment
from tokenbooth.protocol import jwt
from tokenbooth.protocol.errors import TokenRefused
from tokenbooth.protocol.jwt import (
    MAX_KID_LENGTH,
    MAX_TOKEN_LENGTH,
    read_jwt,
    sign_jwt,
    unverified_claims,
    verify_jwt,
)
from tokenbooth.protocol.keys import ALGORITHMS

ES256 = key_for("ES256")
GOOD = good_token()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
SAFE = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT
JSON = st.recursive(
    SAFE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


def reason_of(token: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        verify_jwt(read_jwt(token), ES256.public)
    return refused.value.reason


@pytest.mark.parametrize("alg", ALGORITHMS)
@given(claims=st.dictionaries(TEXT, JSON, max_size=5))
def test_what_is_signed_is_read_back(alg, claims):
    key = key_for(alg)

    unverified = read_jwt(sign_jwt(claims, key, typ="at+jwt"))

    assert (unverified.alg, unverified.kid, unverified.typ) == (alg, key.kid, "at+jwt")
    assert unverified_claims(unverified) == claims
    assert verify_jwt(unverified, key.public) == claims


@given(st.text(max_size=100) | st.text(alphabet="eyJ.=_-+ \n0", max_size=60))
def test_any_text_is_refused(token):
    with pytest.raises(TokenRefused):
        verify_jwt(read_jwt(token), ES256.public)


@given(JSON, JSON, st.binary(max_size=70))
@example({"alg": "ES256"}, {}, b"\0" * 64)
def test_any_header_and_payload_without_our_signature_is_refused(header, payload, signature):
    token = f"{segment(json.dumps(header))}.{segment(json.dumps(payload))}.{segment(signature)}"

    with pytest.raises(TokenRefused):
        verify_jwt(read_jwt(token), ES256.public)


@given(st.integers(0, len(GOOD) - 1), st.characters(min_codepoint=32, max_codepoint=126))
def test_no_single_character_can_be_changed(position, char):
    changed = GOOD[:position] + char + GOOD[position + 1 :]

    if changed != GOOD:
        assert reason_of(changed)


@given(st.integers(0, len(GOOD)), st.sampled_from(list(".=A \n\t\r\x00é")))
def test_no_single_character_can_be_inserted(position, char):
    assert reason_of(GOOD[:position] + char + GOOD[position:])


@given(st.integers(0, len(GOOD) - 1))
def test_no_token_can_be_cut(length):
    assert reason_of(GOOD[:length])


@pytest.mark.parametrize("token", ["", ".", "...", "a.b", "a.b.c", "é", " ", "a.b.c.d.e"])
def test_refuses_what_is_not_three_segments_of_base64url(token):
    assert reason_of(token) == "malformed"


@pytest.mark.parametrize("form", ["{}.", ".{}", "{}.a.b", "{}=", " {}", "{}\n", "{}\x00"])
def test_refuses_a_good_token_with_anything_about_it(form):
    assert reason_of(form.format(GOOD)) == "malformed"


def test_refuses_a_blank_signature():
    assert reason_of(GOOD.rpartition(".")[0] + ".") == "unsigned"


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"alg": None},
        {"alg": 1},
        {"alg": ["ES256"]},
        {"alg": "ES256", "kid": 1},
        {"alg": "ES256", "kid": ["a"]},
        {"alg": "ES256", "kid": "a" * (MAX_KID_LENGTH + 1)},
        {"alg": "ES256", "typ": 1},
        {"alg": "ES256", "typ": ["at+jwt"]},
        [],
        "text",
        b"\xef\xbb\xbf" + b'{"alg":"ES256"}',
        '{"alg":"ES256","alg":"ES256"}',
        '{"alg":"ES256","\\u0061lg":"none"}',
    ],
    ids=str,
)
def test_refuses_a_malformed_header(header):
    assert reason_of(compact(header)) == "malformed"


@pytest.mark.parametrize("payload", ["", "[]", "null", '"a"', "Zm9v", b"\xff", '{"a":1,"a":2}'])
def test_refuses_a_signed_payload_that_is_no_json_object(payload):
    assert reason_of(compact(header_of(ES256), payload)) == "malformed"


@pytest.mark.parametrize(
    ("typ", "read"),
    [
        ("at+jwt", "at+jwt"),
        ("application/at+jwt", "at+jwt"),
        ("AT+JWT", "at+jwt"),
        ("Application/AT+JWT", "at+jwt"),
        ("JWT", "jwt"),
        (None, None),
    ],
)
def test_reads_the_type_in_every_spelling(typ, read):
    assert read_jwt(compact({"alg": "ES256", "typ": typ})).typ == read


def test_a_header_met_again_is_read_the_same():
    tokens = [
        compact(header_of(ES256, extra="cached"), {**CLAIMS, "jti": str(n)}) for n in range(3)
    ]

    assert len({id(read_jwt(token).header) for token in tokens}) == 1
    assert [verify_jwt(read_jwt(token), ES256.public)["jti"] for token in tokens] == ["0", "1", "2"]


def test_nobody_can_change_a_header_that_others_will_meet():
    header = read_jwt(GOOD).header

    with pytest.raises(TypeError):
        header.members["alg"] = "none"
    with pytest.raises(AttributeError):
        header.alg = "none"


def test_a_refused_header_stays_refused():
    token = compact({"alg": "ES256", "crit": ["exp"]})

    assert [reason_of(token) for _ in range(3)] == ["unknown_extension"] * 3


def test_strangers_cannot_make_the_memory_of_headers_grow():
    for number in range(jwt._HEADER_CACHE_SIZE + 100):
        read_jwt(compact({"alg": "ES256", "kid": str(number)}))
    long_header = {"alg": "ES256", "extra": "a" * jwt._CACHED_HEADER_LENGTH}
    read_jwt(compact(long_header))

    assert len(jwt._headers) <= jwt._HEADER_CACHE_SIZE
    assert segment(long_header).encode() not in jwt._headers


def test_the_length_is_limited_and_the_limit_can_be_chosen():
    longest = "a" * MAX_TOKEN_LENGTH

    assert reason_of(longest) == "malformed"
    assert reason_of(longest + "a") == "too_long"
    with pytest.raises(TokenRefused, match="too_long"):
        read_jwt(GOOD, max_length=len(GOOD) - 1)


def test_repr_and_errors_show_no_part_of_the_token():
    _, payload, signature = GOOD.split(".")
    shown = repr(read_jwt(GOOD))

    assert payload not in shown
    assert signature not in shown
    assert "my-app" not in shown
    with pytest.raises(TokenRefused) as refused:
        read_jwt(GOOD + "!")
    assert signature not in str(refused.value)
