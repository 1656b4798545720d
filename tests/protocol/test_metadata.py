import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.metadata import (
    MetadataRefused,
    ServerMetadata,
    appended_metadata_url,
    metadata_url,
    metadata_urls,
    parse_metadata,
)

ISSUER = "https://auth.example.com/tenant"


def parsed(**members: object) -> ServerMetadata:
    return parse_metadata(json.dumps({"issuer": ISSUER, **members}).encode(), issuer=ISSUER)


@pytest.mark.parametrize(
    ("issuer", "inserted", "appended"),
    [
        ("https://a.example", "https://a.example/.well-known/x", "https://a.example/.well-known/x"),
        (
            "https://a.example/",
            "https://a.example/.well-known/x",
            "https://a.example/.well-known/x",
        ),
        (
            "https://a.example/b/c",
            "https://a.example/.well-known/x/b/c",
            "https://a.example/b/c/.well-known/x",
        ),
        (
            "https://a.example:8443/b/",
            "https://a.example:8443/.well-known/x/b",
            "https://a.example:8443/b/.well-known/x",
        ),
    ],
)
def test_the_well_known_part_goes_between_host_and_path_or_to_the_end(
    issuer: str, inserted: str, appended: str
) -> None:
    assert metadata_url(issuer, "x") == inserted
    assert appended_metadata_url(issuer, "x") == appended


def test_an_issuer_without_a_path_has_two_places_and_one_with_a_path_four() -> None:
    assert len(metadata_urls("https://a.example")) == 2
    assert len(metadata_urls(ISSUER)) == 4
    assert metadata_urls(ISSUER)[0] == (
        "https://auth.example.com/.well-known/oauth-authorization-server/tenant"
    )


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "auth.example.com",
        "https://",
        "https://a.example?x=1",
        "https://a.example#f",
        "https://u:p@a.example",
        "ftp://a.example",
        "https://a.example/ b",
        "https://[::1",
        "HTTPS:a.example",
    ],
)
def test_refuses_what_is_no_issuer(issuer: str) -> None:
    with pytest.raises(MetadataRefused):
        metadata_url(issuer)


def test_reads_what_a_machine_needs_and_ignores_the_rest() -> None:
    metadata = parsed(
        token_endpoint="https://auth.example.com/token",
        jwks_uri="https://keys.example.com/jwks",
        token_endpoint_auth_methods_supported=["client_secret_post"],
        introspection_endpoint=None,
        unheard_of={"deep": [1]},
    )
    assert metadata == ServerMetadata(
        issuer=ISSUER,
        token_endpoint="https://auth.example.com/token",
        jwks_uri="https://keys.example.com/jwks",
        token_endpoint_auth_methods_supported=("client_secret_post",),
    )


@pytest.mark.parametrize(
    "other", ["https://auth.example.com/tenant/", "https://AUTH.example.com/tenant", "https://evil"]
)
def test_refuses_metadata_of_another_issuer(other: str) -> None:
    with pytest.raises(MetadataRefused):
        parsed(issuer=other)


@pytest.mark.parametrize(
    "url",
    [
        "http://auth.example.com/token",
        "http://127.0.0.1/token",
        "/token",
        "https://u:p@auth.example.com/token",
        "https://auth.example.com/token#f",
        "javascript:alert(1)",
        "https://auth.example.com/to ken",
        7,
        ["https://auth.example.com/token"],
    ],
)
def test_refuses_an_endpoint_that_must_not_be_called(url: object) -> None:
    with pytest.raises(MetadataRefused):
        parsed(token_endpoint=url)


def test_an_issuer_on_plain_http_may_have_endpoints_on_plain_http() -> None:
    issuer = "http://127.0.0.1:8080"
    document = {"issuer": issuer, "token_endpoint": f"{issuer}/oauth2/token"}
    assert parse_metadata(json.dumps(document).encode(), issuer=issuer).token_endpoint


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"issuer": "https://auth.example.com/tenant", "issuer": "https://evil"}',
        b'{"issuer": "\\ud800"}',
        b"[" * 100_000,
        b" " * 300_000,
    ],
)
def test_refuses_an_unreadable_document(document: bytes) -> None:
    with pytest.raises(MetadataRefused):
        parse_metadata(document, issuer=ISSUER)


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused(document: bytes) -> None:
    with pytest.raises(MetadataRefused):
        parse_metadata(document, issuer=ISSUER)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(list(ServerMetadata.__slots__)), JSON))
def test_members_of_any_kind_are_read_or_refused(members: dict[str, object]) -> None:
    document = json.dumps({**members, "issuer": ISSUER}).encode()
    try:
        metadata = parse_metadata(document, issuer=ISSUER)
    except MetadataRefused:
        return
    assert metadata.issuer == ISSUER
    assert metadata.token_endpoint is None or metadata.token_endpoint.startswith("https://")


@given(st.text(max_size=60))
def test_an_issuer_of_any_kind_gives_urls_of_the_same_host_or_is_refused(issuer: str) -> None:
    try:
        places = metadata_urls(f"https://a.example/{issuer}")
    except MetadataRefused:
        return
    assert all(place.startswith("https://a.example/") for place in places)
