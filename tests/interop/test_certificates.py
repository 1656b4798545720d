"""Clients that others wrote, with TLS certificates: in JavaScript, by undici, and in Python."""

import ssl

import pytest
import requests
from authlib.integrations.httpx_client import OAuth2Client as AuthlibClient
from requests_oauth2client import OAuth2Client

from tests.end_to_end.service import assert_log_is_discreet, start_service
from tests.interop.javascript import Refused
from tests.protocol.certificates import make
from tests.server.booths import payload_of
from tokenbooth.management.service.apis import create_api
from tokenbooth.protocol.certificate import thumbprint

CA = make("CN=authority", is_ca=True)
ADA = make("CN=ada,O=Example", issuer=CA)
STRANGER = make("CN=stranger,O=Example", issuer=CA)


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """A service behind TLS with two workers, and its client `ada`, known by certificate."""
    folder = tmp_path_factory.mktemp("tls")
    (folder / "ca.pem").write_bytes(CA.pem)
    certificate, key = make("CN=service", issuer=CA, addresses=["127.0.0.1"]).write(folder, "own")
    authority = str(folder / "ca.pem")
    service = start_service(
        folder / "service",
        *("--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", authority),
        *("--workers", "2"),
        authority=authority,
    )
    service.manage(
        lambda booth: create_api(booth, name="p", audience="https://p.example", scopes="read")
    )
    service.told(
        *("clients", "create", "--id", "ada", "--api", "p", "--subject-dn", "CN=ada,O=Example")
    )
    yield service
    service.stop()
    assert_log_is_discreet(service)


def _by(identity):
    pem = {"ca": CA.pem, "cert": identity.pem, "key": identity.key_pem}
    files = {name: data.decode() for name, data in pem.items()}
    return {"client_id": "ada", "method": "tls_client_auth", "tls": files}


@pytest.mark.parametrize("library", ["oauth4webapi", "openid-client"])
def test_javascript_clients_prove_themselves_by_certificate(tls, javascript, library):
    service = {"issuer": tls.url, "by": _by(ADA)}
    token = javascript(library, "token", **service)["access_token"]
    bound_to = {"x5t#S256": thumbprint(ADA.der)}
    assert payload_of(token)["cnf"] == bound_to
    told = javascript(library, "introspect", token=token, **service)
    assert (told["active"], told["cnf"]) == (True, bound_to)
    javascript(library, "revoke", token=token, **service)
    assert javascript(library, "introspect", token=token, **service) == {"active": False}


@pytest.mark.parametrize("library", ["oauth4webapi", "openid-client"])
def test_the_certificate_of_another_is_refused(tls, javascript, library):
    with pytest.raises(Refused) as refused:
        javascript(library, "token", issuer=tls.url, by=_by(STRANGER))
    assert refused.value.status == 401


def test_requests_oauth2client_proves_itself_by_certificate(tls, tmp_path):
    with requests.Session() as session:
        session.trust_env = False
        session.cert = ADA.write(tmp_path, "ada")
        session.verify = str(tls.folder.parent / "ca.pem")
        client = OAuth2Client.from_discovery_endpoint(
            f"{tls.url}/.well-known/openid-configuration",
            issuer=tls.url,
            auth="ada",
            session=session,
            testing=True,  # an address without a domain name
        )
        token = client.client_credentials()
        told = client.introspect_token(token)
    assert told["cnf"] == {"x5t#S256": thumbprint(ADA.der)}


def test_authlib_proves_itself_by_certificate(tls, tmp_path):
    trust = ssl.create_default_context(cafile=tls.folder.parent / "ca.pem")
    trust.load_cert_chain(*ADA.write(tmp_path, "ada"))
    # Authlib's "none" names the client in the body; the certificate proves it.
    with AuthlibClient(
        "ada", token_endpoint_auth_method="none", verify=trust, trust_env=False
    ) as client:
        token = client.fetch_token(f"{tls.url}/oauth2/token", grant_type="client_credentials")
    assert payload_of(token["access_token"])["cnf"] == {"x5t#S256": thumbprint(ADA.der)}
