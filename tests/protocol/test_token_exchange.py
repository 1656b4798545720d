"""What a token exchange asks for (RFC 8693)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.errors import InvalidRequest
from tokenbooth.protocol.form import encode_form, parse_form
from tokenbooth.protocol.token_exchange import (
    ACCESS_TOKEN_TYPE,
    JWT_TYPE,
    MAX_ACTORS,
    act_claim,
    may_act,
    read_exchange_request,
)

NAMES = (
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
)
VALUES = st.one_of(st.sampled_from([ACCESS_TOKEN_TYPE, JWT_TYPE, "a.b.c", "tbo_x", ""]), st.text())


def form(**members):
    return parse_form(encode_form(members.items()), "application/x-www-form-urlencoded")


@given(members=st.dictionaries(st.sampled_from(NAMES), VALUES.filter(str.isprintable)))
def test_any_form_is_read_or_refused(members):
    try:
        request = read_exchange_request(form(**members))
    except InvalidRequest:
        return
    assert request.unverified_subject.reveal() == members["subject_token"]
    assert (request.unverified_actor is None) == (not members.get("actor_token"))
    assert request.requested_type in (ACCESS_TOKEN_TYPE, JWT_TYPE)


def test_tokens_do_not_show_when_the_request_is_printed():
    request = read_exchange_request(form(subject_token="a.b.c", subject_token_type=JWT_TYPE))

    assert "a.b.c" not in repr(request)


def test_actors_are_nested_the_present_one_outside():
    assert act_claim("b", act_claim("a", None)) == {"sub": "b", "act": {"sub": "a"}}


def test_the_row_of_actors_ends_somewhere():
    act = None
    for number in range(MAX_ACTORS):
        act = act_claim(str(number), act)

    with pytest.raises(InvalidRequest):
        act_claim("one more", act)


@pytest.mark.parametrize(
    ("claim", "named"),
    [
        ({"sub": "gateway"}, True),
        ({"sub": "gateway", "iss": "https://auth.example.com"}, True),
        ({"sub": "other"}, False),
        ({"sub": "gateway", "iss": "https://elsewhere.example.com"}, False),
        ({"sub": "gateway", "unknown": "x"}, False),
        ({"sub": ["gateway"]}, False),
        ({}, False),
        ("gateway", False),
        (None, False),
    ],
)
def test_all_that_may_act_says_must_be_true_of_the_actor(claim, named):
    identity = {"iss": "https://auth.example.com", "sub": "gateway", "client_id": "gateway"}

    assert may_act(claim, identity) is named
