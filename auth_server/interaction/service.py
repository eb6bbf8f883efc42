"""Authorization requests that wait for a person: begun by the authorization endpoint, carried on by the pages, closed by an answer.

begin()                      the endpoint checked a request and a page is needed: a row, and the browser's own cookie
find()                       a page asks what it is about; nothing but an open row of this very browser is found
signed_in(), choose()        the sign-in page proved somebody, the account chooser was answered
approve(), deny()            the consent page was answered, once
resume_path                  where every page goes on to, by 303: the endpoint computes the next step itself
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from auth_server.clients.service import Clients
from auth_server.consent import rules as consent_rules
from auth_server.interaction.interaction import Interaction, Person, Standing
from auth_server.interaction.next_step import Progress, SessionFacts, Step, next_step
from auth_server.protocol.authorization_request import AuthorizationRequest
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import PageError
from auth_server.protocol.people import permissions_of_roles
from auth_server.protocol.redirect_uri import form_action_source, shown_host
from auth_server.protocol.resource import Resource
from auth_server.protocol.scope import grant_scope
from auth_server.sessions.rules import REACHABLE_ACR
from auth_server.store.interactions import StoredInteraction
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.web.browser import Browser, digest, fresh

LIFETIME_SECONDS: Final = 3600
_ID_BYTES: Final = 16


class Interactions:
    """Keeps authorization requests while people answer for them. Stateless: every replica has one."""

    def __init__(self, *, store: Store, clients: Clients, directory: Callable[[], Awaitable[Directory]]) -> None:
        self._store = store
        self._clients = clients
        self._directory = directory

    async def begin(self, request: AuthorizationRequest, browser: Browser) -> tuple[str, str]:
        """Keep a checked request; return its id, and the value of the interaction cookie to set.

        Raises:
            StoreUnavailable: nothing is kept.
        """
        interaction_id = secrets.token_urlsafe(_ID_BYTES)
        cookie = browser.interaction or fresh()

        def work(tx: Transaction) -> None:
            tx.interactions.begin(
                interaction_id=interaction_id,
                browser=digest(cookie),
                client_id=request.client_id,
                request=request.to_text(),
                lifetime_ms=LIFETIME_SECONDS * 1000,
            )

        await self._store.run(work)
        return interaction_id, cookie

    async def find(self, interaction_id: str, browser: Browser) -> Interaction:
        """Return what a page is about.

        Raises:
            PageError: there is no such request of this browser, it expired, or it was answered.
            StoreUnavailable: the database did not answer.
        """
        stored = await self._stored(interaction_id, browser)
        client = await self._client(stored)
        request = AuthorizationRequest.from_text(stored.request)
        standing = await self.standing(request, client, browser, _progress(stored))
        return Interaction(
            id=stored.id,
            client=client,
            request=request,
            resource=standing.resource,
            step=standing.next.step,
            person=standing.person,
            people=standing.people,
            form_action=form_action_source(request.redirect_uri),
            redirect_host=shown_host(request.redirect_uri),
        )

    async def waiting(self, interaction_id: str, browser: Browser) -> tuple[AuthorizationRequest, Client, Progress]:
        """Return a request that waits, for the endpoint that goes on with it; otherwise like `find`."""
        stored = await self._stored(interaction_id, browser)
        return AuthorizationRequest.from_text(stored.request), await self._client(stored), _progress(stored)

    async def standing(
        self, request: AuthorizationRequest, client: Client, browser: Browser, progress: Progress | None = None
    ) -> Standing:
        """Compute the next step of a request.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        directory = await self._directory()
        resource = None if request.resource is None else directory.resources.get(request.resource)
        people: tuple[Person, ...] = ()
        if browser.session is not None:
            cookie = digest(browser.session)
            people = await self._store.read(lambda tx: _people(tx, cookie, request, client, resource, directory.permissions_of))
        step = next_step(
            request,
            [_facts(person) for person in people],
            progress or Progress(),
            asks_for_consent=client.asks_for_consent,
            reachable_acr=REACHABLE_ACR,
            now=self._store.clock.now(),
        )
        return Standing(step, people, resource)

    async def signed_in(self, interaction_id: str, browser: Browser, sid: str) -> None:
        """Note that somebody proved who they are for this request, and goes on in this session.

        Raises:
            PageError: the request is not open any more, or was answered for already.
            StoreUnavailable: the database did not answer.
        """
        await self._change(lambda tx, whose: tx.interactions.choose(interaction_id, whose, sid, authenticated=True), browser)

    async def choose(self, interaction_id: str, browser: Browser, sid: str) -> None:
        """Note which of the accounts that are signed in in this browser goes on; otherwise like `signed_in`.

        Raises:
            PageError: also when the browser holds no such session.
        """

        def work(tx: Transaction, whose: bytes) -> bool:
            held = tx.sessions.in_browser(digest(browser.session)) if browser.session else []
            return sid in {session.sid for session in held} and tx.interactions.choose(
                interaction_id, whose, sid, authenticated=False
            )

        await self._change(work, browser)

    async def approve(self, interaction: Interaction, browser: Browser) -> None:
        """Note that the person allows what the consent page showed: these scopes, and this session, once.

        Raises:
            PageError: the request is not open any more, was answered for already, or consent is not what is due.
            StoreUnavailable: the database did not answer.
        """
        person = interaction.person
        if person is None or interaction.step is not Step.CONSENT:
            raise PageError("consent is not what is due")
        sid, scope = person.session.sid, person.scope
        await self._change(lambda tx, whose: tx.interactions.approve(interaction.id, whose, sid, scope), browser)

    async def restart(self, interaction_id: str, browser: Browser) -> str:
        """Begin a request of this browser anew, though it expired or was answered; return the new id.

        Raises:
            PageError: it is this browser's no longer, or its client is not there any more.
            StoreUnavailable: the database did not answer.
        """
        if browser.interaction is None:
            raise _gone()
        whose = digest(browser.interaction)
        stored = await self._store.read(lambda tx: tx.interactions.find_over(interaction_id, whose))
        if stored is None:
            raise _gone()
        await self._client(stored)
        new_id, _ = await self.begin(AuthorizationRequest.from_text(stored.request), browser)
        return new_id

    async def deny(self, interaction_id: str, browser: Browser) -> None:
        """Note that the person refuses; otherwise like `signed_in`."""
        await self._change(lambda tx, whose: tx.interactions.deny(interaction_id, whose), browser)

    async def _change(self, work: Callable[[Transaction, bytes], bool], browser: Browser) -> None:
        if browser.interaction is None:
            raise _gone()
        whose = digest(browser.interaction)
        if not await self._store.run(lambda tx: work(tx, whose)):
            raise _gone()

    async def _stored(self, interaction_id: str, browser: Browser) -> StoredInteraction:
        if browser.interaction is None:
            raise _gone()
        whose = digest(browser.interaction)
        stored = await self._store.read(lambda tx: tx.interactions.find(interaction_id, whose))
        if stored is None:
            raise _gone()
        return stored

    async def _client(self, stored: StoredInteraction) -> Client:
        client = await self._clients.find(stored.client_id)
        if client is None or client.disabled:
            raise PageError("the client is not there any more")
        return client


