"""Which network addresses an outgoing request may reach: the public Internet, and what policy adds."""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The blocks of the IANA special-purpose registries (RFC 6890) that are not reachable on the public
# Internet, and multicast. Our own list: what the standard library counts as global changes with its version.
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
# Of IPv6, only global unicast is public, less its special blocks (protocol assignments, documentation).
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_SPECIAL_UNICAST = tuple(
    ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
# Forms that carry an IPv4 address to which the packet may end up going (RFC 4291, 6052).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")
_LOWEST_COMPATIBLE = 0x10000


def is_allowed(address: Address, networks: tuple[Network, ...] = ()) -> bool:
    """Whether an address may be connected to: public, or in one of the networks."""
    address = _effective(address)
    return any(address in network for network in networks) or is_public(address)


def is_public(address: Address) -> bool:
    """Whether an address is reachable on the public Internet by the registries."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _SPECIAL)
    return address in _GLOBAL_UNICAST and not any(address in network for network in _SPECIAL_UNICAST)


def _effective(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 form carries, where it carries one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    compatible = address in _IPV4_COMPATIBLE and int(address) >= _LOWEST_COMPATIBLE
    if address in _NAT64 or compatible:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
