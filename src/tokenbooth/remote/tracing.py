"""Traces over HTTP, through OpenTelemetry's API: a span for what is sent, one for what is answered.

Only what a request is about is told: no header, no body, no query, no name of a client. Names are
those of OpenTelemetry's semantic conventions for HTTP, and ours begin with `tokenbooth.`.
The API is an extra; what it does is up to the SDK that the application configures.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from tokenbooth import __version__
from tokenbooth.protocol.trace_context import TraceParent
from tokenbooth.remote.address import shown
from tokenbooth.remote.fetch import Fetch, FetchFailed, Request, Response

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext, Tracer, TracerProvider

NEEDS = "Traces need an extra: pip install 'tokenbooth[otel]'."

# Of HTTP. Any other word is a stranger's, and would make a name of its own.
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")

Attributes = Mapping[str, str | int]


class TracesUnavailable(ImportError):
    """Traces were asked for, and OpenTelemetry is not installed."""


class Tracing:
    """Makes spans. Who has none of these objects, makes none, and pays nothing."""

    def __init__(self, tracer: "Tracer") -> None:
        self._tracer = tracer

    @classmethod
    def of(cls, traces: "bool | TracerProvider") -> Self | None:
        """Return what makes spans at a provider, or at the one that the application configures.

        None for False. Raises TracesUnavailable.
        """
        if traces is False:
            return None
        try:
            from opentelemetry.trace import get_tracer
        except ImportError as error:
            raise TracesUnavailable(NEEDS) from error
        provider = None if traces is True else traces
        return cls(get_tracer("tokenbooth", __version__, provider))

    @contextmanager
    def inside(self, name: str, attributes: Attributes) -> Iterator["Span"]:
        """Make a span for work within this process, current meanwhile."""
        with self._tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            yield span

    def note(self, name: str, value: str) -> None:
        """Add to the span that is current."""
        from opentelemetry.trace import get_current_span

        get_current_span().set_attribute(name, value)

    @contextmanager
    def answering(
        self,
        method: str,
        route: str,
        attributes: Attributes,
        parent: TraceParent | None,
        *,
        is_trusted: bool,
    ) -> Iterator["Span"]:
        """Make a span for a request that is answered; it goes on the trace of a trusted parent.

        Any other parent is a link: strangers must not decide what is recorded.
        """
        from opentelemetry.context import Context
        from opentelemetry.trace import Link, NonRecordingSpan, SpanKind, set_span_in_context

        remote = _remote(parent)
        context, links = Context(), []
        if remote is not None and is_trusted:
            context = set_span_in_context(NonRecordingSpan(remote), context)
        elif remote is not None:
            links = [Link(remote)]
        known = method if method in _METHODS else "_OTHER"
        with self._tracer.start_as_current_span(
            f"{'HTTP' if known == '_OTHER' else known} {route}",
            context=context,
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": known,
                "http.route": route,
                "url.path": route,  # without the names that may be in it
                **attributes,
            },
            links=links,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield span

    @contextmanager
    def sending(self, request: Request) -> Iterator["Span"]:
        """Make a span for a request that is sent; a failure is told by its reason."""
        from opentelemetry.trace import SpanKind

        url = shown(request.url)  # in words of ours where it is malformed
        parts = urlsplit(url)
        attributes: dict[str, str | int] = {
            "http.request.method": request.method,
            "url.full": url,
        }
        if parts.hostname:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            attributes |= {"server.address": parts.hostname, "server.port": port}
        with self._tracer.start_as_current_span(
            f"{request.method} {parts.path or '/'}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except FetchFailed as error:
                failed(span, error.reason)
                raise


class TracedFetch:
    """Fetches as another one does, and tells of each request.

    With `carries` the request says which trace it is part of: for those whom one trusts with it.
    """

    def __init__(self, fetch: Fetch, tracing: Tracing, *, carries: bool = True) -> None:
        self._fetch = fetch
        self._tracing = tracing
        self._carries = carries

    def __call__(self, request: Request) -> Response:
        with self._tracing.sending(request) as span:
            if self._carries:
                request = replace(request, headers={**request.headers, **_carried()})
            response = self._fetch(request)
            span.set_attribute("http.response.status_code", response.status)
            if response.status >= 400:
                failed(span, str(response.status))
            return response


def note_answer(span: "Span", status: int) -> None:
    """Note what was answered; a refusal is no failure of whoever refuses."""
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        failed(span, str(status))


def failed(span: "Span", what: str) -> None:
    """Note that the work of the span failed, in a word of ours."""
    from opentelemetry.trace import StatusCode

    span.set_attribute("error.type", what)
    span.set_status(StatusCode.ERROR)


def trace_id_of(span: "Span") -> str | None:
    """Return the trace's id as logs and tracing systems write it; None where there is none."""
    found = span.get_span_context()
    return f"{found.trace_id:032x}" if found.is_valid else None


def current_trace_id() -> str | None:
    """Return the id of the trace that this work is part of."""
    from opentelemetry.trace import get_current_span

    return trace_id_of(get_current_span())


def _carried() -> dict[str, str]:
    # Not by the application's own propagators: baggage may hold what is nobody else's business.
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    headers: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(headers)
    return headers


def _remote(parent: TraceParent | None) -> "SpanContext | None":
    if parent is None:
        return None
    from opentelemetry.trace import SpanContext, TraceFlags, TraceState

    return SpanContext(
        trace_id=parent.trace_id,
        span_id=parent.span_id,
        is_remote=True,
        trace_flags=TraceFlags(parent.flags),
        trace_state=TraceState(list(parent.state)),
    )
