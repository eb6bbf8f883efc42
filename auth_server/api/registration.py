"""`POST /api/registration`: sign up."""

from __future__ import annotations

from auth_server.accounts.registration import Registration
from auth_server.api.members import text_member
from auth_server.web.door import Door
from auth_server.web.request import Request
from auth_server.web.responses import Response, json_response


class RegistrationDoor(Door):
    """JSON `username`, `email`, `password`; 201 with `sub` and `username`."""

    path = "/api/registration"
    methods = ("POST",)

    def __init__(self, registration: Registration) -> None:
        self._registration = registration

    async def answer(self, request: Request) -> Response:
        """Answer a sign-up."""
        body = await request.json()
        account = await self._registration.register(
            username=text_member(body, "username"),
            email=text_member(body, "email"),
            password=text_member(body, "password"),
            facts=request.facts,
        )
        return json_response({"sub": account.sub, "username": account.username}, status=201)
