"""A request to the service is a span, in the trace of callers that are trusted with it."""

import json
import sys
import threading
from contextlib import closing

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind, StatusCode

from tests.remote.local_server import as_json, local_server
from tests.server.booths import PERSONS, running
from tests.traces import Traces, is_child
from tokenbooth.protocol.networks import parse_networks
from tokenbooth.remote.fetch import HttpFetch, Request
from tokenbooth.remote.tracing import Tracing
from tokenbooth.server.logs import configure_logs
from tokenbooth.server.settings import Settings, SettingsRefused
from tokenbooth.server.tracing import ServiceTracing, check_traces, service_tracing

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "rojo=1"}


@pytest.fixture
def traces():
    return Traces()


@pytest.fixture
def traced_log(log):
    configure_logs("json", "info", names_traces=True)
    return log


def tracing(traces, trusted="127.0.0.1"):
    made = Tracing.of(traces.provider)
    assert made is not None
    return ServiceTracing(made, trusted=parse_networks(trusted))


@pytest.fixture
async def town(settings, clock, traces):
    async with running(settings, clock, traces=tracing(traces)) as town:
        await town.add_api("persons", PERSONS, "persons:read")
        traces.forget()
        yield town


async def ask(town, secret="wrong", headers=PARENT, **form):
    form = {"grant_type": "client_credentials", "client_id": "ada", "client_secret": secret} | form
    return await town.http.post("/oauth2/token", data=form, headers=headers)


async def test_a_token_request_goes_on_the_trace_of_its_client(town, traces, log):
    answer = await ask(town, (await town.add_client()).reveal())

    (span,) = traces.spans
    assert answer.status_code == 200
    assert span.name == "POST /oauth2/token"
    assert span.kind is SpanKind.SERVER
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == SPAN
    assert span.context.trace_state.to_header() == "rojo=1"
    assert dict(span.attributes) == {
        "http.request.method": "POST",
        "http.route": "/oauth2/token",
        "url.path": "/oauth2/token",
        "url.scheme": "https",
        "http.response.status_code": 200,
        "tokenbooth.endpoint": "token",
        "tokenbooth.issuer": "default",
        "tokenbooth.request_id": answer.headers["x-request-id"],
        "tokenbooth.outcome": "issued",
        "tokenbooth.auth_method": "client_secret_post",
        "tokenbooth.grant_type": "client_credentials",
    }


async def test_a_refusal_says_why_and_is_no_error_of_the_service(town, traces):
    await ask(town)

    (span,) = traces.spans
    assert span.attributes["tokenbooth.outcome"] == "refused"
    assert span.attributes["tokenbooth.reason"] == "unknown_client"
    assert span.attributes["http.response.status_code"] == 401
    assert span.status.status_code is StatusCode.UNSET


async def test_a_database_that_is_away_is_an_error(town, traces):
    await town.store.close()
    await ask(town)

    (span,) = traces.spans
    assert span.attributes["error.type"] == "503"
    assert span.status.status_code is StatusCode.ERROR


async def test_spans_hold_no_secret_no_token_and_no_name(town, traces):
    secret = (await town.add_client()).reveal()
    token = (await ask(town, secret)).json()["access_token"]
    await town.http.get("/oauth2/register/ada")

    for word in (secret, token, "ada", "persons", "127.0.0.1"):
        assert word not in traces.text
    assert traces.spans[-1].attributes["http.route"] == "/oauth2/register/{client_id}"


async def test_a_stranger_does_not_decide_what_is_recorded(settings, clock):
    traces = Traces(ParentBased(ALWAYS_OFF))
    async with running(settings, clock, traces=tracing(traces, "10.0.0.0/8")) as town:
        await ask(town)
        assert traces.spans == ()


async def test_a_strangers_trace_is_a_link(settings, clock, traces):
    async with running(settings, clock, traces=tracing(traces, "10.0.0.0/8")) as town:
        await ask(town)
        (span,) = traces.spans
        assert span.parent is None
        assert [f"{link.context.trace_id:032x}" for link in span.links] == [TRACE]


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": "00-evil\x7f-01"},
        {"traceparent": f"00-{'0' * 32}-{SPAN}-01", "tracestate": "a=b"},
        {"traceparent": "x" * 5000},
        {"traceparent": PARENT["traceparent"], "tracestate": "EVIL line, a=b"},
        {"traceparent": PARENT["traceparent"], "baggage": "evil=1"},
        [("traceparent", PARENT["traceparent"]), ("traceparent", PARENT["traceparent"])],
    ],
)
async def test_what_is_no_trace_is_left_out_and_told_to_nobody(town, traces, log, headers, caplog):
    await town.add_client()
    answer = await ask(town, headers=headers)

    (span,) = traces.spans
    assert answer.status_code == 401
    assert not span.context.trace_state
    for word in ("evil", "EVIL", "xxxx"):
        assert word not in log() + caplog.text + traces.text


