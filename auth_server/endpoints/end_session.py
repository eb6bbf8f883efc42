"""end_session_endpoint: a client asks to sign its person out (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from auth_server.endpoints.contract import BrowserEndpoint
from auth_server.interaction.logout import LIFETIME_SECONDS, Asks, SignOuts
from auth_server.protocol.authorization_parameters import Parameters
from auth_server.protocol.errors import PageError
from auth_server.web.authorization_answers import see_other
from auth_server.web.browser import INTERACTION_COOKIE, SESSION_COOKIE, Browser
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response


class EndSessionEndpoint(BrowserEndpoint):
    """`GET` and `POST /end_session`. A link on any page leads here, so only a client's own ID token ends a session without a word of
    the person.
    """

    path = "/end_session"
    methods = ("GET", "POST")

    def __init__(self, *, sign_outs: SignOuts, kit: PageKit, session_lifetime: float) -> None:
        super().__init__(kit)
        self._sign_outs = sign_outs
        self._session_lifetime = round(session_lifetime)

    def metadata(self, issuer: str) -> dict[str, object]:
        """Say where it is, and that clients can be told of a sign-out in the back channel."""
        return {
            "end_session_endpoint": issuer + self.path,
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
        }

    async def answer_browser(self, request: Request) -> Response:
        """Sign out, or ask first."""
        if request.method == "POST" and request.query:
            raise PageError("parameters in the body and in the address")
        raw = await request.form_bytes() if request.method == "POST" else request.query
        outcome = await self._sign_outs.begin(Parameters.parse(raw), Browser.of(request, self._kit.jar), request.facts)
        if isinstance(outcome, Asks):
            cookie = self._kit.jar.set(INTERACTION_COOKIE, outcome.cookie, LIFETIME_SECONDS)
        else:
            lifetime = self._session_lifetime if outcome.cookie else 0
            cookie = self._kit.jar.set(SESSION_COOKIE, outcome.cookie or "", lifetime)
        return see_other(outcome.location, headers=((b"set-cookie", cookie),))
