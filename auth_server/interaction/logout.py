"""Signing out: at once where the client proves which session it means, else when the person says so (RP-Initiated Logout 1.0)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from auth_server.clients.service import Clients
from auth_server.protocol.authorization_parameters import Parameters
from auth_server.protocol.client import Client
from auth_server.protocol.errors import PageError
from auth_server.protocol.redirect_uri import form_action_source
from auth_server.sessions.service import Sessions
from auth_server.store.accounts import Account
from auth_server.store.logouts import StoredLogout
from auth_server.store.sessions import Session
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.tokens.local_verifier import LocalVerifier, NotOurs
from auth_server.web.browser import Browser, CookieChange, digest, fresh
from auth_server.web.request_facts import RequestFacts

LIFETIME_SECONDS: Final = 3600
PAGE_PATH: Final = "/sign-out"
DONE_PATH: Final = "/signed-out"
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class SignOut:
    """What the sign-out page asks about: who is signed in here, and which client wants it, if one does.

    `hinted_sid` is the session that the client means, when it is one of this browser's. `form_action` is the CSP source of the place
    that the form may end at; None when it ends here.
    """

    id: str
    client: Client | None
    people: tuple[tuple[Session, Account], ...]
    hinted_sid: str | None
    form_action: str | None


@dataclass(frozen=True, slots=True)
class SignedOut:
    """Where the browser goes on to, and the session cookie it gets; None takes its cookie away, since nobody is left."""

    location: str
    cookie: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Asks:
    """The person has to say so first: the page that asks, and the interaction cookie to set."""

    location: str
    cookie: str = field(repr=False)


class SignOuts:
    """Signs people out of a browser. Stateless: every replica has one."""

    def __init__(self, *, store: Store, clients: Clients, sessions: Sessions, verifier: LocalVerifier, issuer: str) -> None:
        self._store = store
        self._clients = clients
        self._sessions = sessions
        self._verifier = verifier
        self._issuer = issuer

    async def begin(self, parameters: Parameters, browser: Browser, facts: RequestFacts) -> SignedOut | Asks:
        """Take a client's request to sign out.

        Raises:
            PageError: a forged hint, an unknown client, or an address that is not registered for it.
            StoreUnavailable: nothing was changed.
        """
        if parameters.repeated:
            raise PageError("a parameter is repeated")
        asked = await self._checked(parameters)
        held = await self._sessions.in_browser(browser.session)
        hinted = next((session for session in held if session.sid == asked.hinted_sid), None)
        if hinted is not None:
            return await self._end(asked, browser, [hinted], facts)
        if not held:
            return SignedOut(self._location(asked), None)
        cookie = browser.interaction or fresh()
        await self._store.run(lambda tx: tx.logouts.ask(asked, digest(cookie), LIFETIME_SECONDS * 1000))
        return Asks(f"{self._issuer}{PAGE_PATH}?request={asked.id}", cookie)

    async def find(self, logout_id: str, browser: Browser) -> SignOut:
        """Return what the page is about.

        Raises:
            PageError: there is no such request of this browser, it expired, or it was answered.
            StoreUnavailable: the database did not answer.
        """
        stored = await self._stored(logout_id, browser)
        client = None if stored.client_id is None else await self._clients.find(stored.client_id)
        people = await self.people(browser)
        sids = {session.sid for session, _ in people}
        return SignOut(
            id=stored.id,
            client=client,
            people=people,
            hinted_sid=stored.hinted_sid if stored.hinted_sid in sids else None,
            form_action=None if stored.redirect_uri is None else form_action_source(stored.redirect_uri),
        )

    async def people(self, browser: Browser) -> tuple[tuple[Session, Account], ...]:
        """Return who is signed in in this browser.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        cookie = browser.session
        return () if cookie is None else await self._store.read(lambda tx: _people(tx, digest(cookie)))

    async def confirm(
        self, logout_id: str, browser: Browser, facts: RequestFacts, *, sid: str | None = None, everywhere: bool = False
    ) -> SignedOut:
        """Sign out, because the person said so: of one session, or of all that this browser holds.

        Args:
            sid: the one session; None for all of this browser.
            everywhere: also every other session of those accounts, on whatever device.

        Raises:
            PageError: the request is not open any more.
            StoreUnavailable: nothing was changed.
        """
        stored = await self._stored(logout_id, browser)
        whose = digest(browser.interaction or "")
        if not await self._store.run(lambda tx: tx.logouts.finish(logout_id, whose)):
            raise PageError("answered already")
        held = [session for session in await self._sessions.in_browser(browser.session) if sid in (None, session.sid)]
        return await self._end(stored, browser, held, facts, everywhere=everywhere)

    async def _checked(self, parameters: Parameters) -> StoredLogout:
        client_id, subject_sid = parameters.get("client_id"), None
        text = parameters.get("id_token_hint")
        if text is not None:
            try:
                token = await self._verifier.hint(text, client_id)
            except NotOurs as refusal:
                raise PageError(f"id_token_hint: {refusal}") from refusal
            client_id, subject_sid = next(iter(token.audience), None), token.text("sid")
        client = None if client_id is None else await self._clients.find(client_id)
        if client_id is not None and (client is None or client.disabled):
            raise PageError("no such client, or a disabled one")
        uri = parameters.get("post_logout_redirect_uri")
        if uri is not None and (client is None or uri not in client.post_logout_redirect_uris):
            raise PageError("the post_logout_redirect_uri is not registered for this client")
        return StoredLogout(secrets.token_urlsafe(_ID_BYTES), client_id, uri, parameters.get("state"), subject_sid)

    async def _stored(self, logout_id: str, browser: Browser) -> StoredLogout:
        cookie = browser.interaction
        stored = None if cookie is None else await self._store.read(lambda tx: tx.logouts.find(logout_id, digest(cookie)))
        if stored is None:
            raise PageError("no such request of this browser, expired, or answered already")
        return stored

    async def _end(
        self, asked: StoredLogout, browser: Browser, ending: list[Session], facts: RequestFacts, *, everywhere: bool = False
    ) -> SignedOut:
        change = CookieChange.of(browser.session)
        old = change.old_digest

        def work(tx: Transaction) -> bool:
            for session in ending:
                self._sessions.end_in(tx, session.sid, "signed_out", facts=facts)
            if old is None:
                return False
            tx.sessions.move(old, change.new_digest)
            return bool(tx.sessions.in_browser(change.new_digest))

        someone_left = await self._store.run(work)
        if everywhere:
            for sub in {session.sub for session in ending}:
                await self._sessions.end_all(sub, "signed_out_everywhere", facts=facts)
        return SignedOut(self._location(asked), change.new if someone_left else None)

    def _location(self, asked: StoredLogout) -> str:
        """Return the client's own page with its `state`, or the one that says it is done."""
        if asked.redirect_uri is None:
            return self._issuer + DONE_PATH
        if asked.state is None:
            return asked.redirect_uri
        return f"{asked.redirect_uri}{'&' if '?' in asked.redirect_uri else '?'}{urlencode({'state': asked.state})}"


def _people(tx: Transaction, cookie: bytes) -> tuple[tuple[Session, Account], ...]:
    found = ((session, tx.accounts.find(session.sub)) for session in tx.sessions.in_browser(cookie))
    return tuple((session, account) for session, account in found if account is not None)
