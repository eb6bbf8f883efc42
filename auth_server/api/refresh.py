"""`POST /api/refresh`: new cookies for old ones, for pages that never see a token."""

from __future__ import annotations

from auth_server.api.token_cookies import TokenCookies
from auth_server.clients.service import FIRST_PARTY
from auth_server.grants.redemption import Redemption
from auth_server.grants.refresh_token import RefreshTokenGrant
from auth_server.protocol.errors import ApiError, InvalidGrant
from auth_server.protocol.form import Form
from auth_server.web.door import Door
from auth_server.web.own_pages import OwnPages
from auth_server.web.request import Request
from auth_server.web.responses import NO_STORE, Response, api_error, json_response

_OVER = ApiError(401, "login_required", "there is no sign-in here that could be carried on")


class RefreshDoor(Door):
    """Takes the refresh cookie and no other token. The body of the answer carries `expires_in` alone, in seconds."""

    path = "/api/refresh"
    methods = ("POST",)
    own_pages: OwnPages

    def __init__(self, *, grant: RefreshTokenGrant, redemption: Redemption, cookies: TokenCookies, pages: OwnPages) -> None:
        self._grant = grant
        self._redemption = redemption
        self._cookies = cookies
        self.own_pages = pages

    async def answer(self, request: Request) -> Response:
        """Answer a refresh; the rules are those of the refresh token grant, retries and reuse included."""
        self.own_pages.check(request)
        await request.json_or_nothing()
        token = self._cookies.refresh_token(request)
        if token is None:
            return self._over()
        try:
            asked = self._grant.parse(Form({"refresh_token": token}))
            answer = await self._redemption.redeem(self._grant, asked, FIRST_PARTY, request.facts)
        except InvalidGrant as refusal:
            return self._over(refusal.detail)
        return json_response({"expires_in": answer.expires_in}, headers=NO_STORE + self._cookies.set(answer))

    def _over(self, detail: str | None = None) -> Response:
        """Return the refusal; cookies that are of no use any more go with it."""
        refused = api_error(_OVER)
        return Response(refused.status, refused.body, refused.headers + self._cookies.clear(), refused.outcome, detail)
