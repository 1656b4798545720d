"""CVE-2026-118669: the client is who proved itself, never who the body names."""

import base64

import pytest

from tokenbooth.protocol.client_auth import PresentedSecret, read_client
from tokenbooth.protocol.errors import InvalidRequest
from tokenbooth.protocol.form import CONTENT_TYPE, Form, encode_form, parse_form


def form(**parameters: str) -> Form:
    return parse_form(encode_form(parameters.items()), CONTENT_TYPE)


def basic(text: str) -> tuple[str]:
    return ("Basic " + base64.b64encode(text.encode()).decode(),)


@pytest.mark.parametrize("named", ["victim", "Attacker", "attacker ", "attacke", "attacker%20"])
def test_basic_as_one_client_and_a_body_naming_another_is_refused(named):
    with pytest.raises(InvalidRequest) as refused:
        read_client(form(client_id=named), basic("attacker:secret"))

    assert refused.value.reason == "two_clients"


def test_the_reading_kept_is_of_the_client_that_the_body_names():
    # "a+b" is client "a b" when form-encoded; the body may not name one and authenticate the other.
    presented = read_client(form(client_id="a+b"), basic("a+b:secret"))

    assert isinstance(presented, PresentedSecret)
    assert presented.client_id == "a+b"
    assert presented.raw_reading is None


def test_proof_in_the_body_counts_for_the_body_alone():
    with pytest.raises(InvalidRequest):
        read_client(form(client_id="victim", client_secret="guess"), basic("attacker:secret"))
