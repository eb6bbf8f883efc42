"""What a page may know of the authorization request it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from auth_server.interaction.next_step import Next, Step
from auth_server.protocol.authorization_request import AuthorizationRequest
from auth_server.protocol.client import Client
from auth_server.protocol.resource import Resource
from auth_server.store.accounts import Account
from auth_server.store.sessions import Session

AUTHORIZE: Final = "/authorize"
# Where each step has its page.
PATHS: Final = {
    Step.CHOOSE: "/login/accounts",
    Step.LOGIN: "/login",
    Step.STEP_UP: "/login/confirm",
    Step.CONSENT: "/consent",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in in this browser, as a page may show them; `scope` is what this request would grant for them."""

    session: Session
    account: Account
    scope: frozenset[str]
    missing_scope: frozenset[str]
    is_wanted: bool


@dataclass(frozen=True, slots=True)
class ScopeText:
    """One scope as the consent page tells it. `is_new` when the person never allowed it to this client."""

    name: str
    description: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Interaction:
    """Everything a page needs to know of the request it is about.

    `step` is what is due; a page for another step sends the browser to `resume_path`. `person` is whom the step is about, `people` all
    who are signed in here. `form_action` is the CSP source that must stand beside `'self'` on a page whose form may end at the client.
    """

    id: str
    client: Client
    request: AuthorizationRequest
    resource: Resource | None
    step: Step
    person: Person | None
    people: tuple[Person, ...]
    form_action: str
    redirect_host: str

    @property
    def resume_path(self) -> str:
        """Return where the browser goes on to."""
        return f"{AUTHORIZE}?request={self.id}"

    @property
    def page_path(self) -> str | None:
        """Return the page of the step that is due; None when no page is."""
        path = PATHS.get(self.step)
        return None if path is None else f"{path}?request={self.id}"

    @property
    def scopes(self) -> tuple[ScopeText, ...]:
        """Return what the person is asked to allow, the scopes of the resource by their own words."""
        person = self.person
        if person is None:
            return ()
        offered = self.resource.scopes if self.resource else {}
        texts = {name: scope.description for name, scope in offered.items()}
        return tuple(ScopeText(name, texts.get(name, ""), name in person.missing_scope) for name in sorted(person.scope))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a request stands: what is next, who is signed in, and what the issuer would grant."""

    next: Next
    people: tuple[Person, ...]
    resource: Resource | None

    @property
    def person(self) -> Person | None:
        """Return whom the next step is about."""
        sid = self.next.session.sid if self.next.session else None
        return next((person for person in self.people if person.session.sid == sid), None)
