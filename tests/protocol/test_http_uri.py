"""URLs in their one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.http_uri import comparable, origin

SEGMENT = st.text(alphabet="abcXYZ019-._~!$&'()*+,;=:@/", max_size=8) | st.from_regex(
    r"%[0-9A-Fa-f]{2}", fullmatch=True
)
PATH = st.lists(SEGMENT, max_size=5).map("/".join)
HOST = st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z]{2,5}){0,2}", fullmatch=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example", "HTTPS://A.EXAMPLE:443/"),
        ("http://a.example:80/x", "http://a.example/x"),
        ("https://a.example/%7Eme/%c3%a9", "https://a.example/~me/%C3%A9"),
        ("https://a.example/a/./b/../c", "https://a.example/a/c"),
        ("https://a.example/../../c", "https://a.example/c"),
        ("https://a.example/a/..", "https://a.example/"),
        ("https://a.example/a/.", "https://a.example/a/"),
        ("https://a.example/a?x=/../", "https://a.example/a#y"),
        ("http://[0:0::1]:80/", "http://[::1]/"),
        ("https://a.example:/x", "https://a.example/x"),
    ],
)
def test_two_spellings_of_one_target_are_equal(one, other):
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/a", "https://a.example/a/"),
        ("https://a.example/a", "https://a.example/A"),
        ("https://a.example/a/b", "https://a.example/a%2Fb"),
        ("https://a.example/a//b", "https://a.example/a/b"),
        ("https://a.example/", "http://a.example/"),
        ("https://a.example/", "https://a.example:444/"),
        ("https://a.example/", "https://b.example/"),
    ],
)
def test_different_targets_stay_different(one, other):
    assert comparable(one) != comparable(other)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "a",
        "ftp://a/",
        "https://",
        "https:///x",
        "https://u@a/",
        "https://a b/",
        "https://a/é",
        "https://a/%",
        "https://a/%4",
        "https://a/%g0",
        "https://a:x/",
        "https://[1/",
        "https://a\\b",
        "https://a/\n",
        "http://a/" + "x" * 9000,
        "https://[fe80::g]/",
    ],
)
def test_what_is_no_target_is_refused(url):
    with pytest.raises(ValueError):
        comparable(url)


@given(HOST, PATH)
def test_a_comparable_url_is_its_own_one_spelling(host, path):
    once = comparable(f"https://{host}/{path}")

    assert comparable(once) == once


@given(HOST, PATH, st.integers(0, 2**64 - 1))
def test_case_of_host_and_scheme_and_the_default_port_make_no_difference(host, path, bits):
    def shouted(text):
        return "".join(c.upper() if bits >> i & 1 else c for i, c in enumerate(text))

    assert comparable(f"{shouted('https')}://{shouted(host)}:443/{path}") == comparable(
        f"https://{host}/{path}"
    )


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_refused(text):
    try:
        target = comparable(text)
    except ValueError:
        return
    assert target.startswith(("http://", "https://"))
    assert target.startswith(origin(text))


def test_an_origin_has_no_path():
    assert origin("HTTPS://Api.example.com:443/a/b?c") == "https://api.example.com"
