"""Find an issuer's metadata in any of the places where it may be (RFC 8414 §3)."""

from tokenbooth.protocol.metadata import (
    MAX_METADATA_BYTES,
    MetadataRefused,
    ServerMetadata,
    metadata_urls,
    parse_metadata,
)
from tokenbooth.remote.address import shown
from tokenbooth.remote.fetch import Fetch, FetchFailed, Request


def discover(issuer: str, fetch: Fetch, *, timeout: float = 10.0) -> ServerMetadata:
    """Return the metadata of exactly this issuer.

    Raises MetadataRefused when it publishes none that fits, FetchFailed when it cannot be asked.
    """
    refused: MetadataRefused | None = None
    for url in metadata_urls(issuer):
        request = Request(method="GET", url=url, timeout=timeout, max_bytes=MAX_METADATA_BYTES)
        answer = fetch(request)
        if answer.status == 429 or answer.status >= 500:
            text = f"{shown(url)} answered {answer.status}."
            raise FetchFailed("status", text, is_transient=True)
        if answer.status != 200:
            continue
        try:
            return parse_metadata(answer.body, issuer=issuer)
        except MetadataRefused as error:
            # A page that answers everything with 200 stands in front of the right place.
            refused = refused or error
    if refused is not None:
        raise refused
    raise MetadataRefused(
        f"Check the issuer {shown(issuer)}: it publishes no metadata at "
        f"{shown(metadata_urls(issuer)[0])} nor anywhere else where it could be."
    )
