"""Consent: who asks, for what, at which API, and where the answer goes. A real "no" goes back to the client as `access_denied`."""

from __future__ import annotations

from typing import Final

from auth_server.interaction.next_step import Step
from auth_server.interaction.step_page import StepPage, may_end_at, with_request
from auth_server.interaction.words import ShownPerson, shown_client, shown_scopes
from auth_server.protocol.errors import PageError
from auth_server.protocol.form import Form
from auth_server.web.browser import Browser
from auth_server.web.page_door import see_other
from auth_server.web.request import Request
from auth_server.web.responses import Response

# Steps that somebody may be thrown back to while the page is open: signed out meanwhile, or too long ago signed in.
_BEFORE: Final = frozenset({Step.CHOOSE, Step.LOGIN, Step.STEP_UP})


class ConsentPage(StepPage):
    """`/consent`."""

    path = "/consent"

    async def show(self, request: Request, browser: Browser) -> Response:
        """Show what is asked for."""
        interaction = await self.interaction(request, browser)
        if interaction is None:
            raise PageError("consent to nothing")
        person = interaction.person
        if interaction.step is not Step.CONSENT or person is None:
            return see_other(interaction.resume_path)
        visit = self.visit(request, browser, interaction)
        words = visit.words
        client = shown_client(interaction.client, words, redirect_uri=interaction.request.redirect_uri)
        return self._kit.pages.render(
            visit,
            "consent.html",
            words.text("consent.title", client=client.name),
            may_end_at=may_end_at(interaction),
            client=client,
            person=ShownPerson.of(person.account),
            groups=shown_scopes(words, person.scope, interaction.resource, new=person.missing_scope),
            switch_link=with_request("/login/accounts", interaction),
        )

    async def take(self, request: Request, browser: Browser, form: Form) -> Response:
        """Note the answer, once."""
        interaction = await self.interaction(request, browser)
        if interaction is None:
            raise PageError("consent to nothing")
        action = form.optional("action")
        if action == "deny":
            await self._interactions.deny(interaction.id, browser)
        elif interaction.step is Step.CONSENT and action == "allow":
            await self._interactions.approve(interaction, browser)
        elif action != "allow":
            # An empty or foreign form answers nothing: the same page again.
            return see_other(with_request(self.path, interaction))
        elif interaction.step not in _BEFORE:
            raise PageError("this request was answered already")
        return see_other(interaction.resume_path)
