"""Clients with certificates and the real program over real TLS, by one worker and by two."""

import base64
import contextlib
import os
import signal
import socket
import ssl

import httpx2
import pytest

from tests.end_to_end.service import Registered, eventually, run_program, start_service
from tests.protocol.certificates import make
from tests.server.booths import payload_of
from tokenbooth.management.service.apis import create_api
from tokenbooth.protocol.certificate import thumbprint

CA = make("CN=authority", is_ca=True)
SERVER = make("CN=service", issuer=CA, addresses=["127.0.0.1"])
ADA = make("CN=ada,O=Example", issuer=CA)
BOB = make("CN=bob,O=Example", issuer=CA)


class Mtls:
    """A running service, and connections to it with this or that certificate."""

    def __init__(self, service, folder):
        self.service, self.folder = service, folder

    def http(self, identity=None, **limits):
        tls = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        if identity is not None:
            tls.load_cert_chain(*identity.write(self.folder, thumbprint(identity.der)[:12]))
        for name, value in limits.items():
            setattr(tls, name, value)
        # Every request is a connection of its own, so that all workers are met.
        keep = httpx2.Limits(max_keepalive_connections=0)
        return httpx2.Client(
            base_url=self.service.url, verify=tls, trust_env=False, limits=keep, timeout=20
        )

    def token(self, client_id, identity=None, headers=None, **form):
        asked = {"grant_type": "client_credentials", "client_id": client_id, **form}
        with self.http(identity) as http:
            return http.post("/oauth2/token", data=asked, headers=headers)

    def create(self, client_id, *options):
        return self.service.told("clients", "create", "--id", client_id, "--api", "p", *options)

    def write(self, name, identity):
        path = self.folder / f"{name}.pem"
        path.write_bytes(identity.pem)
        return str(path)

    def passes_tls(self, identity):
        """Whether each of many connections gets an answer, whatever it says."""
        with contextlib.suppress(httpx2.TransportError):
            return all(self.token("x", identity).status_code for _ in range(12))
        return False


def start(folder, *options):
    (folder / "ca.pem").write_bytes(CA.pem)
    certificate, key = SERVER.write(folder, "server")
    authority = str(folder / "ca.pem")
    service = start_service(
        folder / "service",
        *("--tls-cert", certificate, "--tls-key", key, *options),
        authority=authority,
    )
    service.manage(
        lambda booth: create_api(booth, name="p", audience="https://p.example", scopes="read")
    )
    return Mtls(service, folder)


@pytest.fixture(scope="module", params=["1", "2"], ids=["one-worker", "two-workers"])
def mtls(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mtls")
    options = ("--tls-client-ca", str(folder / "ca.pem"), "--workers", request.param)
    running = start(folder, *options)
    running.create("ada", "--subject-dn", "CN=ada,O=Example")
    running.create("bob", "--subject-dn", "CN=bob,O=Example")
    yield running
    running.service.stop()


@pytest.fixture
def alone(tmp_path):
    with contextlib.ExitStack() as stack:

        def begin(*options):
            running = start(tmp_path, *options)
            stack.callback(running.service.stop)
            return running

        yield begin


def test_a_client_authenticates_by_the_name_in_its_certificate(mtls):
    answer = mtls.token("ada", ADA)

    assert answer.status_code == 200, answer.text
    bound_to = payload_of(answer.json()["access_token"])["cnf"]
    assert bound_to == {"x5t#S256": thumbprint(ADA.der)}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_each_tls_version_carries_certificates_on_every_request_of_a_connection(mtls, version):
    tls = {"minimum_version": version, "maximum_version": version}
    form = {"grant_type": "client_credentials", "client_id": "ada"}
    with mtls.http(ADA, **tls) as http:
        assert [http.post("/oauth2/token", data=form).status_code for _ in range(4)] == [200] * 4


def test_older_tls_is_refused(mtls):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", mtls.service.port), timeout=10) as plain,
        pytest.raises(ssl.SSLError),
    ):
        tls.wrap_socket(plain)


def test_the_certificate_of_one_client_is_not_another_client(mtls):
    answers = [mtls.token("bob", ADA), mtls.token("ada", BOB), mtls.token("nobody", ADA)]

    assert [answer.status_code for answer in answers] == [401] * 3
    assert {answer.json()["error"] for answer in answers} == {"invalid_client"}
    assert len({answer.text for answer in answers}) == 1


def test_without_a_certificate_secrets_work_as_before(mtls):
    made = mtls.create(f"secret-{mtls.service.workers}")
    client = Registered(client_id=made["client_id"], secret=made["client_secret"])

    assert mtls.service.token(client).status_code == 200
    assert mtls.token("ada").status_code == 401


def test_a_certificate_header_of_a_caller_is_ignored(mtls):
    forged = {"Client-Cert": f":{base64.b64encode(ADA.der).decode()}:"}

    assert mtls.token("ada", headers=forged).status_code == 401
    assert mtls.token("ada", BOB, headers=forged).status_code == 401


def test_a_certificate_of_an_unknown_authority_ends_the_connection(mtls):
    other = make("CN=ada,O=Example", issuer=make("CN=authority", is_ca=True))

    with pytest.raises(httpx2.TransportError):
        mtls.token("ada", other)


