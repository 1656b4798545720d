"""Whatever bytes arrive over HTTP, a JSON error leaves, and no answer is the service's fault."""

import base64
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.end_to_end.service import Service

GRANT = "client_credentials"
NAMES = (
    "grant_type",
    "scope",
    "resource",
    "audience",
    "client_id",
    "client_secret",
    "refresh_token",
    "token",
    "token_type_hint",
)
PATHS = ("/oauth2/token", "/oauth2/introspect", "/oauth2/revoke", "/truphone/oauth2/token")

_printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)
_values = st.one_of(
    st.text(max_size=30),
    st.sampled_from([GRANT, "refresh_token", "demo", "demo:read", "tbs_a_b_c", "tbr_A", "tbo_A"]),
    st.sampled_from(
        ["eyJhbGciOiJub25lIn0.e30.", "a.b.c", "urn:x", "https://x#y", "https://[", "%"]
    ),
)
_pairs = st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=10), _values), max_size=8)
_authorizations = st.one_of(
    st.none(),
    _printable,
    st.binary(min_size=1, max_size=40).map(lambda raw: "Basic " + _base64(raw)),
    st.tuples(st.just("demo"), st.text(max_size=20)).map(
        lambda pair: "Basic " + _base64(":".join(pair).encode())
    ),
    _printable.map(lambda word: f"Bearer {word}".strip()),
)
_types = st.one_of(
    st.just("application/x-www-form-urlencoded"),
    st.none(),
    _printable.map(str.strip),
    st.sampled_from(["application/json", "application/x-www-form-urlencoded; charset=", ";"]),
)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _sent(service: Service, path: str, body, content_type, authorization):
    headers = []
    if content_type is not None:
        headers.append(("Content-Type", content_type))
    if authorization is not None:
        headers.append(("Authorization", authorization))
    return service.http.post(path, headers=headers, content=body)


def _check(answer) -> None:
    assert answer.status_code < 500
    members = answer.json()
    if answer.status_code == 200:
        return
    assert members["error"]
    description = members.get("error_description", "")
    assert all(" " <= c <= "~" and c not in '"\\' for c in description)
    assert answer.headers["cache-control"] == "no-store"


_over_http = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_over_http
@given(path=st.sampled_from(PATHS), body=st.binary(max_size=200), type_=_types, who=_authorizations)
def test_any_bytes_get_a_json_answer(demo, path, body, type_, who):
    _check(_sent(demo, path, body, type_, who))


@_over_http
@given(path=st.sampled_from(PATHS), pairs=_pairs, who=_authorizations)
def test_any_form_gets_a_json_answer(demo, path, pairs, who):
    body = urlencode([(name, value.encode("utf-8", "replace")) for name, value in pairs])
    _check(_sent(demo, path, body.encode(), "application/x-www-form-urlencoded", who))


@_over_http
@given(path=st.sampled_from(PATHS), pairs=_pairs)
def test_any_form_of_a_client_that_proves_itself_gets_a_json_answer(
    demo, demo_clients, path, pairs
):
    client = demo_clients["truphone" if path.startswith("/truphone") else "default"]
    body = urlencode([(name, value.encode("utf-8", "replace")) for name, value in pairs])
    answer = demo.post(path, body, client)
    _check(answer)
