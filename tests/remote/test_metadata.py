import pytest

from tests.remote.local_server import LocalServer, Reply, as_json
from tokenbooth.protocol.metadata import MetadataRefused
from tokenbooth.remote.fetch import FetchFailed, HttpFetch
from tokenbooth.remote.metadata import discover


@pytest.mark.parametrize(
    "place",
    [
        "/.well-known/oauth-authorization-server/realm",
        "/realm/.well-known/openid-configuration",
        "/realm/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/realm",
    ],
)
def test_finds_the_metadata_wherever_it_may_be(
    server: LocalServer, fetch: HttpFetch, place: str
) -> None:
    issuer = f"{server.url}/realm"
    server.on(place, as_json({"issuer": issuer, "token_endpoint": f"{issuer}/token"}))
    assert discover(issuer, fetch).token_endpoint == f"{issuer}/token"
    assert len(server.seen) <= 4


def test_refuses_metadata_of_another_issuer(server: LocalServer, fetch: HttpFetch) -> None:
    server.on("/.well-known/oauth-authorization-server", as_json({"issuer": server.url + "/"}))
    with pytest.raises(MetadataRefused, match="exactly as it names itself"):
        discover(server.url, fetch)


def test_says_where_it_looked_in_vain(server: LocalServer, fetch: HttpFetch) -> None:
    with pytest.raises(MetadataRefused, match="well-known/oauth-authorization-server"):
        discover(server.url, fetch)


def test_a_server_in_trouble_is_worth_another_try(server: LocalServer, fetch: HttpFetch) -> None:
    server.on("/.well-known/oauth-authorization-server", Reply(status=503))
    with pytest.raises(FetchFailed) as caught:
        discover(server.url, fetch)
    assert caught.value.is_transient
    assert len(server.seen) == 1


def test_a_page_for_everything_does_not_hide_the_metadata(
    server: LocalServer, fetch: HttpFetch
) -> None:
    server.on("/.well-known/oauth-authorization-server", Reply(body=b"<html>"))
    server.on("/.well-known/openid-configuration", as_json({"issuer": server.url}))
    assert discover(server.url, fetch).issuer == server.url
