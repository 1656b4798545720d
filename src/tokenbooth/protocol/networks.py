"""Networks of IP addresses, as operators write them: CIDR, separated by commas."""

import re
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Networks = tuple[IPv4Network | IPv6Network, ...]

# Some proxies forward the caller's port along with the address.
_WITH_PORT = re.compile(r"(?:\[([^\[\]]+)\]|([0-9.]+))(?::[0-9]{1,5})?", re.ASCII)
_MAPPED = IPv6Network("::ffff:0:0/96")


def parse_networks(text: str) -> Networks:
    """Read comma-separated CIDR networks; raises ValueError that names the bad one."""
    return tuple(parse_network(part.strip()) for part in text.split(",") if part.strip())


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """Read one CIDR network, or an address that stands for itself; raises ValueError."""
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        address = IPv4Address(int(network.network_address) & 0xFFFF_FFFF)
        return IPv4Network((address, network.prefixlen - _MAPPED.prefixlen))
    return network


def bare_address(text: str) -> IPv4Address | IPv6Address:
    """Return the address that `text` means, without a port; raises ValueError if it is none."""
    with_port = _WITH_PORT.fullmatch(text)
    address = ip_address(text if with_port is None else with_port[1] or with_port[2])
    # A socket for both versions shows IPv4 callers as ::ffff:192.0.2.1.
    return getattr(address, "ipv4_mapped", None) or address


def is_within(address: str, networks: Networks) -> bool:
    """Whether the address is in one of the networks; what is no address is in none."""
    try:
        parsed = bare_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
