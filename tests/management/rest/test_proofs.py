"""What clients prove themselves with that is no secret, added over HTTP."""

import datetime as dt

import pytest

from tests.protocol.certificates import make
from tokenbooth.protocol.certificate import thumbprint

SHOWN = make(not_after=dt.datetime(2100, 1, 1, tzinfo=dt.UTC))  # whatever day the desk travels to
CI = {"issuer": "https://ci.example.com", "rules": ["sub=project:app"]}
WORKLOAD = {
    "id": "spiffe://example.org/app",
    "trust_domain": "example.org",
    "bundle_endpoint": "https://bundles.example.org",
}


async def add(desk, client_id, kind, body):
    return await desk.call("POST", f"/clients/{client_id}/credentials/{kind}", body)


async def test_adds_a_certificate(desk, mine):
    body = {"certificate": SHOWN.pem.decode(), "label": "rack 4", "expires_in": 3600}

    added = await add(desk, mine, "certificates", body)
    again = await add(desk, mine, "certificates", body)

    assert added.status_code == 201, added.text
    (credential,) = added.json()["credentials"]
    assert (credential["hint"], credential["label"]) == (thumbprint(SHOWN.der), "rack 4")
    assert "self_signed_tls_client_auth" in added.json()["auth_methods"]
    assert again.status_code == 409


@pytest.mark.parametrize(
    ("kind", "body", "method"),
    [
        ("certificates", {"subject_dn": "CN=app,O=Acme"}, "tls_client_auth"),
        ("certificates", {"san_dns": "app.example.com"}, "tls_client_auth"),
        ("federated-identities", {"trust": CI}, "federated_jwt"),
        ("federated-identities", {"spiffe": WORKLOAD}, "spiffe_jwt"),
    ],
)
async def test_adds_what_others_vouch_for(desk, mine, kind, body, method):
    added = await add(desk, mine, kind, body)

    assert added.status_code == 201, added.text
    assert method in added.json()["auth_methods"]
    client = (await desk.call("GET", f"/clients/{mine}")).json()
    assert added.json()["credentials"][0] in client["credentials"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("certificates", {}),
        ("certificates", {"san_dns": "a.example.com", "san_ip": "192.0.2.1"}),
        ("certificates", {"certificate": "no certificate"}),
        ("certificates", {"certificate": "-----BEGIN PRIVATE KEY-----" + SHOWN.pem.decode()}),
        ("federated-identities", {}),
        ("federated-identities", {"trust": CI, "spiffe": WORKLOAD}),
        ("federated-identities", {"trust": CI | {"rules": []}}),
        ("federated-identities", {"trust": CI | {"issuer": "http://ci.example.com"}}),
        ("federated-identities", {"spiffe": WORKLOAD | {"id": "spiffe://elsewhere.org/app"}}),
        ("federated-identities", {"trust": CI | {"unheard": "of"}}),
    ],
)
async def test_refuses_what_proves_nothing(desk, mine, kind, body):
    before = (await desk.call("GET", f"/clients/{mine}")).json()

    answer = await add(desk, mine, kind, body)

    assert answer.status_code in {400, 422}, answer.text
    assert (await desk.call("GET", f"/clients/{mine}")).json() == before
