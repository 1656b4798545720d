"""Which requests come from our own pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.console.origin import POLICY, csrf_token, is_csrf_token, is_from_here

HERE = {"host": "auth.example.com"}


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin"},
        {"origin": "https://auth.example.com"},
        {},  # no browser: it carries nobody else's cookies
    ],
)
def test_takes_forms_of_this_host(headers):
    assert is_from_here(HERE | headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": "https://auth.example.com"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {"origin": "https://auth.example.com.evil.example"},
        {"origin": "https://auth.example.com:8443"},
        {"origin": "null"},
        {"origin": ""},
    ],
)
def test_refuses_forms_of_other_hosts(headers):
    assert not is_from_here(HERE | headers)


@given(st.text(), st.text())
def test_a_form_fits_its_own_session_alone(cookie, other):
    token = csrf_token(cookie.encode("utf-8", "ignore").decode())

    assert is_csrf_token(cookie.encode("utf-8", "ignore").decode(), token)
    assert not is_csrf_token("another" + token, token)
    assert not is_csrf_token("cookie", other.encode("utf-8", "ignore").decode())


def test_no_page_may_run_or_load_what_is_not_ours():
    assert "default-src 'none'" in POLICY
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
