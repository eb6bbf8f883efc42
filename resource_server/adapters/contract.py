"""What a framework has to offer so that `@guard.requires(...)` works on its endpoints.

An adapter for such a framework has a function `door()` that returns one; everything else an adapter does is a plain function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from resource_server.guard import Guard
    from resource_server.principal import Principal
    from resource_server.verifier.errors import TokenRefused


class Door(Protocol):
    """How a decorated endpoint finds its request, its caller, and the words to refuse in. Holds no state."""

    def find_request(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any | None:
        """Return the request that an endpoint was called for, or None if it is not one of this framework."""

    def find_principal(self, request: Any, guard: Guard) -> Principal | None:
        """Return the caller that this very guard has verified for the request already."""

    def authenticate(self, request: Any, guard: Guard) -> Principal:
        """Verify the request's token and note the caller (TokenRefused)."""

    async def aauthenticate(self, request: Any, guard: Guard) -> Principal:
        """Like `authenticate`, without blocking the event loop."""

    def refuse(self, request: Any, refusal: TokenRefused, guard: Guard) -> Any:
        """Return the framework's response to a refused request."""
