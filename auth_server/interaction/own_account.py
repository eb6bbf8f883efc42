"""What people do with their own account, at the pages and through `/api/me`: each act in one transaction with the letter about it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from auth_server.accounts.administration import Administration
from auth_server.accounts.letters import Kind, Letters
from auth_server.accounts.login import Login
from auth_server.accounts.profile import Profile, read_profile, set_locale
from auth_server.clients.service import Clients
from auth_server.consent.service import Consents
from auth_server.protocol.client import FIRST_PARTY_CLIENT_ID
from auth_server.protocol.directory import Directory
from auth_server.sessions.service import Sessions
from auth_server.store.sessions import Session
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.web.request_facts import RequestFacts

# How long ago somebody may have proved who they are for a change that a thief would like to make.
FRESH_SECONDS: Final = 600
SIGN_INS: Final = ("login.succeeded", "login.failed", "login.slowed", "session.ended")
CHANGES: Final = (
    "account.registered",
    "account.created",
    "account.disabled",
    "account.enabled",
    "account.unlocked",
    "account.secured",
    "email.verified",
    "email.change_asked",
    "email.change_cancelled",
    "email.changed",
    "recovery.asked",
    "password.changed",
    "consent.granted",
    "consent.withdrawn",
)


@dataclass(frozen=True, slots=True)
class App:
    """A client that may act for somebody. Times in milliseconds; `used_at` None when it has no refresh token."""

    client_id: str
    name: str
    scope: frozenset[str]
    since: int
    used_at: int | None


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of an account. `at` in milliseconds."""

    seq: int
    name: str
    outcome: str
    at: int
    address: str | None
    client_id: str | None


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """The acts."""

    store: Store
    sessions: Sessions
    consents: Consents
    clients: Clients
    letters: Letters
    login: Login
    administration: Administration
    directory: Callable[[], Awaitable[Directory]]

    async def profile(self, sub: str) -> Profile | None:
        """Return the profile; None when the account is gone or disabled."""
        return await self.store.read(lambda tx: read_profile(tx, sub))

    async def set_locale(self, sub: str, locale: str | None, facts: RequestFacts) -> None:
        """Choose the language of pages and letters.

        Raises:
            ApiError: 422 `invalid_locale`.
        """
        await self.store.run(lambda tx: set_locale(tx, sub, locale, facts))

    async def change_password(self, sub: str, password: str, facts: RequestFacts, *, keep_sid: str | None) -> None:
        """Change the password; every other session ends.

        Raises:
            ApiError: 422 `weak_password` with reasons; 503 `overloaded`.
        """
        await self.administration.set_password(sub, password, actor=None, facts=facts, keep_sid=keep_sid)

    async def end_session(self, sub: str, sid: str, facts: RequestFacts) -> bool:
        """End one of the account's sessions; False when it has no such session, or it is over."""

        def work(tx: Transaction) -> bool:
            session = tx.sessions.find_live(sid)
            return session is not None and session.sub == sub and self.sessions.end_in(tx, sid, "signed_out", facts=facts)

        return await self.store.run(work)

    async def end_others(self, sub: str, facts: RequestFacts, *, keep_sid: str | None) -> int:
        """End every session but one, and write to the owner; return how many ended."""

        def work(tx: Transaction) -> int:
            account = tx.accounts.lock(sub)
            ended = self.sessions.end_all_in(tx, sub, "signed_out_others", keep_sid=keep_sid, facts=facts)
            if ended and account is not None:
                self.letters.notify(tx, Kind.SESSIONS_ENDED, account, facts=facts)
            return ended

        return await self.store.run(work)

    async def live_sessions(self, sub: str) -> list[Session]:
        """Return where the account is signed in, newest first."""
        return await self.sessions.list(sub)

    async def apps(self, sub: str) -> list[App]:
        """Return the apps that may act for the account, by name."""
        consents, families = await self.store.read(lambda tx: (tx.consents.of(sub), tx.refresh_tokens.living_of(sub)))
        found: dict[str, App] = {}
        for consent in consents:
            before = found.get(consent.client_id)
            scope = consent.scope | (before.scope if before else frozenset())
            since = min(consent.granted_at, before.since if before else consent.granted_at)
            found[consent.client_id] = App(consent.client_id, consent.client_id, scope, since, None)
        for client_id, scope, since, used_at in families:
            before = found.get(client_id)
            if client_id != FIRST_PARTY_CLIENT_ID:
                both = scope | before.scope if before else scope
                found[client_id] = App(client_id, client_id, both, before.since if before else since, used_at)
        named = [await self._named(app) for app in found.values()]
        return sorted(named, key=lambda app: app.name.casefold())

    async def revoke_app(self, sub: str, client_id: str, facts: RequestFacts) -> bool:
        """Take back everything an app may do, and write to the owner; False when it may do nothing."""
        client = await self.clients.find(client_id)
        name = client_id if client is None else client.name

        def work(tx: Transaction) -> bool:
            account = tx.accounts.lock(sub)
            if account is None or not self.consents.withdraw_in(tx, sub, client_id, facts=facts):
                return False
            self.letters.notify(tx, Kind.APP_REMOVED, account, facts=facts, client=name)
            return True

        return await self.store.run(work)

    async def scope_texts(self) -> Mapping[str, str]:
        """Return what each scope of every API allows, in the API's own words."""
        directory = await self.directory()
        return {name: scope.description for resource in directory.resources.values() for name, scope in resource.scopes.items()}

    async def activity(self, sub: str, names: tuple[str, ...], *, before: int | None, limit: int) -> list[Happened]:
        """Return what happened to the account, newest first."""
        rows = await self.store.read(lambda tx: tx.audit_events.of_account(sub, names, before=before, limit=limit))
        return [_happened(seq, json.loads(body)) for seq, body in rows]

    def is_fresh(self, session: Session) -> bool:
        """Say whether somebody proved lately who they are."""
        return self.store.clock.now() - session.auth_time < FRESH_SECONDS

    async def _named(self, app: App) -> App:
        client = await self.clients.find(app.client_id)
        return App(app.client_id, client.name if client else app.client_id, app.scope, app.since, app.used_at)


def _happened(seq: int, body: Mapping[str, object]) -> Happened:
    address, client_id = body.get("address"), body.get("client_id")
    return Happened(
        seq=seq,
        name=str(body["name"]),
        outcome=str(body["outcome"]),
        at=int(str(body["at"])),
        address=None if address is None else str(address),
        client_id=None if client_id is None else str(client_id),
    )
