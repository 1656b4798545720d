"""CVE-2026-116672: a registration token opens the entry of its own client alone."""

from dataclasses import replace

import pytest

from tokenbooth.protocol.errors import BadRegistrationToken
from tokenbooth.protocol.secret import Secret
from tokenbooth.server.records import Client, ClientPolicy
from tokenbooth.server.registration_tokens import RegistrationOffice
from tokenbooth.server.secrets import SecretOffice

OFFICE = RegistrationOffice(SecretOffice(b"pepper"))
MINE = Client(
    issuer="default",
    client_id="mine",
    created_at=0.0,
    updated_at=0.0,
    policy=ClientPolicy(registration="first"),
)


def test_it_opens_its_own_entry():
    token = OFFICE.of_client(MINE)

    assert OFFICE.open_of_client(token, issuer="default", client_id="mine") == "first"


@pytest.mark.parametrize(
    ("issuer", "client_id"),
    [("default", "other"), ("other", "mine"), ("default", ""), ("default", "MINE")],
)
def test_it_opens_no_other_entry(issuer, client_id):
    with pytest.raises(BadRegistrationToken):
        OFFICE.open_of_client(OFFICE.of_client(MINE), issuer=issuer, client_id=client_id)


def test_it_names_the_registration_so_that_a_later_client_of_that_id_is_another():
    later = replace(MINE, policy=ClientPolicy(registration="second"))

    opened = OFFICE.open_of_client(OFFICE.of_client(MINE), issuer="default", client_id="mine")

    assert opened != later.policy.registration


def test_a_token_of_another_service_opens_nothing():
    foreign = RegistrationOffice(SecretOffice(b"another pepper")).of_client(MINE)

    with pytest.raises(BadRegistrationToken):
        OFFICE.open_of_client(foreign, issuer="default", client_id="mine")


@pytest.mark.parametrize("text", ["", "x", "tbg_", "tbi_AAAA", "tbg_" + "A" * 20_000])
def test_what_is_no_such_token_opens_nothing(text):
    with pytest.raises(BadRegistrationToken):
        OFFICE.open_of_client(Secret(text), issuer="default", client_id="mine")
