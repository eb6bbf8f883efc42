"""What an endpoint of the protocol must do: be a door, and say what it adds to the metadata document."""

from __future__ import annotations

from auth_server.web.door import Door


class Endpoint(Door):
    """One endpoint of the metadata document (RFC 8414 section 2)."""

    def metadata(self, issuer: str) -> dict[str, object]:
        """Return the members this endpoint adds; URLs start with the configured issuer, never with what a request says."""
        return {}
