"""A token source with a TLS certificate, against the real program over real TLS."""

import contextlib
import logging
import os
import socket
import ssl
import threading
from typing import Annotated

import httpx2
import pytest
import uvicorn
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from fastapi import FastAPI

from tests.end_to_end.service import eventually, run_program
from tests.end_to_end.test_tls import ADA, BOB, CA, SERVER, start
from tests.protocol.certificates import make
from tests.server.booths import payload_of
from tokenbooth.client import ConfigurationRefused, TokenRequestRefused, TokenSource
from tokenbooth.client.certificate import ClientCertificate
from tokenbooth.guard import Caller, Guard
from tokenbooth.guard.uvicorn import CertificateProtocol
from tokenbooth.protocol.certificate import thumbprint
from tokenbooth.remote.fetch import HttpFetch


@pytest.fixture(scope="module")
def mtls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mtls")
    running = start(folder, "--tls-client-ca", str(folder / "ca.pem"))
    running.create("ada", "--subject-dn", "CN=ada,O=Example")
    yield running
    running.service.stop()


@pytest.fixture
def trust(mtls):
    return ssl.create_default_context(cafile=str(mtls.folder / "ca.pem"))


def source_of(mtls, trust, files, **more):
    return TokenSource(
        issuer=mtls.service.url, client_id="ada", certificate=files, tls=trust, **more
    )


def bound_to(token):
    return payload_of(token.access_token)["cnf"]["x5t#S256"]


def test_the_certificate_alone_proves_who_the_client_is(mtls, trust, tmp_path):
    with source_of(mtls, trust, ADA.write(tmp_path, "ada")) as source:
        assert bound_to(source.token()) == thumbprint(ADA.der)


def test_one_file_may_hold_certificate_and_key(mtls, trust, tmp_path):
    (tmp_path / "both.pem").write_bytes(ADA.key_pem + ADA.pem)

    with source_of(mtls, trust, str(tmp_path / "both.pem")) as source:
        assert source.token()


def test_beside_a_secret_the_certificate_binds_the_token(mtls, trust, tmp_path, monkeypatch):
    made = mtls.create("bound", "--certificate-bound")
    monkeypatch.setenv("BOUND_SECRET", made["client_secret"])
    files = BOB.write(tmp_path, "bob")
    own = ssl.create_default_context(cafile=str(mtls.folder / "ca.pem"))
    url = mtls.service.url

    bound = TokenSource(
        issuer=url, client_id="bound", secret="env:BOUND_SECRET", certificate=files, tls=trust
    )
    without = TokenSource(issuer=url, client_id="bound", secret="env:BOUND_SECRET", tls=own)

    assert bound_to(bound.token()) == thumbprint(BOB.der)
    with pytest.raises(TokenRequestRefused, match="TLS certificate"):
        without.token()
    bound.close()
    without.close()


def test_another_clients_certificate_is_refused_in_words(mtls, trust, tmp_path):
    with (
        source_of(mtls, trust, BOB.write(tmp_path, "bob")) as source,
        pytest.raises(TokenRequestRefused, match="certificate") as caught,
    ):
        source.token()
    assert caught.value.code == "invalid_client"


def test_a_renewed_certificate_is_used_without_a_restart(mtls, trust, tmp_path, caplog):
    files = ADA.write(tmp_path, "ada")
    renewed = make("CN=ada,O=Example", issuer=CA)
    with source_of(mtls, trust, files) as source:
        first = source.token()
        (tmp_path / "ada.pem").write_text("half a fi")
        source.drop(first)
        source._own_fetch.close()
        second = source.token()
        renewed.write(tmp_path, "ada")
        later = (tmp_path / "ada.pem").stat().st_mtime_ns + 1
        os.utime(tmp_path / "ada.pem", ns=(later, later))
        source.drop(second)
        source._own_fetch.close()

        assert bound_to(second) == thumbprint(ADA.der)
        assert bound_to(source.token()) == thumbprint(renewed.der)
    assert "is not renewed" in caplog.text


@pytest.mark.parametrize("kind", ["missing", "text", "foreign key", "encrypted key", "odd"])
def test_files_that_cannot_be_used_are_refused_at_once(tmp_path, kind):
    certificate, key = ADA.write(tmp_path, "ada")
    if kind == "missing":
        key = str(tmp_path / "nothing")
    elif kind == "text":
        (tmp_path / "ada.pem").write_text("text")
    elif kind == "foreign key":
        (tmp_path / "ada.key").write_bytes(BOB.key_pem)
    elif kind == "encrypted key":
        (tmp_path / "ada.key").write_bytes(encrypted(ADA))
    files = (certificate, key, key) if kind == "odd" else (certificate, key)

    with pytest.raises(ConfigurationRefused, match="certificate"):
        TokenSource(issuer="https://a.example", client_id="ada", certificate=files)


