"""The MCP Python SDK: a token verifier, and the settings that go with it (RFC 9728, RFC 8707).

    server = MCPServer("orders", token_verifier=guard.mcp(), auth=guard.mcp_auth("orders:read"))
    app = guard.wrap(server.streamable_http_app(), "orders:read")

The verifier alone makes the server safe; the SDK then answers in its own words, and has none for "cannot decide now". `guard.wrap` around
it gives the kit's answers, 503 among them, and the second look at the token comes from memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from resource_server.verifier.errors import TokenRefused, Undecided

if TYPE_CHECKING:
    from mcp.server.auth.provider import AccessToken
    from mcp.server.auth.settings import AuthSettings

    from resource_server.guard import Guard


class GuardTokenVerifier:
    """Verifies tokens for the SDK, whose own checks (scopes, resource, time) follow."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what the SDK needs of a good token, and None for any other.

        Raises:
            Undecided: it cannot be decided now; to say "not good" would make clients throw good tokens away.
        """
        from mcp.server.auth.provider import AccessToken

        try:
            who = await self._guard.averify(token)
        except Undecided:
            raise
        except TokenRefused as refusal:
            self._guard.answer(refusal)  # for the operator's log; the SDK writes the answer
            return None
        return AccessToken(
            token=who.raw,
            client_id=who.client_id,
            scopes=sorted(who.scopes),
            expires_at=who.expires_at,
            resource=self._guard.resource,
            subject=who.sub,
            claims=dict(who.claims),
        )


def token_verifier(guard: Guard) -> GuardTokenVerifier:
    """Return the `token_verifier` of an MCP server."""
    return GuardTokenVerifier(guard)


def auth_settings(guard: Guard, scopes: Sequence[str]) -> AuthSettings:
    """Return the `auth` of an MCP server.

    Raises:
        ValueError: the audience is no web address, which MCP needs it to be.
    """
    from mcp.server.auth.settings import AuthSettings

    settings: dict[str, Any] = {
        "issuer_url": guard.policy.issuer,
        "resource_server_url": guard.resource,
        "required_scopes": list(scopes) or None,
        "validate_token_resource": True,
    }
    return AuthSettings(**settings)
