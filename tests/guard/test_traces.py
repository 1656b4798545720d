"""A verification is a span, and what the guard asks its issuer meanwhile is a part of it."""

import sys

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from tests.guard.tiny_issuer import AUDIENCE, bearer
from tests.traces import Traces, is_child
from tokenbooth.guard import Guard, GuardCounts, Refusal
from tokenbooth.protocol.secret import Secret
from tokenbooth.remote.tracing import TracesUnavailable

SPAN = "tokenbooth verify"


@pytest.fixture
def traces():
    return Traces()


@pytest.fixture
def guard(make_guard, traces):
    secret = Secret("tbs_orders")
    return make_guard(client_id="orders-api", secret=secret, traces=traces.provider)


@pytest.fixture
def tracer(traces):
    return traces.provider.get_tracer("an API")


async def test_the_keys_are_fetched_within_the_first_verification(issuer, guard, traces, tracer):
    with tracer.start_as_current_span("call") as call:
        await guard.verify(bearer(issuer.token()))

    span = traces.named(SPAN)
    assert is_child(span, call)
    assert span.kind is SpanKind.INTERNAL
    assert dict(span.attributes) == {
        "tokenbooth.audience": AUDIENCE,
        "tokenbooth.verification": "checked",
        "tokenbooth.outcome": "passed",
    }
    for name in ("GET /.well-known/oauth-authorization-server", "GET /jwks"):
        assert is_child(traces.named(name), span)
    (seen,) = issuer.server.seen_at("/jwks")
    assert seen.headers["traceparent"].split("-")[1] == f"{call.get_span_context().trace_id:032x}"


def test_a_token_seen_before_needs_nothing(issuer, guard, traces):
    token = issuer.token()
    guard.verify_sync(bearer(token))
    traces.forget()

    guard.verify_sync(bearer(token))

    (span,) = traces.spans
    assert span.attributes["tokenbooth.verification"] == "remembered"


async def test_introspection_is_a_part_of_the_verification(issuer, guard, traces):
    await guard.verify(bearer(issuer.opaque_token()))

    span, asking = traces.named(SPAN), traces.named("POST /introspect")
    assert is_child(asking, span)
    assert asking.kind is SpanKind.CLIENT
    assert span.attributes["tokenbooth.verification"] == "introspected"


def test_a_refusal_is_no_error_of_the_api(issuer, guard, traces):
    with pytest.raises(Refusal):
        guard.verify_sync(bearer(issuer.token(aud="https://other.example.com")))

    span = traces.named(SPAN)
    assert span.attributes["tokenbooth.outcome"] == "refused"
    assert span.attributes["tokenbooth.reason"] == "wrong_audience"
    assert span.status.status_code is StatusCode.UNSET


def test_an_issuer_that_is_away_is_an_error(issuer, guard, traces):
    issuer.fall_silent()

    with pytest.raises(Refusal):
        guard.verify_sync(bearer(issuer.token()))

    span = traces.named(SPAN)
    assert span.attributes["tokenbooth.outcome"] == "unavailable"
    assert span.status.status_code is StatusCode.ERROR


def test_spans_hold_no_secret_no_token_and_no_name(issuer, guard, traces):
    jwt, opaque = issuer.token(), issuer.opaque_token()
    for token in (jwt, opaque):
        guard.verify_sync(bearer(token))

    for word in (jwt, opaque, "tbs_orders", "orders-api", "shop"):
        assert word not in traces.text


def test_counts_what_it_did(issuer, asking_guard):
    token = issuer.token()
    for each in (token, token, issuer.opaque_token()):
        asking_guard.verify_sync(bearer(each))
    with pytest.raises(Refusal):
        asking_guard.verify_sync({})
    issuer.fall_silent()
    with pytest.raises(Refusal):
        asking_guard.verify_sync(bearer("tbo_another"))

    assert asking_guard.counts == GuardCounts(
        remembered=1, checked=1, introspected=2, refused=1, unavailable=1
    )


def test_names_the_extra_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)

    with pytest.raises(TracesUnavailable, match=r"pip install 'tokenbooth\[otel\]'"):
        Guard("https://auth.example.com", AUDIENCE, traces=True)