def encrypted(identity):
    return identity.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )


def test_without_any_proof_a_source_is_refused():
    with pytest.raises(ConfigurationRefused, match="certificate"):
        TokenSource(issuer="https://a.example", client_id="ada")


def test_without_a_certificate_there_is_a_tls_context_too():
    source = TokenSource(issuer="https://a.example", client_id="ada", assertion=lambda: "x")
    assert source.tls_context().verify_mode is ssl.CERT_REQUIRED
    assert source.tls_context() is source.tls_context()


def test_files_are_read_anew_when_they_change_and_only_then(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    held = ClientCertificate(ADA.write(tmp_path, "ada"), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    held.refresh()
    (tmp_path / "ada.pem").unlink()
    held.refresh()
    held.refresh()

    assert caplog.text.count("is not renewed") == 1


def get_token(mtls, *options, **variables):
    trust = {"SSL_CERT_FILE": str(mtls.folder / "ca.pem")}
    return run_program(
        *("token", "get", "--issuer", mtls.service.url, "--client-id", "ada", *options),
        **trust | variables,
    )


def test_the_command_line_gets_tokens_by_certificate(mtls, tmp_path):
    certificate, key = ADA.write(tmp_path, "ada")
    (tmp_path / "both.pem").write_bytes(ADA.key_pem + ADA.pem)

    apart = get_token(mtls, "--certificate", certificate, "--certificate-key", key)
    together = get_token(mtls, "--certificate", str(tmp_path / "both.pem"))

    assert (apart.returncode, together.returncode) == (0, 0), apart.stderr + together.stderr
    assert payload_of(apart.stdout)["cnf"] == {"x5t#S256": thumbprint(ADA.der)}


def test_the_command_line_says_what_is_wrong_with_a_certificate(mtls, tmp_path):
    certificate, _ = ADA.write(tmp_path, "ada")
    stranger = get_token(mtls, "--certificate", certificate, "--certificate-key", certificate)
    alone = get_token(mtls, "--certificate-key", certificate, "--secret", "env:X", X="x")
    nothing = get_token(mtls)

    for ended in (stranger, alone, nothing):
        assert ended.returncode == 2
        assert "ertificate" in ended.stderr


@contextlib.contextmanager
def api_over_tls(app, folder):
    """Serve `app` as an API developer would, asking callers for certificates."""
    certificate, key = SERVER.write(folder, "api")
    (folder / "clients.pem").write_bytes(CA.pem)
    config = uvicorn.Config(
        app,
        http=CertificateProtocol,
        port=0,
        log_config=None,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_cert_reqs=ssl.CERT_OPTIONAL,
        ssl_ca_certs=str(folder / "clients.pem"),
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        eventually(lambda: server.started, within=20)
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def test_bound_tokens_of_the_source_pass_the_guard_with_its_certificate(mtls, trust, tmp_path):
    """The whole way: the API is served by our own TLS, as the service is."""
    fetch = HttpFetch(tls=ssl.create_default_context(cafile=str(mtls.folder / "ca.pem")))
    guard = Guard(issuer=mtls.service.url, audience="https://p.example", fetch=fetch)
    app = FastAPI()

    @app.get("/whoami")
    async def whoami(caller: Annotated[Caller, guard.require("read")]):
        return caller.client_id

    with (
        api_over_tls(app, tmp_path) as url,
        source_of(mtls, trust, ADA.write(tmp_path, "ada")) as source,
    ):
        own = ssl.create_default_context(cafile=str(mtls.folder / "ca.pem"))
        other = ssl.create_default_context(cafile=str(mtls.folder / "ca.pem"))
        other.load_cert_chain(*BOB.write(tmp_path, "bob"))
        bearer = {"Authorization": f"Bearer {source.token().access_token}"}

        with httpx2.Client(auth=source.auth, verify=source.tls_context()) as http:
            assert http.get(f"{url}/whoami").json() == "ada"
        for stolen in (own, other):
            with httpx2.Client(verify=stolen) as http:
                answer = http.get(f"{url}/whoami", headers=bearer)
                assert answer.status_code == 401
                assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    guard.close()
    fetch.close()
