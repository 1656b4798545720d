"""GHSA-3qh5-qqj2-c78f: a good certificate of one client, sent with the client_id of another."""

import json

import pytest

from tests.protocol.certificates import make
from tests.server.booths import FORM, http_scope, make_template, running
from tokenbooth.clock import TravelClock
from tokenbooth.protocol.certificate import SELF_SIGNED, TLS, read_certificate
from tokenbooth.server.client_certificates import certificate_data
from tokenbooth.server.records import Credential
from tokenbooth.server.settings import Settings
from tokenbooth.server.shown_certificate import DER_KEY, VERIFIED_KEY

CA = make("CN=authority", is_ca=True)
ADA = make("CN=ada", issuer=CA)
OWN = make("CN=own")
# Same names as the victims have, by makers of their own.
LOOKALIKES = (make("CN=ada"), make("CN=own"), make("CN=ada", issuer=OWN))


@pytest.fixture
async def ask(tmp_path):
    clock = TravelClock()
    settings = Settings(database=f"sqlite:///{tmp_path}/booth.db")
    await make_template(settings, clock)
    async with running(settings, clock) as town:
        await town.add_api("persons", "urn:persons", "persons:read")
        own = certificate_data(read_certificate(OWN.der))
        for client_id, method, data in (
            ("ada", TLS, json.dumps({"subject_dn": "CN=ada"})),
            ("bob", TLS, json.dumps({"subject_dn": "CN=bob"})),
            ("own", SELF_SIGNED, own),
        ):
            await town.add_client(client_id, auth_methods=(method,))
            await town.store.add_credential(
                Credential(
                    id=client_id,
                    issuer="default",
                    client_id=client_id,
                    kind="certificate",
                    data=data,
                    created_at=0,
                )
            )
        clock.travel(read_certificate(ADA.der).not_before + 1 - clock.now())
        await town.registry.refresh()

        async def status_of(client_id, identity, *, is_verified):
            scope = http_scope(headers=[FORM])
            scope["state"] = {DER_KEY: identity.der, VERIFIED_KEY: is_verified}
            body = f"grant_type=client_credentials&client_id={client_id}".encode()
            sent = []

            async def receive():
                return {"type": "http.request", "body": body}

            async def send(message):
                sent.append(message)

            await town.app(scope, receive, send)
            return sent[0]["status"]

        yield status_of


async def test_a_certificate_opens_its_own_client_alone(ask):
    good = [
        (client_id, name)
        for client_id in ("ada", "bob", "own", "nobody")
        for name, identity in (("ADA", ADA), ("OWN", OWN))
        if await ask(client_id, identity, is_verified=identity is ADA) == 200
    ]

    assert good == [("ada", "ADA"), ("own", "OWN")]


@pytest.mark.parametrize("lookalike", LOOKALIKES)
async def test_a_lookalike_opens_none(ask, lookalike):
    for client_id in ("ada", "bob", "own"):
        assert await ask(client_id, lookalike, is_verified=False) == 401
