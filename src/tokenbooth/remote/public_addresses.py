"""Which network addresses are public: reachable by everybody, so that reaching them tells nothing.

What a stranger names must not make us call this machine, its neighbours or the cloud's metadata
service (CVE-2026-104056 and its kind).
"""

import ipaddress

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1: an IPv4 address in IPv6
# Tunnels and translations which hide an IPv4 address in ways that differ from host to host.
_HIDING = tuple(
    ipaddress.IPv6Network(text) for text in ("2002::/16", "2001::/32", "64:ff9b:1::/48")
)
# Providers answer here with the machine's own credentials; both are public by their number.
_METADATA_SERVICES = frozenset(
    map(ipaddress.ip_address, ("168.63.129.16", "100.100.100.200", "192.0.0.192"))
)


def is_public(text: str) -> bool:
    """Tell whether an IP address, as a resolver writes it, is a public one."""
    try:
        return _is_public(ipaddress.ip_address(text))
    except ValueError:
        return False


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped
        if inside is None and address in _NAT64:
            inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inside is not None:
            return _is_public(inside)
        if address.is_site_local or address.scope_id or any(address in net for net in _HIDING):
            return False
    if address.is_multicast or address.is_reserved or address in _METADATA_SERVICES:
        return False
    return address.is_global
