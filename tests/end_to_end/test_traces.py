"""One trace from a caller through client, service and guard: real programs, the real SDK."""

import json

import pytest

from tests.end_to_end.service import eventually, run_program, running
from tests.traces import Traces
from tokenbooth.client import TokenSource
from tokenbooth.guard import Guard
from tokenbooth.protocol.secret import Secret

VARIABLES = {
    "TOKENBOOTH_TRACES": "on",
    "TOKENBOOTH_LOG_SAMPLE": "0",
    "OTEL_TRACES_EXPORTER": "console",
    "OTEL_BSP_SCHEDULE_DELAY": "50",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces")
    with running(folder, "--log-format", "json", variables=VARIABLES) as service:
        yield service


def told(service):
    """The spans of the service, as its exporter writes them."""
    text = (service.folder / "stdout").read_text()
    decoder, spans, at = json.JSONDecoder(), [], 0
    while (at := text.find("{\n", at)) >= 0:
        try:
            span, at = decoder.raw_decode(text, at)
        except ValueError:  # it is just being written
            break
        spans.append(span)
    return spans


def answered(service, asked):
    """The service's span for a request that a span of ours sent."""
    wanted = f"0x{asked.context.span_id:016x}"
    found = eventually(
        lambda: next((s for s in told(service) if s["parent_id"] == wanted), None), within=20
    )
    assert found["context"]["trace_id"] == f"0x{asked.context.trace_id:032x}"
    return found


def test_a_call_is_one_trace(service):
    service.add_issuer("sealed", token_format="opaque")
    audience = service.add_api("persons", "persons:read", issuer="sealed")
    client = service.register("persons", issuer="sealed")
    server = service.register("persons", issuer="sealed", resource_server_for=("persons",))
    issuer = f"{service.url}/sealed"
    traces = Traces()
    tracer = traces.provider.get_tracer("an application")
    with (
        TokenSource(
            issuer=issuer,
            client_id=client.client_id,
            secret=Secret(client.secret),
            traces=traces.provider,
        ) as source,
        tracer.start_as_current_span("call") as call,
    ):
        token = source.token()
        guard = Guard(
            issuer,
            audience,
            client_id=server.client_id,
            secret=Secret(server.secret),
            traces=traces.provider,
        )
        try:
            guard.verify_sync({"Authorization": f"Bearer {token.access_token}"})
        finally:
            guard.close()
    service.confidential.add(token.access_token)

    issuing = answered(service, traces.named("POST /sealed/oauth2/token"))
    asking = answered(service, traces.named("POST /sealed/oauth2/introspect"))
    assert issuing["attributes"]["tokenbooth.outcome"] == "issued"
    assert issuing["attributes"]["tokenbooth.issuer"] == "sealed"
    assert asking["attributes"]["tokenbooth.outcome"] == "active"
    assert issuing["resource"]["attributes"]["service.name"] == "tokenbooth"
    trace_id = f"0x{call.get_span_context().trace_id:032x}"
    assert {span["context"]["trace_id"] for span in (issuing, asking)} == {trace_id}
    for word in (client.secret, token.access_token, client.client_id):
        assert word not in (service.folder / "stdout").read_text()


def test_a_refusal_is_logged_with_its_trace_and_the_ordinary_is_not(service):
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    assert service.http.get("/.well-known/jwks.json").status_code == 200
    service.post("/oauth2/token", "grant_type=client_credentials", ("nobody", "x"), headers=headers)

    lines = eventually(
        lambda: [
            line
            for line in map(
                json.loads, filter(lambda x: x.startswith("{"), service.log.splitlines())
            )
            if line.get("trace_id") == trace_id
        ]
    )
    assert [line["event"] for line in lines] == ["refused"]
    assert '"endpoint":"key_set"' not in service.log


def test_the_management_api_is_a_span_without_names(service):
    service.http.get("/api/v1/clients/ada")

    found = eventually(lambda: [s for s in told(service) if s["name"] == "GET /api/v1"], within=20)
    assert found[-1]["attributes"]["http.response.status_code"] == 401
    assert "ada" not in json.dumps(found[-1])


def test_does_not_start_without_an_exporter(tmp_path):
    done = run_program(
        "serve",
        "--database",
        f"sqlite:///{tmp_path}/booth.db",
        TOKENBOOTH_TRACES="on",
        OTEL_TRACES_EXPORTER="carrier_pigeon",
    )
    assert done.returncode == 2
    assert "pip install opentelemetry-exporter-otlp-proto-http" in done.stderr
    assert not list(tmp_path.iterdir())
