"""What an authorization server says about itself, and where it says it (RFC 8414)."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from tokenbooth.protocol import strict_json
from tokenbooth.protocol.errors import ProtocolError, printable

MAX_METADATA_BYTES = 256 * 1024


class MetadataRefused(ProtocolError):
    """The issuer's name or its metadata cannot be used; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAliases:
    """Where clients with TLS certificates go instead (RFC 8705 §5)."""

    token_endpoint: str | None = None
    introspection_endpoint: str | None = None
    revocation_endpoint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMetadata:
    """The metadata that a machine needs; what is not published is None."""

    issuer: str
    authorization_endpoint: str | None = None  # where people go; machines never do
    token_endpoint: str | None = None
    jwks_uri: str | None = None
    introspection_endpoint: str | None = None
    revocation_endpoint: str | None = None
    revocation_feed_endpoint: str | None = None  # this project's own
    registration_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] | None = None
    introspection_endpoint_auth_methods_supported: tuple[str, ...] | None = None
    grant_types_supported: tuple[str, ...] | None = None
    scopes_supported: tuple[str, ...] | None = None
    mtls_endpoint_aliases: EndpointAliases | None = None


_ENDPOINTS = (
    "token_endpoint",
    "jwks_uri",
    "introspection_endpoint",
    "revocation_endpoint",
    "revocation_feed_endpoint",
    "registration_endpoint",
)


def check_issuer(issuer: str) -> None:
    """Refuse what is no issuer identifier: a URL with neither query nor fragment (RFC 8414 §2)."""
    _check_url("issuer", issuer)
    if "?" in issuer:
        raise MetadataRefused("Take the query out of the issuer: it is an identifier.")


def metadata_url(issuer: str, suffix: str = "oauth-authorization-server") -> str:
    """Return the inserted form: the well-known part between host and path (RFC 8414 §3.1)."""
    check_issuer(issuer)
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}/.well-known/{suffix}{parts.path.rstrip('/')}"


def appended_metadata_url(issuer: str, suffix: str = "openid-configuration") -> str:
    """Return the appended form, which OpenID Connect has and many servers share (RFC 8414 §5)."""
    check_issuer(issuer)
    return f"{issuer.rstrip('/')}/.well-known/{suffix}"


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Return every place where the issuer's metadata may be, likeliest first."""
    oauth, openid = "oauth-authorization-server", "openid-configuration"
    places = (
        metadata_url(issuer, oauth),
        appended_metadata_url(issuer, openid),
        appended_metadata_url(issuer, oauth),
        metadata_url(issuer, openid),
    )
    return tuple(dict.fromkeys(places))


def parse_metadata(document: bytes, *, issuer: str) -> ServerMetadata:
    """Read a metadata document and check that it is this issuer's; raises MetadataRefused."""
    if len(document) > MAX_METADATA_BYTES:
        raise MetadataRefused(f"The metadata is larger than {MAX_METADATA_BYTES} bytes.")
    try:
        metadata = msgspec.convert(strict_json.parse_object(document), ServerMetadata)
    except ValueError as error:
        why = printable(str(error), 200)
        raise MetadataRefused(f"The metadata is not usable: {why}.") from error
    # RFC 8414 §3.3: identical, or somebody could speak in another issuer's name.
    if metadata.issuer != issuer:
        raise MetadataRefused(
            f"Configure the issuer exactly as it names itself: configured is {issuer!r}, "
            f"the metadata says {printable(metadata.issuer, 200)!r}."
        )
    for place in filter(None, (metadata, metadata.mtls_endpoint_aliases)):
        for name in _ENDPOINTS:
            _check_endpoint(name, getattr(place, name, None), issuer=issuer)
    return metadata


def _check_endpoint(name: str, url: str | None, *, issuer: str) -> None:
    if url is None:
        return
    _check_url(name, url)
    if issuer.startswith("https:") and not url.startswith("https:"):
        # Downgrade: an https issuer must not lead secrets and keys onto plain http.
        raise MetadataRefused(f"The metadata's {name} is not https although the issuer is.")


def _check_url(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise MetadataRefused(f"The {name} is no URL.") from error
    if not url.startswith(("https://", "http://")) or not host:
        raise MetadataRefused(f"The {name} must be an absolute https URL.")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or "#" in url:
        raise MetadataRefused(f"The {name} holds characters that it may not, or a fragment.")
    if "@" in parts.netloc:
        raise MetadataRefused(f"The {name} holds a user name.")
