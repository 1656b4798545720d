"""Where the token endpoint is and how it wants clients to prove themselves (RFC 8414 §2)."""

from dataclasses import dataclass

from tokenbooth.clock import Clock
from tokenbooth.protocol.dialects import STANDARD, Dialect
from tokenbooth.protocol.metadata import MetadataRefused, ServerMetadata
from tokenbooth.remote.fetch import Fetch, FetchFailed
from tokenbooth.remote.metadata import discover

METADATA_AGE = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The endpoint's URL and the method to use there."""

    url: str
    auth_method: str


class TokenEndpoint:
    """Knows the URL from the start, or finds it by discovery and looks again once an hour."""

    def __init__(
        self,
        *,
        issuer: str | None,
        token_url: str | None,
        dialect: Dialect,
        auth_method: str | None,
        has_certificate: bool = False,
        fetch: Fetch,
        clock: Clock,
    ) -> None:
        self._issuer = issuer
        self._token_url = token_url
        self._dialect = dialect
        self._auth_method = auth_method
        self._has_certificate = has_certificate
        self._fetch = fetch
        self._clock = clock
        self._found: tuple[ServerMetadata, float] | None = None

    def locate(self, *, timeout: float) -> Located:
        """Return where to ask; raises FetchFailed or MetadataRefused when that is not known."""
        if self._token_url is not None:
            return Located(url=self._token_url, auth_method=self._method(None))
        metadata = self._metadata(timeout)
        if metadata.token_endpoint is None:
            raise MetadataRefused(
                f"Give the token_url: the metadata of {metadata.issuer} names no token endpoint."
            )
        aliases = metadata.mtls_endpoint_aliases if self._has_certificate else None
        url = (aliases and aliases.token_endpoint) or metadata.token_endpoint  # RFC 8705 §5
        return Located(url=url, auth_method=self._method(metadata))

    def _metadata(self, timeout: float) -> ServerMetadata:
        found = self._found
        if found is not None and self._clock.monotonic() - found[1] < METADATA_AGE:
            return found[0]
        try:
            metadata = discover(self._issuer or "", self._fetch, timeout=timeout)
        except (FetchFailed, MetadataRefused):
            # What was true an hour ago is a better guess than nothing.
            if found is None:
                raise
            metadata = found[0]
        self._found = (metadata, self._clock.monotonic())
        return metadata

    def _method(self, metadata: ServerMetadata | None) -> str:
        """Return the user's choice, else the dialect's, else what the server says, else Basic.

        A server is never tried with one method after the other: the second refusal would hide
        the first, and the secret would go out twice.
        """
        if self._auth_method is not None:
            return self._auth_method
        if self._dialect.name != STANDARD:
            return self._dialect.client.auth
        supported = metadata.token_endpoint_auth_methods_supported if metadata else None
        if (
            supported is not None
            and "client_secret_basic" not in supported
            and "client_secret_post" in supported
        ):
            return "body"
        return "basic"
