"""The guard's line to its issuer: metadata once in a while, and the questions only it can answer.

Everything here blocks, so it runs in the threads of a flight, never on an event loop.
"""

from collections.abc import Iterable

from tokenbooth.clock import Clock
from tokenbooth.protocol.errors import GuardUnavailable, ProtocolError
from tokenbooth.protocol.form import CONTENT_TYPE, encode_form
from tokenbooth.protocol.metadata import ServerMetadata
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.fetch import Fetch, FetchFailed, Request, Response
from tokenbooth.remote.flight import SingleFlight
from tokenbooth.remote.metadata import discover

METADATA_MAX_AGE = 600.0  # seconds; older metadata is read again, and kept if that fails
METADATA_RETRY = 30.0
PAUSE_AFTER_FAILURE = 2.0  # seconds in which nobody waits for an issuer that just did not answer
TIMEOUT = 5.0  # seconds for one answer: an API call waits behind it
MAX_RETRY_AFTER = 120


class Issuer:
    """One configured issuer, reached over HTTP. Thread-safe."""

    def __init__(self, url: str, *, fetch: Fetch, clock: Clock) -> None:
        self.url = url
        self._fetch = fetch
        self._clock = clock
        self._flight: SingleFlight[ServerMetadata] = SingleFlight(threads=1)
        self._metadata: ServerMetadata | None = None
        self._metadata_until = 0.0
        self._silent_until = 0.0

    def metadata(self) -> ServerMetadata:
        """Return the issuer's metadata; raises GuardUnavailable when there never was any."""
        known = self._metadata
        if known is not None and self._clock.monotonic() < self._metadata_until:
            return known
        discovered = self._flight.join("metadata", self._discovered)
        # What is known serves until something newer is: nobody waits for a slow issuer.
        return known or discovered.result()

    def jwks_uri(self) -> str:
        """Return where the issuer publishes its keys."""
        return _published(self.metadata().jwks_uri, "jwks_uri")

    def introspection_endpoint(self) -> str:
        """Return where the issuer tells about tokens."""
        return _published(self.metadata().introspection_endpoint, "introspection_endpoint")

    def revocation_feed_endpoint(self) -> str:
        """Return where the issuer publishes what it took back."""
        return _published(self.metadata().revocation_feed_endpoint, "revocation_feed_endpoint")

    def token_endpoint(self) -> str:
        """Return where the issuer checks client credentials."""
        return _published(self.metadata().token_endpoint, "token_endpoint")

    def ask(
        self, endpoint: str, form: Iterable[tuple[str, str]], *, authorization: Secret | None
    ) -> Response:
        """Post a form and return an answer below 429; raises GuardUnavailable for the rest."""
        headers = {"Accept": "application/json", "Content-Type": CONTENT_TYPE}
        if authorization is not None:
            headers["Authorization"] = authorization.reveal()
        request = Request(
            method="POST", url=endpoint, headers=headers, body=encode_form(form), timeout=TIMEOUT
        )
        if self._is_silent():
            raise _unavailable("issuer_silent")
        try:
            response = self._fetch(request)
        except FetchFailed as error:
            self._pause()
            raise _unavailable(f"issuer_{error.reason}") from error
        if response.status >= 429:
            retry_after = _seconds(response.headers.get("retry-after", ""))
            raise _unavailable(f"issuer_answers_{response.status}", retry_after=retry_after)
        return response

    def _discovered(self) -> ServerMetadata:
        known = self._metadata
        if known is None and self._is_silent():
            raise _unavailable("issuer_silent")
        try:
            metadata = discover(self.url, self._fetch, timeout=TIMEOUT)
        except (FetchFailed, ProtocolError) as error:
            if known is None:
                self._pause()
                raise _unavailable("metadata_unavailable") from error
            self._metadata_until = self._clock.monotonic() + METADATA_RETRY
            return known
        self._metadata_until = self._clock.monotonic() + METADATA_MAX_AGE
        self._metadata = metadata
        return metadata

    def _is_silent(self) -> bool:
        return self._clock.monotonic() < self._silent_until

    def _pause(self) -> None:
        self._silent_until = self._clock.monotonic() + PAUSE_AFTER_FAILURE


def _published(url: str | None, member: str) -> str:
    if url is None:
        raise _unavailable(f"no_{member}")
    return url


def _unavailable(reason: str, *, retry_after: int = 5) -> GuardUnavailable:
    return GuardUnavailable(
        "The token cannot be checked now; try again later.",
        reason=reason,
        retry_after=retry_after,
    )


def _seconds(retry_after: str) -> int:
    text = retry_after.strip()
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        return 5
    return max(1, min(int(text), MAX_RETRY_AFTER))
