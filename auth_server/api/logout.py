"""`POST /api/logout`: the sign-in ends, with every refresh family that lives by it."""

from __future__ import annotations

from auth_server.api.members import optional_text_member
from auth_server.api.token_cookies import TokenCookies
from auth_server.clients.service import FIRST_PARTY
from auth_server.protocol.errors import InvalidGrant
from auth_server.sessions.service import Sessions
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.tokens.families import Families
from auth_server.web.door import Door
from auth_server.web.own_pages import OwnPages
from auth_server.web.request import Request
from auth_server.web.responses import NO_STORE, Response

_REASON = "signed_out"


class LogoutDoor(Door):
    """Cookies, or JSON `refresh_token`. Always 204: whoever signs out twice, or with a token that is over, is signed out."""

    path = "/api/logout"
    methods = ("POST",)
    own_pages: OwnPages

    def __init__(self, *, store: Store, families: Families, sessions: Sessions, cookies: TokenCookies, pages: OwnPages) -> None:
        self._store = store
        self._families = families
        self._sessions = sessions
        self._cookies = cookies
        self.own_pages = pages

    async def answer(self, request: Request) -> Response:
        """Answer a sign-out."""
        token = optional_text_member(await request.json_or_nothing(), "refresh_token")
        if token is None:
            # The browser's cookies speak for the person: only our own pages may make them do so.
            self.own_pages.check(request)
            token = self._cookies.refresh_token(request)
        outcome = "ok" if token is not None and await self._end(token, request) else "unknown_token"
        return Response(204, headers=NO_STORE + self._cookies.clear(), outcome=outcome)

    async def _end(self, text: str, request: Request) -> bool:
        try:
            token = self._families.read(text)
        except InvalidGrant:
            return False

        def work(tx: Transaction) -> bool:
            facts = self._families.load(tx, token, FIRST_PARTY.client_id)
            if facts is None:
                return False
            # The family by itself as well: with `offline_access` it does not live by the session.
            self._families.end(tx, token.family_id, _REASON, request.facts)
            if facts.family.sid is not None:
                self._sessions.end_in(tx, facts.family.sid, _REASON, facts=request.facts)
            return True

        return await self._store.run(work)