def _gone() -> PageError:
    return PageError("no such request of this browser, expired, or answered already")


def _progress(stored: StoredInteraction) -> Progress:
    return Progress(stored.sid, stored.authenticated, stored.approved_sid, stored.approved_scope, stored.denied)


def _facts(person: Person) -> SessionFacts:
    session = person.session
    return SessionFacts(session.sid, session.auth_time, session.acr, person.missing_scope, person.is_wanted)


def _people(
    tx: Transaction,
    cookie: bytes,
    request: AuthorizationRequest,
    client: Client,
    resource: Resource | None,
    permissions_of: Mapping[str, frozenset[str]],
) -> tuple[Person, ...]:
    hinted, wanted = _hinted(tx, request, client)
    found = []
    for session in tx.sessions.in_browser(cookie):
        account = tx.accounts.find(session.sub)
        if account is None or account.is_disabled:
            continue
        permissions = permissions_of_roles(tx.roles.of(session.sub), permissions_of)
        scope = grant_scope(request.scope, client, resource, permissions)
        granted = tx.consents.find(session.sub, client.client_id, request.resource or "")
        missing = consent_rules.missing(granted, scope, client, request.redirect_uri)
        found.append(Person(session, account, scope, missing, not hinted or session.sub == wanted))
    return tuple(found)


def _hinted(tx: Transaction, request: AuthorizationRequest, client: Client) -> tuple[bool, str | None]:
    """Say whether the client names a person, and return that person's `sub`; None when nobody is called so."""
    subject = request.hinted_subject or request.claims.subject
    if subject is None:
        return False, None
    return True, tx.pairwise_subjects.account(subject) if client.pairwise_sector else subject
