"""The feed's pages: written and read back, and refused when something is missing or foreign."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.jwt import VerifiedClaims
from tokenbooth.protocol.revocation_feed import (
    MAX_CURSOR,
    MAX_ENTRIES,
    TYP,
    FeedEntry,
    FeedPage,
    FeedRefused,
    feed_claims,
    mark,
    read_feed,
    revocation_keys,
)

ISSUER = "https://auth.example.com"
NOW = 1_800_000_000.0
A, B = mark(ISSUER, "jti:a"), mark(ISSUER, "jti:b")

times = st.floats(min_value=0, max_value=1e12)
entries = st.builds(
    FeedEntry,
    mark=st.binary(min_size=16, max_size=16),
    expires_at=st.integers(0, 10**12).map(float),
    before=st.none() | times,
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=8,
)


def page(**changes):
    filled = {
        "issuer": ISSUER,
        "as_of": NOW,
        "after": 5,
        "cursor": 7,
        "is_last": True,
        "entries": (FeedEntry(mark=A, expires_at=NOW + 9), FeedEntry(mark=B, expires_at=NOW)),
    }
    return FeedPage(**filled | changes)


def read(claims, *, typ=TYP, after=5, now=NOW):
    return read_feed(VerifiedClaims(claims), typ=typ, issuer=ISSUER, after=after, now=now)


@given(st.lists(entries, max_size=5).map(tuple), st.booleans())
def test_a_page_is_read_as_it_was_written(listed, is_last):
    written = page(entries=listed, is_last=is_last)

    assert read(feed_claims(written)) == written


def test_an_expiry_is_rounded_up_so_that_no_entry_leaves_too_early():
    written = page(entries=(FeedEntry(mark=A, expires_at=NOW + 0.25),))

    assert read(feed_claims(written)).entries[0].expires_at == math.ceil(NOW + 0.25)


@given(
    st.fixed_dictionaries(
        {"iss": st.just(ISSUER)},
        optional=dict.fromkeys(("iat", "after", "cursor", "last", "revoked"), anything),
    )
)
def test_whatever_is_signed_is_read_or_refused(claims):
    try:
        found = read(claims)
    except FeedRefused:
        return
    assert found.after in (5, 0)
    assert found.cursor >= found.after


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"iat": None},
        {"iat": True},
        {"iat": math.inf},
        {"iat": math.nan},
        {"iat": NOW + 61},
        {"after": 6},
        {"after": -1},
        {"cursor": 4},
        {"cursor": 5},
        {"cursor": 7.0},
        {"cursor": True},
        {"cursor": MAX_CURSOR + 1},
        {"revoked": None},
        {"revoked": {}},
        {"revoked": [["AAAA", 1]]},
        {"revoked": [[None, 1]]},
        {"revoked": [["A" * 21 + "=", 1]]},
        {"revoked": [["é" * 22, 1]]},
        {"revoked": [["A" * 22]]},
        {"revoked": [["A" * 22, "1"]]},
        {"revoked": [["A" * 22, 1, None]]},
        {"revoked": [["A" * 22, 1, 2, 3]]},
        {"revoked": [["A" * 22, 1]] * (MAX_ENTRIES + 1)},
    ],
    ids=str,
)
def test_refuses_a_page_with_one_thing_wrong(changes):
    with pytest.raises(FeedRefused):
        read(feed_claims(page()) | changes)


def test_refuses_a_jwt_of_another_kind():
    for typ in ("at+jwt", "jwt", None):
        with pytest.raises(FeedRefused, match="another kind"):
            read(feed_claims(page()), typ=typ)


def test_refuses_a_page_that_says_there_is_more_and_does_not_get_on():
    with pytest.raises(FeedRefused, match="get on"):
        read(feed_claims(page(cursor=5, entries=(), is_last=False)))


def test_takes_the_first_page_when_the_issuer_starts_over():
    assert read(feed_claims(page(after=0, cursor=3)), after=900).cursor == 3


def test_a_mark_is_of_one_issuer_and_one_key():
    assert len({A, B, mark("https://other.example", "jti:a")}) == 3
    assert mark("https://a.examplejti:", "b") != mark("https://a.example", "jti:b")
    assert len(mark(ISSUER, "jti:\ud800")) == 16


def test_a_token_is_revoked_by_all_that_it_says_of_where_it_comes_from():
    claims = {"jti": "1", "client_id": "ada", "sid": "f", "credential_id": "c", "aud": "x"}

    assert set(revocation_keys(claims)) == {
        "jti:1",
        "client:ada",
        "issuer:",
        "sid:f",
        "credential:c",
    }
    assert set(revocation_keys({"jti": "1", "client_id": "a", "sid": 5})) == {
        "jti:1",
        "client:a",
        "issuer:",
    }
