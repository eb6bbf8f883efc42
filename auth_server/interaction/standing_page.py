"""Where one stands when there is nowhere to go on to: signed in, or signed out."""

from __future__ import annotations

from auth_server.sessions.service import Sessions
from auth_server.web.browser import Browser
from auth_server.web.page_door import PageDoor, see_other
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import Response


class SignedOutPage(PageDoor):
    """`/signed-out`."""

    path = "/signed-out"
    methods = ("GET",)

    async def show(self, request: Request, browser: Browser) -> Response:
        """Say so, and how soon it holds."""
        visit = self._kit.visit(request)
        words = visit.words
        lead = words.text("logout.done.lead", **self._kit.promises.in_words(words))
        return self._kit.pages.render(
            visit,
            "message.html",
            words.text("logout.done.title"),
            sign="good",
            paragraphs=(lead, words.text("logout.done.apps")),
            link="/login",
            link_text=words.text("login.title"),
        )


class SignedInPage(PageDoor):
    """`/signed-in`: signed in, with nowhere to go on to. It leads to what one may want, and never back to a sign-in page by itself."""

    path = "/signed-in"
    methods = ("GET",)

    def __init__(self, kit: PageKit, sessions: Sessions) -> None:
        super().__init__(kit)
        self._sessions = sessions

    async def show(self, request: Request, browser: Browser) -> Response:
        """Say so."""
        if not await self._sessions.in_browser(browser.session):
            return see_other("/login")
        visit = self._kit.visit(request)
        words = visit.words
        return self._kit.pages.render(
            visit,
            "message.html",
            words.text("signed_in.title"),
            sign="good",
            paragraphs=(words.text("signed_in.lead"),),
            link="/account",
            link_text=words.text("signed_in.account"),
            second_link="/account/apps",
            second_text=words.text("signed_in.apps"),
        )
