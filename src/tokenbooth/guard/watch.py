"""What the guard tells of its work: counts for the API's own metrics, and spans where wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from tokenbooth.protocol.errors import BearerError, GuardUnavailable
from tokenbooth.remote.fetch import Fetch
from tokenbooth.remote.tracing import TracedFetch, Tracing, failed

How = Literal["remembered", "checked", "introspected"]


class GuardCounts(NamedTuple):
    """How tokens were judged since the guard was made, and how many calls were answered so."""

    remembered: int  # seen before: nothing had to be looked up
    checked: int  # signatures that were checked here
    introspected: int  # tokens about which the issuer was asked
    refused: int  # calls that were answered 400, 401 or 403
    unavailable: int  # calls that were answered 503


class Watch:
    """One guard's. Counts are no exact ones where threads count at the same moment."""

    __slots__ = (
        "_tracing",
        "checked",
        "introspected",
        "makes_spans",
        "refused",
        "remembered",
        "unavailable",
    )

    def __init__(self, tracing: Tracing | None) -> None:
        self._tracing = tracing
        self.makes_spans = tracing is not None
        self.remembered = self.checked = self.introspected = 0
        self.refused = self.unavailable = 0

    @property
    def counts(self) -> GuardCounts:
        """The counts as of now."""
        return GuardCounts(
            self.remembered, self.checked, self.introspected, self.refused, self.unavailable
        )

    def fetching(self, fetch: Fetch) -> Fetch:
        """Return a fetch that tells of each request, where anybody wants to know."""
        return fetch if self._tracing is None else TracedFetch(fetch, self._tracing)

    def judged(self, how: How) -> None:
        """Count a token, and note how it was judged."""
        setattr(self, how, getattr(self, how) + 1)
        self.notes(how)

    def notes(self, how: How) -> None:
        """Note how a token was judged in the span, if there is one."""
        if self._tracing is not None:
            self._tracing.note("tokenbooth.verification", how)

    def refuses(self, error: BearerError) -> None:
        """Count a call that is refused."""
        if isinstance(error, GuardUnavailable):
            self.unavailable += 1
        else:
            self.refused += 1

    @contextmanager
    def verification(self, audience: str) -> Iterator[None]:
        """Make a span for one verification; only where spans are made."""
        if self._tracing is None:
            yield
            return
        with self._tracing.inside("tokenbooth verify", {"tokenbooth.audience": audience}) as span:
            try:
                yield
            except BearerError as error:
                span.set_attribute("tokenbooth.reason", error.reason)
                if isinstance(error, GuardUnavailable):
                    span.set_attribute("tokenbooth.outcome", "unavailable")
                    failed(span, error.reason)
                else:
                    span.set_attribute("tokenbooth.outcome", "refused")
                raise
            span.set_attribute("tokenbooth.outcome", "passed")
