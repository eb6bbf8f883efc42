"""The domains about people on a real store, with hashes that cost nothing and a pool that counts them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from auth_server.accounts.administration import Administration
from auth_server.accounts.letters import Letters
from auth_server.accounts.login import Login, SignedIn
from auth_server.accounts.password_pool import PasswordPool
from auth_server.accounts.passwords import Argon2Cost, Passwords
from auth_server.accounts.recovery import Recovery
from auth_server.accounts.registration import Registration
from auth_server.accounts.tickets import Tickets
from auth_server.accounts.verification import Verification
from auth_server.protocol.errors import ApiError
from auth_server.rate_limits.guesses import GuessLimits, GuessPolicy
from auth_server.rate_limits.letters import LetterLimits
from auth_server.revocation.feed import Feed
from auth_server.roles.service import Roles
from auth_server.sessions.service import Sessions
from auth_server.store.accounts import Account
from auth_server.store.store import Store
from auth_server.web.request_facts import RequestFacts
from shared.key_policy import KeyPolicy

T = TypeVar("T")

CHEAP: Final = Argon2Cost(memory_kib=8, passes=1, lanes=1)
PASSWORD: Final = "wonderland rabbit hole 42"
WRONG: Final = "looking glass and chess 43"
DEVICE_KEY: Final = b"a secret of the server, 32 bytes"
TICKET_KEY: Final = b"another secret of the server, 32 bytes long"
DAY: Final = 86_400


class CountingPool(PasswordPool):
    """Does its work at once and counts it; `busy` makes it refuse, `meanwhile` runs before each piece of work is answered."""

    def __init__(self) -> None:
        super().__init__(threads=1)
        self.works = 0
        self.busy = False
        self.meanwhile: Callable[[], object] = lambda: None

    async def run(self, work: Callable[[], T]) -> T:
        if self.busy:
            raise ApiError(503, "overloaded", "busy", retry_after=1)
        self.works += 1
        done = work()
        self.meanwhile()
        return done


@dataclass
class People:
    """Everything about people, connected as the server connects it."""

    store: Store
    pool: CountingPool
    passwords: Passwords
    limits: GuessLimits
    sessions: Sessions
    roles: Roles
    registration: Registration
    administration: Administration
    verification: Verification
    recovery: Recovery
    tickets: Tickets
    login: Login

    async def alice(self, *, email_verified: bool = False, password: str | None = PASSWORD) -> Account:
        """Make the account of alice."""
        created = await self.registration.create_by_operator(
            username="alice", email="alice@example.com", email_verified=email_verified, password=password
        )
        return created.account

    async def sign_in(
        self, name: str = "alice", password: str = PASSWORD, *, address: str = "192.0.2.1", device: str | None = None
    ) -> SignedIn:
        """Sign in from somewhere."""
        return await self.login.sign_in(name, password, RequestFacts(address, "request-1", device))

    async def refusal(
        self, name: str = "alice", password: str = WRONG, *, address: str = "192.0.2.1", device: str | None = None
    ) -> ApiError:
        """Try to sign in and return the refusal."""
        try:
            await self.sign_in(name, password, address=address, device=device)
        except ApiError as error:
            return error
        raise AssertionError("signed in")

    def events(self) -> list[dict[str, object]]:
        """Return the audit log."""
        return [json.loads(body) for _, body in self.store.read_blocking(lambda tx: tx.audit_events.since(0, 10_000))]

    def names_of_events(self) -> list[object]:
        """Return what happened, in order."""
        return [event["name"] for event in self.events()]

    def feed(self) -> list[tuple[str, str]]:
        """Return kind and key of every entry of the revocation feed."""
        entries = self.store.read_blocking(lambda tx: tx.revocations.since(0, 10_000))
        return [(entry.entry.kind.value, entry.entry.key) for entry in entries]


def people(
    store: Store,
    *,
    mode: str = "open",
    policy: GuessPolicy | None = None,
    cost: Argon2Cost = CHEAP,
    session_idle: int = DAY,
    session_lifetime: int = 30 * DAY,
) -> People:
    """Connect the domains about people on a store."""
    pool, feed = CountingPool(), Feed(KeyPolicy())
    passwords = Passwords(pool, issuer="https://id.sealwright.example", cost=cost)
    limits = GuessLimits(DEVICE_KEY, policy)
    sessions = Sessions(store=store, feed=feed, idle_lifetime=session_idle, lifetime=session_lifetime)
    tickets, letter_limits = Tickets(), LetterLimits(limits)
    tickets.use_key(TICKET_KEY)
    letters = Letters(tickets)
    verification = Verification(store=store, tickets=tickets, letters=letters, limits=letter_limits)
    administration = Administration(store=store, passwords=passwords, limits=limits, feed=feed, letters=letters)
    return People(
        store=store,
        pool=pool,
        passwords=passwords,
        limits=limits,
        sessions=sessions,
        roles=Roles(store=store, feed=feed),
        registration=Registration(store=store, passwords=passwords, mode=mode, verification=verification),
        administration=administration,
        verification=verification,
        recovery=Recovery(
            store=store,
            passwords=passwords,
            tickets=tickets,
            letters=letters,
            limits=letter_limits,
            feed=feed,
            administration=administration,
        ),
        tickets=tickets,
        login=Login(store=store, passwords=passwords, limits=limits, sessions=sessions),
    )