def test_a_registered_self_signed_certificate_is_let_in_while_the_service_runs(mtls):
    own, client_id = make("CN=own"), f"own-{mtls.service.workers}"
    assert not mtls.passes_tls(own)

    made = mtls.create(client_id, "--certificate", mtls.write(client_id, own))

    eventually(lambda: mtls.passes_tls(own), within=5)
    assert mtls.token(client_id, own).status_code == 200
    mtls.service.told("credentials", "remove", client_id, made["credential_id"])
    eventually(
        lambda: all(mtls.token(client_id, own).status_code == 401 for _ in range(12)), within=5
    )


def test_a_registered_certificate_vouches_for_no_other(mtls):
    # openssl makes self-signed certificates that may sign others, unless told not to.
    own, client_id = make("CN=signer", is_ca=True), f"signer-{mtls.service.workers}"
    forged = make("CN=ada,O=Example", issuer=own)

    mtls.create(client_id, "--certificate", mtls.write(client_id, own))
    eventually(lambda: mtls.passes_tls(own), within=5)

    assert mtls.token("ada", forged).status_code == 401
    assert mtls.token(client_id, forged).status_code == 401
    assert '"reason":"unverified_certificate"' in mtls.service.log


def test_a_registered_certificate_named_like_the_authority_does_not_stand_in_for_it(mtls):
    twin, client_id = make("CN=Authority", is_ca=True), f"twin-{mtls.service.workers}"
    mark = make("CN=mark")
    mtls.create(client_id, "--certificate", mtls.write(client_id, twin))
    mtls.create(f"mark-{client_id}", "--certificate", mtls.write(f"mark-{client_id}", mark))

    eventually(lambda: mtls.passes_tls(mark), within=5)

    assert mtls.token("ada", ADA).status_code == 200


def test_the_methods_are_advertised_and_the_address_is_the_same(mtls):
    with mtls.http() as http:
        metadata = http.get("/.well-known/oauth-authorization-server").json()

    methods = metadata["token_endpoint_auth_methods_supported"]
    assert {"tls_client_auth", "self_signed_tls_client_auth"} < set(methods)
    assert metadata["tls_client_certificate_bound_access_tokens"] is True
    assert "mtls_endpoint_aliases" not in metadata


def served_certificate(port):
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_reads_the_certificate_anew_without_losing_a_connection(alone, tmp_path, workers):
    running = alone("--workers", workers)
    renewed = make("CN=renewed", issuer=CA, addresses=["127.0.0.1"])
    assert served_certificate(running.service.port) == SERVER.der
    with running.http() as http:
        renewed.write(tmp_path, "server")
        os.kill(running.service.process.pid, signal.SIGHUP)

        def all_renewed():
            assert http.get("/healthz").status_code == 200
            return {served_certificate(running.service.port) for _ in range(8)} == {renewed.der}

        eventually(all_renewed, within=60, every=0.1)


def test_after_sighup_a_withdrawn_authority_counts_no_more_and_a_broken_file_changes_nothing(
    alone, tmp_path
):
    (tmp_path / "clients.pem").write_bytes(CA.pem)
    running = alone("--tls-client-ca", str(tmp_path / "clients.pem"))
    running.create("ada", "--subject-dn", "CN=ada,O=Example")
    assert running.token("ada", ADA).status_code == 200

    (tmp_path / "clients.pem").write_text("half a fi")
    os.kill(running.service.process.pid, signal.SIGHUP)
    eventually(lambda: "tls_not_reloaded" in running.service.log)
    assert running.token("ada", ADA).status_code == 200

    (tmp_path / "clients.pem").write_bytes(make("CN=other authority", is_ca=True).pem)
    os.kill(running.service.process.pid, signal.SIGHUP)
    eventually(lambda: "tls_reloaded" in running.service.log)
    assert running.token("ada", ADA).status_code == 401


def test_a_service_with_self_signed_clients_alone_needs_no_authority(alone):
    running = alone("--tls-self-signed-clients")
    own = make("CN=own", is_ca=None)
    running.create("own", "--certificate", running.write("own", own))

    eventually(lambda: running.passes_tls(own), within=5)
    assert running.token("own", own).status_code == 200
    with running.http() as http:
        metadata = http.get("/.well-known/oauth-authorization-server").json()
    assert "tls_client_auth" not in metadata["token_endpoint_auth_methods_supported"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--tls-client-ca", "ca.pem"), "TOKENBOOTH_TLS_CERT"),
        (("--tls-cert", "no.pem", "--tls-key", "no.key"), "No such file"),
        (("--tls-cert", "ca.pem", "--tls-key", "other.key"), "cannot be used"),
        (
            ("--tls-cert", "server.pem", "--tls-key", "server.key", "--tls-client-ca", "text"),
            "no PEM certificates",
        ),
        (("--client-certificate-header", "Client Cert"), "TOKENBOOTH_CLIENT_CERTIFICATE_HEADER"),
        (("--mtls-url", "http://auth.example.com"), "TOKENBOOTH_MTLS_URL"),
    ],
)
def test_files_and_settings_that_cannot_be_used_are_refused_at_the_start(tmp_path, options, told):
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    (tmp_path / "other.key").write_bytes(ADA.key_pem)
    (tmp_path / "text").write_text("text")
    SERVER.write(tmp_path, "server")
    paths = [str(tmp_path / each) if (tmp_path / each).exists() else each for each in options]

    ended = run_program("serve", "--port", "0", *paths)

    assert ended.returncode == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
