"""Claims that an operator adds: JSON of bounded size, under names that are free."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.custom_claims import (
    MAX_BYTES,
    RESERVED,
    ClaimsRefused,
    check_claims,
    merged,
    read_claims,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def test_values_are_json():
    claims = read_claims(['tier="gold"', 'limits={"rate": 5}', "beta=true", "none=null"])

    assert claims == {"tier": "gold", "limits": {"rate": 5}, "beta": True, "none": None}


@given(text=st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    try:
        claims = read_claims([text])
    except ClaimsRefused:
        return
    assert not claims.keys() & RESERVED
    json.dumps(claims, ensure_ascii=False).encode()


@given(value=JSON)
def test_what_is_read_comes_back_as_it_was(value):
    try:
        claims = read_claims([f"claim={json.dumps(value)}"])
    except ClaimsRefused:
        return
    assert claims == {"claim": value}


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_name_with_a_meaning_of_its_own_is_refused(name):
    with pytest.raises(ClaimsRefused):
        read_claims([f'{name}="x"'])


@pytest.mark.parametrize(
    "text",
    [
        "tier",
        "tier=gold",
        "=1",
        "tier=",
        "tier=NaN",
        "tier=1e999",
        "tier=99999999999999999999",
        'tier={"a":1,"a":2}',
        'tier=1,"more":2',
        'tier="\\ud800"',
        "tier=" + "[" * 9 + "]" * 9,
        "tier=" + "[" * 100_000,
        "a\nb=1",
        "x" * 201 + "=1",
        f'tier="{"x" * MAX_BYTES}"',
        'may_act="gateway"',
        'may_act={"sub":1}',
        "may_act={}",
    ],
)
def test_what_is_no_claim_is_refused(text):
    with pytest.raises(ClaimsRefused):
        read_claims([text])


def test_a_claim_is_not_given_twice():
    with pytest.raises(ClaimsRefused):
        read_claims(["a=1", "a=2"])


def test_all_claims_together_are_bounded():
    with pytest.raises(ClaimsRefused):
        check_claims({f"claim{number}": "x" * 100 for number in range(30)})


def test_a_later_layer_wins_and_no_layer_brings_a_reserved_name():
    assert merged([{"a": 1, "b": 1, "sub": "x"}, {"b": 2, "scope": "all"}]) == {"a": 1, "b": 2}
