"""Where an API's metadata is, for every kind of resource (RFC 9728)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.resource_metadata import (
    ResourceRefused,
    resource_document,
    resource_metadata_url,
)

PLACE = "/.well-known/oauth-protected-resource"


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ("https://api.example.com", f"https://api.example.com{PLACE}"),
        ("https://api.example.com/", f"https://api.example.com{PLACE}"),
        ("https://api.example.com/persons", f"https://api.example.com{PLACE}/persons"),
        ("https://api.example.com/persons/", f"https://api.example.com{PLACE}/persons"),
        ("https://api.example.com/a/b", f"https://api.example.com{PLACE}/a/b"),
        ("https://api.example.com:8443/mcp", f"https://api.example.com:8443{PLACE}/mcp"),
        ("https://api.example.com/a?tenant=1", f"https://api.example.com{PLACE}/a?tenant=1"),
        ("http://127.0.0.1:8000/mcp", f"http://127.0.0.1:8000{PLACE}/mcp"),
    ],
)
def test_the_well_known_part_goes_between_host_and_path_without_the_last_slash(resource, url):
    assert resource_metadata_url(resource) == url


@pytest.mark.parametrize(
    "resource",
    [
        "",
        "urn:example:api",
        "persons",
        "//api.example.com",
        "https://",
        "https://api.example.com/#part",
        "https://api.example.com/#",
        "https://api.example.com/a b",
        "https://api.example.com/\u00e9",
        "https://api.example.com:port",
        "https://[::1",
        "ftp://api.example.com",
    ],
)
def test_what_is_no_url_has_no_place_for_metadata(resource):
    with pytest.raises(ResourceRefused):
        resource_metadata_url(resource)


@given(resource=st.text() | st.text().map("https://api.example.com/".__add__))
def test_any_text_has_a_place_or_is_refused(resource):
    try:
        url = resource_metadata_url(resource)
    except ResourceRefused:
        return
    assert PLACE in url


def test_the_resource_is_named_letter_by_letter():
    document = resource_document(
        resource="https://api.example.com/a/", issuer="https://auth.example.com", scopes=["read"]
    )

    assert document["resource"] == "https://api.example.com/a/"
    assert document["authorization_servers"] == ["https://auth.example.com"]
    assert document["scopes_supported"] == ["read"]
    assert "resource_name" not in document
