"""A span for every request that an issuer answers, where the operator wants traces.

The SDK's own variables (OTEL_...) say where traces go and how many of them: this file only builds
what they ask for, unless `opentelemetry-instrument` has done so already.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from tokenbooth import __version__
from tokenbooth.protocol.networks import Networks, is_within, parse_networks
from tokenbooth.protocol.trace_context import read_trace_context
from tokenbooth.remote.fetch import Fetch
from tokenbooth.remote.tracing import TracedFetch, Tracing, note_answer, trace_id_of
from tokenbooth.server.exchange import ASGIApp, Exchange, Message, Receive, Send
from tokenbooth.server.outcome import Outcome
from tokenbooth.server.settings import Settings, SettingsRefused

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

END_SECONDS = 2.0

_GROUP = "opentelemetry_traces_exporter"
_OTLP = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
_NEEDS_SDK = (
    "TOKENBOOTH_TRACES=on needs OpenTelemetry's SDK: "
    "pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
)


class ServiceTracing:
    """Traces the service's requests; callers in `trusted` networks say which trace they are in."""

    def __init__(
        self,
        tracing: Tracing,
        *,
        trusted: Networks,
        proxies: Networks = (),
        own: "TracerProvider | None" = None,
    ) -> None:
        self._tracing = tracing
        self._trusted = trusted
        self._proxies = proxies
        self._own = own  # nobody else ends it

    @contextmanager
    def answering(
        self, exchange: Exchange, endpoint: str, issuer: str, outcome: Outcome
    ) -> Iterator[None]:
        """Make the span of one request, and note its trace for the log."""
        route = _route(exchange.path, endpoint)
        with self._span(exchange, route, endpoint, outcome.source) as span:
            trace_id = trace_id_of(span)
            if trace_id is not None:
                outcome.fields["trace_id"] = trace_id
            yield
            if not span.is_recording():
                return
            told = {
                "tokenbooth.issuer": issuer,
                "tokenbooth.request_id": exchange.request_id,
                "tokenbooth.outcome": outcome.result,
                "tokenbooth.reason": outcome.reason,
                "tokenbooth.auth_method": outcome.method,
                "tokenbooth.grant_type": outcome.grant_type,
            }
            span.set_attributes({name: word for name, word in told.items() if word})
            if exchange.status:  # nobody waits for an answer where the client is gone
                note_answer(span, exchange.status)

    def _span(
        self, exchange: Exchange, route: str, endpoint: str, source: str
    ) -> AbstractContextManager["Span"]:
        return self._tracing.answering(
            exchange.method,
            route,
            {
                "url.scheme": exchange.scope.get("scheme", "http"),
                "tokenbooth.endpoint": endpoint,
            },
            read_trace_context(exchange.headers(b"traceparent"), exchange.headers(b"tracestate")),
            is_trusted=is_within(source, self._trusted),
        )

    async def elsewhere(
        self, app: ASGIApp, exchange: Exchange, receive: Receive, send: Send, prefix: str
    ) -> None:
        """Let an application behind the service answer, in a span that knows the prefix alone."""
        source = exchange.source(self._proxies)
        with self._span(exchange, prefix, prefix.strip("/"), source) as span:

            async def note_status(message: Message) -> None:
                if message["type"] == "http.response.start":
                    note_answer(span, message["status"])
                await send(message)

            await app(exchange.scope, receive, note_status)

    def traced(self, fetch: Fetch) -> Fetch:
        """Return a fetch that tells of what the service asks others, who learn of no trace."""
        return TracedFetch(fetch, self._tracing, carries=False)

    def close(self) -> None:
        """Send what has gathered; blocks meanwhile, but for no collector that is away."""
        if self._own is not None:
            # A thread that nothing waits for: the SDK itself goes on trying for ten seconds.
            ending = threading.Thread(target=self._own.shutdown, name="last-traces", daemon=True)
            ending.start()
            ending.join(END_SECONDS)


def service_tracing(settings: Settings) -> ServiceTracing | None:
    """Return what traces requests, if the settings say so; raises SettingsRefused."""
    if settings.traces == "off":
        return None
    own = None if _is_set_up() else _provider(_exporters())
    tracing = Tracing.of(own or True)
    if tracing is None:
        return None
    return ServiceTracing(
        tracing,
        trusted=parse_networks(settings.traces_from),
        proxies=parse_networks(settings.trusted_proxy),
        own=own,
    )


def check_traces(settings: Settings) -> None:
    """Refuse to trace what nothing is installed for; raises SettingsRefused."""
    if settings.traces == "on" and not _is_set_up():
        _exporters()


def _is_set_up() -> bool:
    """Tell whether somebody has configured OpenTelemetry for this process already."""
    try:
        import_module("opentelemetry.sdk.trace")
    except ImportError as error:
        raise SettingsRefused(_NEEDS_SDK) from error
    from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider

    return not isinstance(get_tracer_provider(), ProxyTracerProvider)


def _exporters() -> list[Any]:
    """Return the classes that send traces, as the environment names them."""
    wanted = os.environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    return [] if wanted == "none" else [_exporter(name.strip()) for name in wanted.split(",")]


def _exporter(wanted: str) -> Any:  # noqa: ANN401 - exporters of others have no type in common but the SDK's
    names: tuple[str, ...] = (wanted,)
    if wanted == "otlp":
        protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
            "OTEL_EXPORTER_OTLP_PROTOCOL"
        )
        names = (_OTLP.get(protocol, protocol),) if protocol else tuple(_OTLP.values())
    for name in names:
        for point in entry_points(group=_GROUP, name=name):
            return point.load()
    raise SettingsRefused(
        f"OTEL_TRACES_EXPORTER={wanted}: no such exporter is installed. Set it to console or none, "
        "or: pip install opentelemetry-exporter-otlp-proto-http"
    )


def _provider(exporters: list[Any]) -> "TracerProvider":
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    attributes = {"service.version": __version__}
    others = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if not os.environ.get("OTEL_SERVICE_NAME") and "service.name=" not in others:
        attributes["service.name"] = "tokenbooth"
    provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter()))
    return provider


def _route(path: str, endpoint: str) -> str:
    # A registered client's address ends in its name: no route of its own, and nobody's business.
    if endpoint == "registered_client":
        return path.rpartition("/")[0] + "/{client_id}"
    return path
