"""What a token says, in words."""

import math

import pytest

from tokenbooth.management.token_words import Named, binding_words, until_words, words_of

NOON = 1_763_812_800  # 2025-11-22 12:00 UTC


@pytest.mark.parametrize(
    ("expires_at", "words"),
    [
        (NOON + 3600, "for 1 hour, until 13:00 UTC"),
        (NOON + 86_400, "for 1 day, until 2025-11-23 12:00 UTC"),
        (NOON, "expired 0 seconds ago, at 12:00 UTC"),
        (NOON - 90, "expired 1 minute 30 seconds ago, at 11:58 UTC"),
        (None, "never: it has no usable exp, so most APIs refuse it"),
        (1e15, "for 11574053659 days 13 hours, until 1000000000000000 seconds after 1970"),
    ],
)
def test_says_how_long_and_until_when(expires_at: float | None, words: str) -> None:
    assert until_words(expires_at, now=NOON) == words


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({}, "nothing: whoever has the token can use it"),
        ({"cnf": {"jkt": "abc"}}, "a key of the client (DPoP), abc"),
        ({"cnf": {"x5t#S256": "def"}}, "a TLS certificate of the client, def"),
        ({"cnf": {"x": 1}}, "something unknown, so that no API can take it"),
        ({"cnf": "abc"}, "something unknown, so that no API can take it"),
    ],
)
def test_says_what_the_token_is_bound_to(claims: dict[str, object], words: str) -> None:
    assert binding_words(claims) == words


def test_describes_what_is_known_and_names_the_rest() -> None:
    claims = {
        "client_id": "my-app",
        "sub": "acme",
        "aud": ["https://a", "https://b"],
        "scope": "persons:read orders",
        "exp": NOON + 60,
        "iss": "https://auth",
        "tenant": {"id": 1},
    }
    known = {"persons:read": "Read persons", "https://a": "the API persons"}

    words = words_of(claims, now=NOON, key="signed", known=known)

    assert words.who == "the client my-app, on behalf of acme"
    assert list(map(str, words.audiences)) == ["https://a (the API persons)", "https://b"]
    assert list(map(str, words.scopes)) == ["persons:read (Read persons)", "orders"]
    assert words.others == (Named(name="tenant", description='{"id": 1}'),)
    assert (words.issuer, words.key) == ("https://auth", "signed")


def test_claims_that_are_not_what_they_should_be_are_passed_over() -> None:
    claims = {"exp": math.inf, "aud": 3, "scope": ["a", 1], "client_id": "", "azp": "x\n", "iss": 1}

    words = words_of(claims, now=NOON, key="")

    assert words.audiences == ()
    assert [each.name for each in words.scopes] == ["a"]
    assert words.until.startswith("never")
    assert words.who == 'the client "x\\n"'
