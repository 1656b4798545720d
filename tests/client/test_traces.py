"""A token request is a span in the trace of whoever asked for the token."""

import asyncio
import json
import subprocess
import sys

import pytest
from opentelemetry import baggage, context
from opentelemetry.trace import SpanKind, StatusCode

from tests.remote.local_server import Reply, as_json
from tests.traces import Traces, is_child
from tokenbooth.client import TokenRequestRefused, TokenSource, TokenUnavailable
from tokenbooth.remote.tracing import TracesUnavailable

SPAN = "POST /oauth2/token"


@pytest.fixture
def traces():
    return Traces()


@pytest.fixture
def tracer(traces):
    return traces.provider.get_tracer("an application")


def traceparent(span):
    context = span.context
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def test_a_token_request_goes_on_the_trace_of_its_caller(make, server, asked, traces, tracer):
    source = make(traces=traces.provider)

    with tracer.start_as_current_span("work") as work:
        source.token()
        source.token()

    span = traces.named(SPAN)
    assert is_child(span, work)
    assert span.kind is SpanKind.CLIENT
    assert dict(span.attributes) == {
        "http.request.method": "POST",
        "url.full": f"{server.url}/oauth2/token",
        "server.address": "127.0.0.1",
        "server.port": int(server.url.rpartition(":")[2]),
        "http.response.status_code": 200,
    }
    assert [seen.headers["traceparent"] for seen in asked()] == [traceparent(span)]


async def test_a_task_that_waits_for_a_token_is_in_its_trace(make, traces, tracer):
    source = make(traces=traces.provider)

    async def work(name):
        with tracer.start_as_current_span(name):
            await source.atoken()

    await asyncio.gather(*(work(f"task {n}") for n in range(5)))

    assert is_child(traces.named(SPAN), traces.named("task 0"))


def test_the_search_for_the_endpoint_is_a_span_too(make, server, traces):
    metadata = {"issuer": server.url, "token_endpoint": f"{server.url}/oauth2/token"}
    server.on("/.well-known/oauth-authorization-server", lambda _: as_json(metadata))

    make(issuer=server.url, traces=traces.provider).token()

    names = [span.name for span in traces.spans]
    assert names == ["GET /.well-known/oauth-authorization-server", SPAN]


def test_a_refusal_is_told_by_its_status(make, server, traces):
    server.on("/oauth2/token", lambda _: as_json({"error": "invalid_client"}, status=401))

    with pytest.raises(TokenRequestRefused):
        make(traces=traces.provider).token()

    span = traces.named(SPAN)
    assert span.attributes["error.type"] == "401"
    assert span.status.status_code is StatusCode.ERROR


def test_a_failure_is_told_by_its_reason(make, server, traces):
    source = make(traces=traces.provider)
    server.close()

    with pytest.raises(Exception, match="cannot be reached"):
        source.token()

    assert {span.attributes["error.type"] for span in traces.spans} == {"unreachable"}
    assert {span.events for span in traces.spans} == {()}


def test_a_malformed_address_is_refused_as_it_is_without_traces(make, server, traces):
    told = {}
    for url in ("https://a.example:99999/token", "https://[a/token", "ftp://a.example/\x00"):
        metadata = {"issuer": server.url, "token_endpoint": url}
        server.on(
            "/.well-known/oauth-authorization-server", Reply(body=json.dumps(metadata).encode())
        )
        for traced in (False, traces.provider):
            with pytest.raises(TokenUnavailable) as refused:
                make(issuer=server.url, traces=traced).token()
            told.setdefault(url, set()).add(str(refused.value))
    assert [len(texts) for texts in told.values()] == [1, 1, 1]


def test_spans_hold_no_secret_no_token_and_no_name(make, traces):
    token = make(traces=traces.provider, scope="persons:read").token()

    for word in ("s3cret", token.access_token, "my-app", "persons:read"):
        assert word not in traces.text


def test_only_the_trace_is_sent_on(make, asked, traces):
    source = make(traces=traces.provider)

    attached = context.attach(baggage.set_baggage("customer", "ada"))
    try:
        source.token()
    finally:
        context.detach(attached)

    (seen,) = asked()
    assert "traceparent" in seen.headers
    assert "baggage" not in seen.headers


def test_says_nothing_of_traces_unless_told_to(make, asked, traces, tracer):
    with tracer.start_as_current_span("work"):
        make().token()

    (seen,) = asked()
    assert "traceparent" not in seen.headers
    assert [span.name for span in traces.spans] == ["work"]


def test_names_the_extra_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)

    with pytest.raises(TracesUnavailable, match=r"pip install 'tokenbooth\[otel\]'"):
        TokenSource(token_url="https://a.example/token", client_id="a", secret="env:A", traces=True)


def test_traces_at_the_provider_of_the_application(make, asked):
    # Without an SDK that is none, and the request goes out all the same.
    make(traces=True).token()

    assert len(asked()) == 1


def test_takes_no_part_of_opentelemetry_along():
    script = (
        "import sys, tokenbooth.client, tokenbooth.guard, tokenbooth.client.httpx2;"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
