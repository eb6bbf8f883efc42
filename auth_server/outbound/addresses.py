"""Where a request may go: which URLs, and which addresses behind their names."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_MAX_URL: Final = 2_048
_PORT: Final = 443

# `is_global` knows the registries of special addresses (RFC 6890); what carries or maps an IPv4 address is refused as a whole, since
# the inner address is what would be reached: v4-mapped and v4-compatible, NAT64 (RFC 6052, RFC 8215), 6to4, Teredo, and site-local.
_TUNNELS: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10")
)
# Versions of Python differ about these: IETF protocol assignments, and the old 6to4 relays (RFC 7526).
_SPECIAL: Final = tuple(map(ipaddress.IPv4Network, ("192.0.0.0/24", "192.88.99.0/24")))


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be asked for, taken apart: `host` in lower case, `path` with its query as it is sent."""

    host: str
    path: str


def parse_url(url: str) -> Target:
    """Take an https URL apart.

    Raises:
        ValueError: another scheme, another port, a user name, a fragment, no host, too long, or not printable ASCII.
    """
    if len(url) > _MAX_URL or not url.isascii() or not url.isprintable() or any(c in url for c in ' \\"<>'):
        raise ValueError("must be printable ASCII of at most 2048 characters")
    parts = urlsplit(url)
    if parts.scheme != "https":
        raise ValueError("must be https")
    if parts.username is not None or parts.password is not None or "#" in url:
        raise ValueError("must have no user name and no fragment")
    if not parts.hostname or parts.port not in (None, _PORT):
        raise ValueError("must name a host, and no port but 443")
    return Target(parts.hostname, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def url_fault(url: str) -> str | None:
    """Return what is wrong with a URL that this server would have to fetch, or None. A host written as an address is judged here."""
    try:
        host = parse_url(url).host
    except ValueError as error:
        return str(error)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "must be a host that others can reach" if _is_local_name(host) else None
    return None if is_public(str(address)) else "must not be a private address"


def is_public(address: str) -> bool:
    """Say whether an address is one of the open internet; what cannot be read is not."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and (parsed.scope_id or any(parsed in network for network in _TUNNELS)):
        return False
    if isinstance(parsed, ipaddress.IPv4Address) and any(parsed in network for network in _SPECIAL):
        return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved and not parsed.is_unspecified


def _is_local_name(host: str) -> bool:
    # A name without a dot is looked up in the search domains of whoever runs this server (RFC 6761 section 6.3 for localhost); `.svc`
    # are the services of a Kubernetes cluster.
    return "." not in host.rstrip(".") or host.rstrip(".").endswith((".localhost", ".local", ".internal", ".svc"))
