"""Networks and addresses as operators and proxies write them."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbooth.protocol.networks import bare_address, is_within, parse_network, parse_networks


@pytest.mark.parametrize(
    "text",
    ["192.0.2.7", "192.0.2.7:443", "::ffff:192.0.2.7", "[::ffff:192.0.2.7]:443", "::ffff:c000:207"],
)
def test_one_address_is_the_same_in_every_spelling(text):
    assert bare_address(text) == ip_address("192.0.2.7")


@pytest.mark.parametrize(
    "text", ["", "x", "192.0.2", "192.0.2.7:", "192.0.2.7:x", "[]", "[]:1", "2001:db8::1]", "::1:x"]
)
def test_what_is_no_address_is_in_no_network(text):
    assert not is_within(text, parse_networks("0.0.0.0/0, ::/0"))


def test_a_network_of_mapped_addresses_is_the_ipv4_network():
    assert str(parse_network("::ffff:10.0.0.0/104")) == "10.0.0.0/8"
    assert is_within("10.1.2.3", parse_networks("::ffff:10.0.0.0/104"))


def test_a_network_with_bits_beside_its_mask_is_refused():
    with pytest.raises(ValueError, match="host bits"):
        parse_networks("10.0.0.0/8, 192.0.2.7/24")


@given(st.ip_addresses())
def test_every_address_is_within_itself_and_its_whole(address):
    whole = parse_networks("0.0.0.0/0, ::/0")
    assert is_within(str(address), whole)
    assert is_within(str(address), (parse_network(str(address)),))


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_none(text):
    assert is_within(text, parse_networks("0.0.0.0/0, ::/0")) in (True, False)
