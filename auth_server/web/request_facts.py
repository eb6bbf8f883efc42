"""What a request says about its sender, as the rest of the server may know it: an address, an identifier, a device."""

from __future__ import annotations

import ipaddress
import itertools
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NUMBERS: Final = itertools.count(secrets.randbits(63))
_WELL_FORMED_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """Facts for limits and the audit log.

    `address` is the client's IP address as text, behind trusted proxies the forwarded one; `request_id` ties log lines, audit events
    and the answer's `X-Request-Id` together; `known_device` is the value of the known-device cookie, unchecked.
    """

    address: str
    request_id: str
    known_device: str | None = None


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return the networks of a list of addresses and networks.

    Raises:
        ValueError: one of them is neither.
    """
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def client_address(peer: str, forwarded_for: Sequence[bytes], trusted: Sequence[Network]) -> str:
    """Return the address of the client: the nearest one that is not a proxy of ours.

    `X-Forwarded-For` is read from its right end, where our own proxies write; what stands left of the first untrusted address was
    written by a stranger and counts for nothing.
    """
    address = peer
    hops = [part.strip() for line in forwarded_for for part in line.decode("latin-1").split(",")]
    while trusted and hops and _is_within(address, trusted):
        address = hops.pop()
    return address if _parsed(address) is not None else peer


def request_id(sent: bytes | None) -> str:
    """Return the sender's request id when it is well-formed, else a new one."""
    if sent is not None and _WELL_FORMED_ID.fullmatch(sent):
        return sent.decode("ascii")
    # Unlike any other, and no secret: a random start for each process, then counted.
    return f"{next(_NUMBERS):016x}"


def _is_within(address: str, networks: Sequence[Network]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    # A listener on `::` sees an IPv4 peer as `::ffff:10.0.0.1` (RFC 4291 section 2.5.5.2).
    return getattr(parsed, "ipv4_mapped", None) or parsed
