"""Rich authorization requests, read strictly and within bounds (RFC 9396)."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.authorization_details import (
    DetailType,
    DetailTypesRefused,
    check_detail,
    is_within,
    read_details,
    read_types,
)
from tokenbooth.protocol.errors import InvalidAuthorizationDetails

AUDIENCE = "https://persons.example.com"
PAYMENT = DetailType(
    type="payment", actions=("read", "start"), datatypes=("balance",), fields=("amount",)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
DETAILS = st.lists(
    st.dictionaries(st.sampled_from(["type", "actions", "identifier", "x"]) | TEXTS, JSON),
    max_size=3,
)


@given(text=st.text(max_size=100) | DETAILS.map(json.dumps))
def test_any_text_is_read_or_refused_and_can_be_written_again(text):
    try:
        details = read_details(text)
    except InvalidAuthorizationDetails:
        return
    assert all(isinstance(each["type"], str) for each in details)
    assert msgspec.json.decode(msgspec.json.encode(details)) == json.loads(text)


def test_reads_what_the_rfc_shows():
    text = """[{"type": "payment_initiation",
        "actions": ["initiate", "status", "cancel"],
        "locations": ["https://example.com/payments"],
        "instructedAmount": {"currency": "EUR", "amount": "123.50"},
        "creditorName": "Merchant A"}]"""

    (detail,) = read_details(text)

    assert detail["instructedAmount"] == {"currency": "EUR", "amount": "123.50"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "[1]",
        "[{}]",
        '[{"type":1}]',
        '[{"type":""}]',
        '{"type":"payment"}',
        '[{"type":"payment","type":"payment"}]',
        '[{"type":"payment"}],"more":1',
        '[{"type":"payment","actions":"read"}]',
        '[{"type":"payment","actions":[1]}]',
        '[{"type":"payment","locations":[null]}]',
        '[{"type":"payment","identifier":7}]',
        '[{"type":"payment","x":NaN}]',
        '[{"type":"payment","x":1e999}]',
        '[{"type":"payment","x":123456789012345678901234567890}]',
        '[{"type":"payment","x":"\\ud800"}]',
        '[{"type":"a\\u0000b"}]',
        "[" * 100_000,
        '[{"type":"payment","x":' + "[" * 10 + "]" * 10 + "}]",
        json.dumps([{"type": "payment"}] * 17),
        json.dumps([{"type": "payment", "x": "\u20ac" * 1500}], ensure_ascii=False),
    ],
)
def test_refuses_what_is_malformed_or_too_much(text):
    with pytest.raises(InvalidAuthorizationDetails):
        read_details(text)


@pytest.mark.parametrize(
    "detail",
    [
        {"type": "payment"},
        {"type": "payment", "actions": ["start"], "datatypes": ["balance"], "amount": {"a": 1}},
        {"type": "payment", "locations": [AUDIENCE]},
        {"type": "payment", "actions": []},
    ],
)
def test_a_detail_says_what_its_type_allows(detail):
    check_detail(detail, PAYMENT, audience=AUDIENCE)


@pytest.mark.parametrize(
    "more",
    [
        {"actions": ["delete"]},
        {"actions": ["read", "delete"]},
        {"privileges": ["admin"]},
        {"datatypes": ["contacts"]},
        {"locations": ["https://elsewhere.example.com"]},
        {"identifier": "account-1"},
        {"creditor": "x"},
    ],
)
def test_a_detail_says_nothing_that_its_type_does_not_allow(more):
    with pytest.raises(InvalidAuthorizationDetails):
        check_detail({"type": "payment"} | more, PAYMENT, audience=AUDIENCE)


def test_details_are_compared_whole():
    granted = [{"type": "a", "x": [1, 2]}, {"type": "b"}]

    assert is_within([{"x": [1, 2], "type": "a"}], granted)
    assert not is_within([{"type": "a"}], granted)
    assert not is_within([{"type": "a", "x": [2, 1]}], granted)


def test_types_are_read_from_a_json_array():
    document = b'[{"type": "payment", "actions": ["read"], "fields": ["amount"]}]'

    assert read_types(document) == (
        DetailType(type="payment", actions=("read",), fields=("amount",)),
    )


@given(document=st.binary(max_size=60))
def test_any_document_is_read_or_refused(document):
    try:
        types = read_types(document)
    except DetailTypesRefused:
        return
    assert isinstance(types, tuple)


@pytest.mark.parametrize(
    "document",
    [
        b"{}",
        b"[{}]",
        b'[{"type":""}]',
        b'[{"type":"a"},{"type":"a"}]',
        b'[{"type":"a","fields":["type"]}]',
        b'[{"type":"a","fields":["actions"]}]',
        b'[{"type":"a","actions":[""]}]',
        b'[{"type":"a","actions":"read"}]',
    ],
)
def test_refuses_types_that_no_request_could_name(document):
    with pytest.raises(DetailTypesRefused):
        read_types(document)
