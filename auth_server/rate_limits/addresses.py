"""Which addresses count as one place."""

from __future__ import annotations

import ipaddress
from typing import Final

# What one subscriber can change at will: the host part of an IPv4 network, and of an IPv6 delegation (RFC 6177: /56 for a home).
_IPV4_BITS: Final = 24
_IPV6_BITS: Final = 56
_LONGEST_TEXT: Final = 64


def single_address(address: str) -> str:
    """Return what one sender cannot easily change: an IPv4 address itself, of an IPv6 address its /56."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:_LONGEST_TEXT]
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else parsed
    return place_of(address) if mapped is None else str(mapped)


def place_of(address: str) -> str:
    """Return the network that an address belongs to, /24 or /56, as text; an IPv4 address in IPv6 form counts as IPv4.

    What is no address (a socket's name) is a place of its own.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:_LONGEST_TEXT]
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    bits = _IPV4_BITS if parsed.version == 4 else _IPV6_BITS
    # A zone (fe80::1%eth0) names an interface of ours, not a place.
    return str(ipaddress.ip_network((int(parsed), bits) if parsed.version == 4 else (parsed.packed, bits), strict=False))
