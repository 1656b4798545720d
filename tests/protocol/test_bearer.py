import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.bearer import (
    authorization_values,
    bearer_token,
    challenge,
    has_token_in_query,
    read_authorization,
)
from tokenbooth.protocol.errors import BearerError, InvalidToken, MalformedRequest, NoToken

TOKEN68 = st.from_regex(r"[A-Za-z0-9\-._~+/]+=*", fullmatch=True)
QUOTED = re.compile(r'[a-z_]+="[^"\\]*"')


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_finds_the_header_whatever_the_case_of_its_name(name):
    assert authorization_values({"Host": "a", name: "Bearer x"}) == ["Bearer x"]
    assert authorization_values([("Host", "a"), (name, "Bearer x")]) == ["Bearer x"]


def test_finds_every_repetition_of_the_header():
    pairs = [("Authorization", "Bearer a"), ("authorization", "Bearer b")]

    assert authorization_values(pairs) == ["Bearer a", "Bearer b"]


@pytest.mark.parametrize("value", ["Bearer t", "bEaReR t", "bearer   t", " Bearer t "])
def test_reads_the_scheme_in_any_case_and_after_any_spaces(value):
    assert read_authorization([value]) == ("bearer", "t")


def test_a_request_without_the_header_has_no_token():
    with pytest.raises(NoToken):
        read_authorization([])


@pytest.mark.parametrize(
    "values", [["Bearer a", "Bearer a"], [""], ["   "], ["Bearer " + "a" * 20_000]]
)
def test_refuses_a_repeated_empty_or_endless_header(values):
    with pytest.raises(MalformedRequest):
        read_authorization(values)


@pytest.mark.parametrize("credentials", ["", "a b", "a, Bearer b", "a  b"])
def test_one_word_follows_bearer(credentials):
    with pytest.raises(MalformedRequest):
        bearer_token(credentials)


@pytest.mark.parametrize("credentials", ["=", "a=b", "a,b", '"a"', "a\x00", "ü", "a\n", "{}"])
def test_a_word_of_other_characters_is_no_token(credentials):
    with pytest.raises(InvalidToken):
        bearer_token(credentials)


@given(TOKEN68)
def test_every_token68_comes_through_unchanged(token):
    scheme, credentials = read_authorization([f"Bearer {token}"])

    assert scheme == "bearer"
    assert bearer_token(credentials) == token


@given(st.lists(st.text(), max_size=3))
def test_any_header_is_read_or_refused_and_never_breaks_anything(values):
    try:
        _, credentials = read_authorization(values)
        token = bearer_token(credentials)
    except BearerError:
        return
    assert token in values[0]


@given(st.text())
def test_any_url_is_searched_for_a_token_and_never_breaks_anything(url):
    assert has_token_in_query(url) in (True, False)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("/persons?access_token=x", True),
        ("https://api.example.com/persons?a=b&access_token=x#f", True),
        ("/persons?access%5Ftoken=x", True),
        ("/persons?access_token=", True),
        ("/persons?my_access_token=x", False),
        ("/access_token=x", False),
        ("/persons?q=access_token", False),
        ("", False),
        ("//[?access_token=x", False),
    ],
)
def test_sees_a_token_in_the_query_alone(url, found):
    assert has_token_in_query(url) is found


def test_a_challenge_without_parameters_is_the_bare_scheme():
    assert challenge("Bearer") == "Bearer"


def test_a_challenge_quotes_its_parameters_in_order():
    written = challenge("Bearer", [("realm", "orders"), ("error", "invalid_token")])

    assert written == 'Bearer realm="orders", error="invalid_token"'


@given(st.text())
def test_no_value_leaves_its_quotes(value):
    written = challenge("Bearer", [("error_description", value), ("scope", value)])

    first, second = re.findall(QUOTED, written)
    assert written == f"Bearer {first}, {second}"
    assert written.isascii()
    assert written.isprintable()


def test_a_parameter_stands_once_and_has_a_plain_name():
    with pytest.raises(ValueError, match="scope"):
        challenge("Bearer", [("scope", "a"), ("scope", "b")])
    with pytest.raises(ValueError, match="attribute"):
        challenge("Bearer", [('x="', "a")])