def test_what_the_service_asks_others_is_a_span_and_tells_them_of_no_trace(traces):
    with local_server() as server, closing(HttpFetch()) as fetch:
        server.on("/jwks", lambda _: as_json({"keys": []}))
        with traces.provider.get_tracer("a test").start_as_current_span("answer") as answer:
            tracing(traces).traced(fetch)(Request(method="GET", url=f"{server.url}/jwks"))
        (seen,) = server.seen
    assert is_child(traces.named("GET /jwks"), answer)
    assert "traceparent" not in seen.headers


async def test_an_unknown_method_makes_no_name_of_its_own(town, traces):
    await town.http.request("EVIL", "/oauth2/token")

    (span,) = traces.spans
    assert span.name == "HTTP /oauth2/token"
    assert span.attributes["http.request.method"] == "_OTHER"


async def test_probes_and_strange_paths_make_no_span(town, traces):
    for path in ("/healthz", "/readyz", "/metrics", "/evil"):
        await town.http.get(path)
    assert traces.spans == ()


async def test_a_line_of_the_log_names_its_trace(settings, clock, traces, traced_log, capfd):
    async with running(settings, clock, traces=tracing(traces)) as town:
        await ask(town)
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        assert [line["trace_id"] for line in lines if line["event"] == "refused"] == [TRACE]


async def test_an_internal_error_names_its_trace(settings, clock, traces, traced_log, monkeypatch):
    async with running(settings, clock, traces=tracing(traces)) as town:
        monkeypatch.setattr(town.service.registry, "client", None)
        await ask(town, "secret_of_no_form")
        lines = [json.loads(line) for line in traced_log().splitlines()]
        assert [line["trace_id"] for line in lines if line["event"] == "internal_error"] == [TRACE]
        assert [span.attributes["error.type"] for span in traces.spans] == ["500"]


def test_there_are_no_traces_unless_they_are_turned_on():
    assert service_tracing(Settings()) is None


def test_the_sdk_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsRefused, match="pip install opentelemetry-sdk"):
        check_traces(Settings(traces="on"))


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_TRACES_EXPORTER": "console,carrier_pigeon"},
    ],
)
def test_an_exporter_that_is_missing_is_told_at_the_start(monkeypatch, variables):
    monkeypatch.delenv("OTEL_TRACES_EXPORTER", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsRefused, match="opentelemetry-exporter-otlp-proto-http"):
        check_traces(Settings(traces="on"))


def test_a_collector_that_is_away_holds_up_nobodys_end(monkeypatch):
    never = threading.Event()
    monkeypatch.setattr("tokenbooth.server.tracing.END_SECONDS", 0.05)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    made = service_tracing(Settings(traces="on"))
    monkeypatch.setattr(made._own, "shutdown", never.wait)
    made.close()  # comes back
    never.set()


async def test_uses_what_is_set_up_already(settings, clock, traces, monkeypatch):
    # As `opentelemetry-instrument` does, which cannot be undone in this process.
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: traces.provider)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "carrier_pigeon")
    check_traces(Settings(traces="on"))
    async with running(settings, clock, traces=service_tracing(Settings(traces="on"))) as town:
        await ask(town)
    assert [span.name for span in traces.spans] == ["POST /oauth2/token"]


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "tokenbooth"),
        ({"OTEL_SERVICE_NAME": "tokens"}, "tokens"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=booth"}, "booth"),
    ],
)
def test_the_service_has_a_name(monkeypatch, variables, name):
    for variable in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in {"OTEL_TRACES_EXPORTER": "none", **variables}.items():
        monkeypatch.setenv(variable, value)
    made = service_tracing(Settings(traces="on"))
    assert made._own.resource.attributes["service.name"] == name
    made.close()


@pytest.mark.parametrize("wrong", ["yes", "1"])
def test_refuses_another_word_for_traces(wrong):
    with pytest.raises(SettingsRefused, match="TOKENBOOTH_TRACES: use "):
        Settings.load({"TOKENBOOTH_TRACES": wrong})


def test_refuses_networks_that_are_none():
    with pytest.raises(SettingsRefused, match="TOKENBOOTH_TRACES_FROM: "):
        Settings.load({"TOKENBOOTH_TRACES_FROM": "10.0.0.0/33"})
