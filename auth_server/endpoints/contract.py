"""What an endpoint of the protocol must do: be a door, and say what it adds to the metadata document."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

from auth_server.protocol.errors import ApiError, InternalError, OAuthError
from auth_server.web.door import Door
from auth_server.web.failures import error_page, failure_of
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response


class Endpoint(Door):
    """One endpoint of the metadata document (RFC 8414 section 2)."""

    def metadata(self, issuer: str) -> dict[str, object]:
        """Return the members this endpoint adds; URLs start with the configured issuer, never with what a request says."""
        return {}


class BrowserEndpoint(Endpoint):
    """An endpoint that a person's browser comes to: what cannot go back to a client is told on a page of ours."""

    def __init__(self, kit: PageKit) -> None:
        self._kit = kit

    async def answer(self, request: Request) -> Response:
        """Answer a browser. Who only asks for the headers is refused: a look must not make a code or end a session."""
        if request.method == "HEAD":
            return self.refuse_method(request, ", ".join(self.methods).encode("ascii"))
        return await self.answer_browser(request)

    @abstractmethod
    async def answer_browser(self, request: Request) -> Response:
        """Answer a request that may change something."""

    def refuse(self, request: Request, error: OAuthError | ApiError | InternalError) -> Response:
        """Show a refusal; why stands in the log alone."""
        page = error_page(self._kit, request, failure_of(error))
        return replace(page, detail=error.detail) if isinstance(error, OAuthError) else page
