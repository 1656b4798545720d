from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.errors import InvalidRequest, InvalidScope, InvalidTarget
from tokenbooth.protocol.form import CONTENT_TYPE, Form, encode_form, parse_form
from tokenbooth.protocol.messages import (
    MAX_RESOURCES,
    meant_grant,
    read_token_question,
    read_token_request,
)

SUPPORTED = ("client_credentials", "refresh_token")
NAMES = ["grant_type", "scope", "scopes", "resource", "audience", "refresh_token", "token"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def form(*pairs: tuple[str, str]) -> Form:
    return parse_form(encode_form(pairs), CONTENT_TYPE)


@given(st.dictionaries(st.sampled_from(NAMES), TEXT | st.from_regex(r"[a-z]*:/*[\[\]a-z#?]*")))
def test_any_form_is_a_request_or_an_oauth_error(parameters):
    for read in (read_token_request, read_token_question):
        with suppress(InvalidRequest, InvalidScope, InvalidTarget):
            read(form(*parameters.items()))


def test_reads_what_the_client_asks_for():
    request = read_token_request(
        form(("grant_type", "client_credentials"), ("scope", "b a"), ("foo", "bar"))
    )

    assert request.grant_type == "client_credentials"
    assert str(request.scope) == "b a"
    assert request.resources == ()
    assert request.refresh_token is None


def test_a_missing_or_empty_grant_type_is_an_invalid_request():
    for pairs in ((), (("grant_type", ""),)):
        with pytest.raises(InvalidRequest, match="grant_type is missing"):
            read_token_request(form(*pairs))


def test_scopes_is_pointed_out_as_a_misspelling():
    with pytest.raises(InvalidRequest, match="called scope, not scopes"):
        read_token_request(form(("grant_type", "client_credentials"), ("scopes", "a")))


@pytest.mark.parametrize("scope", ['"', "\\", "a\tb", "a  b", "a\x00b", "é", " "])
def test_a_malformed_scope_is_an_invalid_scope(scope):
    with pytest.raises(InvalidScope):
        read_token_request(form(("grant_type", "client_credentials"), ("scope", scope)))


def test_resource_and_audience_name_the_same_thing():
    request = read_token_request(
        form(
            ("grant_type", "client_credentials"),
            ("resource", "https://a.example/x"),
            ("resource", "urn:b"),
            ("audience", "https://a.example/x"),
            ("audience", "plain name"),
        )
    )

    assert request.resources == ("https://a.example/x", "urn:b", "plain name")


@pytest.mark.parametrize(
    "resource", ["/relative", "a", "//host", "https:", "https://a#f", "https://a#", "http://[", "#"]
)
def test_a_resource_is_an_absolute_uri_without_fragment(resource):
    with pytest.raises(InvalidTarget):
        read_token_request(form(("grant_type", "client_credentials"), ("resource", resource)))


def test_the_number_of_resources_is_limited():
    def asking_for(count: int) -> Form:
        resources = [("resource", f"urn:{number}") for number in range(count)]
        return form(("grant_type", "client_credentials"), *resources)

    assert len(read_token_request(asking_for(MAX_RESOURCES)).resources) == MAX_RESOURCES
    with pytest.raises(InvalidTarget, match="At most"):
        read_token_request(asking_for(MAX_RESOURCES + 1))


def test_a_refresh_token_is_kept_secret():
    request = read_token_request(form(("grant_type", "refresh_token"), ("refresh_token", "tbr_x")))

    assert request.refresh_token is not None
    assert request.refresh_token.reveal() == "tbr_x"
    assert "tbr_x" not in repr(request)


@pytest.mark.parametrize("meant", ["client_credential", "clientcredentials", "client-credentials"])
def test_a_misspelt_grant_is_recognised(meant):
    assert "did you mean client_credentials?" in meant_grant(meant, SUPPORTED)


@given(TEXT | st.just("x" * 1_000_000))
def test_any_other_grant_is_told_which_there_are(grant_type):
    sentence = meant_grant(grant_type, SUPPORTED)

    assert "client_credentials" in sentence or "refresh_token" in sentence
    assert len(sentence) < 100


def test_a_question_about_a_token_ignores_every_hint():
    question = read_token_question(form(("token", "t"), ("token_type_hint", "banana")))

    assert question.unverified_token.reveal() == "t"


@pytest.mark.parametrize("pairs", [(), (("token", ""),), (("Token", "t"),)])
def test_a_question_without_a_token_is_an_invalid_request(pairs):
    with pytest.raises(InvalidRequest, match="token is missing"):
        read_token_question(form(*pairs))
