"""A forgotten password: asking for a letter with a link, and the page that says that it is on its way."""

from __future__ import annotations

from typing import Any

from auth_server.accounts.tickets import LIFETIME_SECONDS, Purpose
from auth_server.interaction.interaction import Interaction
from auth_server.interaction.recovery_page import RecoveryPage
from auth_server.interaction.step_page import with_request
from auth_server.protocol.errors import ApiError
from auth_server.protocol.form import Form
from auth_server.web.browser import Browser
from auth_server.web.page_door import see_other
from auth_server.web.request import Request
from auth_server.web.responses import Response
from auth_server.web.visit import Visit


class ForgotPage(RecoveryPage):
    """`/forgot-password`: the same answer whoever it is asked for."""

    path = "/forgot-password"

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show the form."""
        interaction = await self.interaction(request, browser)
        visit = self.visit(request, browser, interaction)
        hint = (interaction.request.login_hint or "") if interaction else ""
        return self._page(visit, interaction, username=hint)

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Have the link sent, if there is whom to send it to."""
        interaction = await self.interaction(request, browser)
        visit = self.visit(request, browser, interaction)
        words = visit.words
        name = form.optional("username")
        if not name:
            errors = {"username": words.text("login.missing_username")}
            return self._page(visit, interaction, username="", errors=errors, status=422)
        request_id = None if interaction is None else interaction.id
        try:
            await self._recovery.ask(name, request.facts, language=words.language, interaction=request_id)
        except ApiError as error:
            seconds = error.retry_after or 1
            errors = {"username": words.text("forgot.slow", duration=words.duration(seconds))}
            return self._page(visit, interaction, username=name, errors=errors, status=error.status, retry_after=seconds)
        return see_other(with_request("/forgot-password/sent", interaction))

    def _page(self, visit: Visit, interaction: Interaction | None, *, username: str, **more: Any) -> Response:
        words = visit.words
        return self._kit.pages.render(
            visit,
            "ask.html",
            words.text("forgot.title"),
            lead=words.text("forgot.lead"),
            username=username,
            submit=words.text("forgot.submit"),
            login_link=with_request("/login", interaction),
            **more,
        )


class ForgotSentPage(RecoveryPage):
    """`/forgot-password/sent`."""

    path = "/forgot-password/sent"
    methods = ("GET",)

    async def show(self, request: Request, browser: Browser) -> Response:
        """Say what was done, whether it was or not."""
        interaction = await self.interaction(request, browser)
        visit = self.visit(request, browser, interaction)
        words = visit.words
        lifetime = words.duration(LIFETIME_SECONDS[Purpose.RESET_PASSWORD])
        return self._kit.pages.render(
            visit,
            "sent.html",
            words.text("sent.title"),
            paragraphs=(words.text("sent.reset"), words.text("sent.reset.spam", duration=lifetime)),
            link=with_request("/forgot-password", interaction),
            link_text=words.text("sent.resend"),
        )
