"""What clients prove themselves with that is no secret, and who may add it."""

import pytest

from tokenbooth.management.clients.clients import create_client
from tokenbooth.management.clients.federation import trusted_issuer
from tokenbooth.management.clients.proofs import add_proofs
from tokenbooth.management.clients.public_keys import key_place
from tokenbooth.management.errors import NotAllowed
from tokenbooth.management.people.accounts import create_account
from tokenbooth.management.rights import ROLES
from tokenbooth.server.actor import Actor


async def test_an_account_brings_its_keys_but_no_issuer_that_writes_into_its_tokens(booth):
    await create_account(booth, name="acme")
    await create_client(booth, client_id="app", apis=["persons"], account="acme")
    acme = booth.acting_as(Actor(kind="member", rights=ROLES["owner"], account="acme"))
    theirs = trusted_issuer("https://ci.example.com", rules=["sub=project:app"])
    # Once it has the grant for it, nothing about the client itself changes by another one.
    await add_proofs(booth, "app", [theirs])
    another = trusted_issuer(
        "https://acme.example.com", rules=["sub=app"], copied_claims=["tier", "roles"]
    )

    with pytest.raises(NotAllowed, match="Only an operator lets another issuer speak"):
        await add_proofs(acme, "app", [another])
    await add_proofs(acme, "app", [key_place("https://keys.example.com/jwks")])
