"""A real nginx ends TLS, and its word about certificates counts; nobody else's does."""

import base64
import contextlib
import ssl
from urllib.parse import quote

import httpx2
import pytest

from tests.end_to_end.nginx import free_port, nginx
from tests.end_to_end.service import running
from tests.end_to_end.test_tls import ADA, BOB, CA, SERVER
from tests.protocol.certificates import make
from tests.server.booths import payload_of
from tokenbooth.client import TokenSource
from tokenbooth.management.service.apis import create_api
from tokenbooth.protocol.certificate import thumbprint

OWN = make("CN=own", is_ca=None)
HEADER = "X-SSL-Client-Cert:escaped-pem"
FORM = {"grant_type": "client_credentials"}


class Proxied:
    """The service, nginx in front of it, and connections to both."""

    def __init__(self, service, proxy, folder):
        self.service, self.proxy, self.folder = service, proxy, folder

    def tls(self, identity=None):
        tls = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        if identity is not None:
            tls.load_cert_chain(*identity.write(self.folder, thumbprint(identity.der)[:12]))
        return tls

    def token(self, client_id, identity=None, headers=None, **form):
        with httpx2.Client(verify=self.tls(identity), trust_env=False, timeout=20) as http:
            url = f"{self.proxy.url}/oauth2/token"
            asked = FORM | {"client_id": client_id} | form
            return http.post(url, data=asked, headers=headers)

    def create(self, client_id, *options):
        return self.service.told("clients", "create", "--id", client_id, "--api", "p", *options)


@contextlib.contextmanager
def proxied(folder, *options, trusted="127.0.0.1/32", verify="optional", **variables):
    """Run service and proxy; nginx comes from 127.0.0.1, strangers from 127.0.0.2."""
    (folder / "ca.pem").write_bytes(CA.pem)
    (folder / "own.pem").write_bytes(OWN.pem)
    SERVER.write(folder, "server")
    port = free_port()
    arguments = (
        *("--trusted-proxy", trusted, "--client-certificate-header", HEADER),
        *("--mtls-url", f"https://127.0.0.1:{port}", *options),
    )
    with running(folder / "service", *arguments, variables=variables) as service:
        service.manage(
            lambda booth: create_api(booth, name="p", audience="https://p.example", scopes="read")
        )
        with nginx(folder, port, service.url, verify=verify) as proxy:
            booth = Proxied(service, proxy, folder)
            booth.create("ada", "--subject-dn", "CN=ada,O=Example")
            yield booth


@pytest.fixture(scope="module")
def booth(tmp_path_factory):
    with proxied(tmp_path_factory.mktemp("proxied"), "--workers", "2") as started:
        yield started


def test_clients_authenticate_by_the_certificate_that_the_proxy_forwards(booth):
    answer = booth.token("ada", ADA)

    assert answer.status_code == 200, answer.text
    bound = payload_of(answer.json()["access_token"])["cnf"]
    assert bound == {"x5t#S256": thumbprint(ADA.der)}
    assert booth.token("ada", BOB).status_code == 401
    assert booth.token("ada").status_code == 401


def forged(identity):
    return [
        {"X-SSL-Client-Cert": quote(identity.pem)},
        {"x_ssl_client_cert": quote(identity.pem)},
        {"Client-Cert": f":{base64.b64encode(identity.der).decode()}:"},
    ]


def test_what_a_caller_writes_into_the_header_never_passes_the_proxy(booth):
    for headers in forged(ADA):
        assert booth.token("ada", headers=headers).status_code == 401
        assert booth.token("ada", BOB, headers=headers).status_code == 401


def test_metrics_are_not_for_whoever_comes_through_the_proxy(booth):
    with httpx2.Client(verify=booth.tls(), trust_env=False) as http:
        assert http.get(f"{booth.proxy.url}/metrics").status_code == 404
        assert http.get(f"{booth.proxy.url}/readyz").status_code == 200


def test_who_goes_around_the_proxy_is_not_believed(booth):
    transport = httpx2.HTTPTransport(local_address="127.0.0.2")

    with httpx2.Client(transport=transport, trust_env=False) as http:
        for headers in forged(ADA):
            headers |= {"X-Forwarded-For": "127.0.0.1"}
            url = f"{booth.service.url}/oauth2/token"
            answer = http.post(url, data=FORM | {"client_id": "ada"}, headers=headers)
            assert answer.status_code == 401


def test_an_untrusted_proxy_is_not_believed(tmp_path):
    with proxied(tmp_path, trusted="192.0.2.1/32") as booth:
        assert booth.token("ada", ADA).status_code == 401


def test_self_signed_clients_work_behind_a_proxy_that_checks_no_authority(tmp_path):
    unverified = {"TOKENBOOTH_PROXIED_CERTIFICATES_VERIFIED": "false"}
    with proxied(tmp_path, verify="optional_no_ca", **unverified) as booth:
        booth.create("own", "--certificate", str(booth.folder / "own.pem"))
        impostor = make("CN=ada,O=Example", is_ca=None)

        assert booth.token("own", OWN).status_code == 200
        assert booth.token("own", impostor).status_code == 401
        for identity in (ADA, impostor):
            assert booth.token("ada", identity).status_code == 401


def test_the_published_aliases_work_and_a_token_source_uses_them(booth):
    with httpx2.Client(trust_env=False) as http:
        place = f"{booth.service.url}/.well-known/oauth-authorization-server"
        metadata = http.get(place).json()
    aliases = metadata["mtls_endpoint_aliases"]

    with TokenSource(
        issuer=booth.service.url,
        client_id="ada",
        certificate=ADA.write(booth.folder, "ada"),
        tls=booth.tls(),
    ) as source:
        token = source.token().access_token

    with httpx2.Client(verify=booth.tls(ADA), trust_env=False) as http:
        form = {"client_id": "ada", "token": token}
        described = http.post(aliases["introspection_endpoint"], data=form).json()
        assert http.post(aliases["revocation_endpoint"], data=form).status_code == 200
        after = http.post(aliases["introspection_endpoint"], data=form).json()
    assert aliases["token_endpoint"] == f"{booth.proxy.url}/oauth2/token"
    assert described["cnf"] == {"x5t#S256": thumbprint(ADA.der)}
    assert after == {"active": False}
