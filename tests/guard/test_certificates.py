"""Certificate-bound tokens at the API: they pass with their certificate, and in no other way."""

import base64
from typing import Annotated
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.guard.test_dpop import BOUND, made_for, sent
from tests.guard.test_starlette import application
from tests.guard.tiny_issuer import bearer
from tests.protocol.certificates import make
from tokenbooth.guard import Caller, Refusal
from tokenbooth.protocol.certificate import thumbprint

ADA, EVE = make("CN=ada"), make("CN=eve")
CNF = {"x5t#S256": thumbprint(ADA.der)}
FORWARDED = f":{base64.b64encode(ADA.der).decode()}:"
PROXY = ("192.0.2.7", 5000)


@pytest.fixture
def token(issuer):
    return issuer.token(cnf=CNF)


def refused(guard, headers, **more):
    with pytest.raises(Refusal) as caught:
        guard.verify_sync(headers, "GET", "/orders", **more)
    return caught.value


def test_a_bound_token_passes_with_its_certificate(guard, token):
    caller = guard.verify_sync(bearer(token), certificate=ADA.der)

    assert caller.confirmation.x5t == CNF["x5t#S256"]


async def test_the_certificate_may_be_looked_up_when_it_is_needed(guard, issuer, token):
    asked = []

    def look_up():
        asked.append(1)
        return ADA.der

    await guard.verify(bearer(issuer.token()), certificate=look_up)
    assert asked == []
    assert await guard.verify(bearer(token), certificate=look_up)
    assert asked == [1]


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [(None, "no_certificate"), (EVE.der, "wrong_certificate"), (b"", "wrong_certificate")],
)
def test_without_its_certificate_a_bound_token_is_invalid(guard, token, certificate, reason):
    guard.verify_sync(bearer(token), certificate=ADA.der)  # a token seen before is no exception

    refusal = refused(guard, bearer(token), certificate=certificate)

    assert (refusal.status, refusal.reason) == (401, reason)
    assert 'error="invalid_token"' in refusal.headers["WWW-Authenticate"]


def test_an_opaque_token_is_held_to_its_certificate_too(issuer, asking_guard):
    token = issuer.opaque_token(cnf=CNF)

    assert asking_guard.verify_sync(bearer(token), certificate=ADA.der)
    assert refused(asking_guard, bearer(token), certificate=EVE.der).status == 401
    assert refused(asking_guard, bearer(token)).status == 401


def test_a_token_bound_to_key_and_certificate_needs_both(issuer, guard):
    token = issuer.token(cnf=CNF | BOUND)
    url = "https://orders.example.com/orders/7"

    def headers():
        return sent(token, made_for(issuer, token))

    assert guard.verify_sync(headers(), "GET", url, certificate=ADA.der)
    for given, certificate in ((headers(), None), (headers(), EVE.der), (bearer(token), ADA.der)):
        with pytest.raises(Refusal):
            guard.verify_sync(given, "GET", url, certificate=certificate)


def test_a_certificate_beside_an_unbound_token_does_not_matter(issuer, guard):
    assert guard.verify_sync(bearer(issuer.token()), certificate=EVE.der)


def scope_of(headers=(), *, client=PROXY, **more):
    return {
        "type": "http",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "client": client,
        **more,
    }


def test_the_certificate_is_found_on_the_connection(guard):
    find = guard.certificates.find
    chain = {"tls": {"client_cert_chain": (ADA.pem.decode(), "...")}}

    assert find(scope_of(state={"client_cert_der": ADA.der})) == ADA.der
    assert find(scope_of(extensions=chain)) == ADA.der
    assert find(scope_of(extensions={"tls": {"client_cert_chain": ()}})) is None
    assert find(scope_of(state={"client_cert_der": None})) is None
    assert find(scope_of()) is None


@pytest.mark.parametrize(
    ("header", "name", "value"),
    [
        ("client-cert", "client-cert", FORWARDED),
        ("X-SSL-Client-Cert:escaped-pem", "x-ssl-client-cert", quote(ADA.pem)),
    ],
)
def test_the_header_of_a_trusted_proxy_is_believed(make_guard, header, name, value):
    guard = make_guard(trusted_proxies=["192.0.2.0/24"], client_certificate_header=header)

    assert guard.certificates.find(scope_of([(name, value)])) == ADA.der
    for client in (("198.51.100.1", 1), ("127.0.0.1", 1), None, ("unix:", 0)):
        assert guard.certificates.find(scope_of([(name, value)], client=client)) is None


def test_without_trusted_proxies_no_header_is_believed(guard):
    assert guard.certificates.find(scope_of([("client-cert", FORWARDED)])) is None


@pytest.mark.parametrize(
    "options",
    [
        {"trusted_proxies": ["proxy.example.com"]},
        {"trusted_proxies": ["10.0.0.1/8"]},
        {"client_certificate_header": "Client Cert"},
        {"client_certificate_header": "x:xfcc"},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(make_guard, options):
    with pytest.raises(ValueError, match="trusted_proxies and client_certificate_header"):
        make_guard(**options)


@pytest.fixture(params=["middleware", "fastapi"])
def api(request, make_guard):
    guard = make_guard(trusted_proxies="192.0.2.7/32")
    if request.param == "middleware":
        app = application(guard)
    else:
        app = FastAPI()

        @app.get("/whoami")
        async def whoami(caller: Annotated[Caller, guard.require("orders:read")]):
            return {"client_id": caller.client_id}

    def client(source):
        return TestClient(app, client=source)

    return client


def test_adapters_find_the_certificate_of_a_trusted_proxy(api, token):
    def call(source, *values):
        headers = [*bearer(token).items(), *(("client-cert", value) for value in values)]
        return api(source).get("/whoami", headers=headers)

    assert call(PROXY, FORWARDED).json() == {"client_id": "shop"}
    assert call(PROXY).status_code == 401
    assert call(("198.51.100.1", 5000), FORWARDED).status_code == 401
    for junk in (["junk"], [FORWARDED, FORWARDED]):
        answer = call(PROXY, *junk)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
