"""What pages refer to, and addresses that other software knows by heart."""

from __future__ import annotations

from auth_server.web.door import Door
from auth_server.web.page_door import see_other
from auth_server.web.request import Request
from auth_server.web.responses import Response


class Asset(Door):
    """The stylesheet, or the logo: under an address that changes with it, so a browser keeps it for good."""

    methods = ("GET",)

    def __init__(self, path: str, response: Response) -> None:
        self.path = path  # type: ignore[misc]  # one class, a door for each
        self._response = response

    async def answer(self, request: Request) -> Response:
        """Answer with it."""
        return self._response


class ChangePassword(Door):
    """`/.well-known/change-password`: where password managers lead people (W3C, A Well-Known URL for Changing Passwords)."""

    path = "/.well-known/change-password"
    methods = ("GET",)

    async def answer(self, request: Request) -> Response:
        """Lead to the page."""
        return see_other("/account/password")
