"""What a request says about its sender, as the rest of the server may know it: an address, an identifier, a device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """Facts for limits and the audit log.

    `address` is the client's IP address as text, behind trusted proxies the forwarded one; `request_id` ties log lines, audit events
    and the answer's `X-Request-Id` together; `known_device` is the value of the known-device cookie, unchecked.
    """

    address: str
    request_id: str
    known_device: str | None = None
