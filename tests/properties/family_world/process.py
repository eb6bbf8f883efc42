"""A server process that ends at the n-th point of its work with the database: between any two statements, before a commit, after it.

What it runs is the real pipeline from the grant down to the SQL; only the signature is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import event

from auth_server.grants.redemption import Redemption
from auth_server.grants.refresh_token import RefreshRequest, RefreshTokenGrant
from auth_server.protocol.client import Client
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import OAuthError
from auth_server.protocol.refresh import RefreshPolicy
from auth_server.revocation.feed import Feed
from auth_server.store.engine import Engines
from auth_server.store.freshness import Freshness
from auth_server.store.store import Store
from auth_server.tokens.families import Families, MacKeys
from auth_server.tokens.issuer import TokenIssuer
from auth_server.tokens.standing import Standing
from shared.key_policy import KeyPolicy
from tests.support.builders import FACTS, MAC_KEY, a_directory, a_public_client
from tests.support.databases import Database

CLIENT: Final = a_public_client()


class Killed(BaseException):
    """The process has ended: nothing of it is carried out any more."""


class Fuse:
    """Counts the points that a process passes, and ends it at one of them: its connection breaks, and whatever it does later fails.

    Attributes:
        points: how many were passed since it was armed.
        committed: whether a commit was carried out since.
    """

    def __init__(self, engines: Engines) -> None:
        self.points = 0
        self.committed = False
        self.burnt = False
        self._at: int | None = None
        self._counts = False
        self._breaks = not engines.is_sqlite
        for engine in (engines.write, engines.read):
            event.listen(engine, "before_cursor_execute", self._before_statement)
        dialect: Any = engines.write.dialect
        dialect.do_commit = self._around(dialect.do_commit)

    def arm(self, at: int | None) -> None:
        """Count from here; end at this point, or at none."""
        self.points, self.committed, self._at, self._counts = 0, False, at, True

    def _before_statement(self, connection: Any, *_: object) -> None:
        self._pass(connection.connection.driver_connection)

    def _around(self, commit: Callable[[Any], None]) -> Callable[[Any], None]:
        def committing(driver: Any) -> None:
            self._pass(driver)
            commit(driver)
            self.committed = True
            self._pass(driver)

        return committing

    def _pass(self, driver: Any) -> None:
        if self.burnt:
            raise Killed
        if self._counts:
            self.points += 1
            if self._at is not None and self.points > self._at:
                self.burnt = True
                # On SQLite the way out rolls back, as the next opener of the file would; closing under a cursor crashes its driver.
                if self._breaks:
                    getattr(driver, "driver_connection", driver).close()
                raise Killed


class Process:
    """One process on a database."""

    def __init__(self, database: Database, policy: RefreshPolicy) -> None:
        engines = database.engines()
        if engines.is_sqlite:
            # Processes die here, not machines; without waiting for the disk there is time for every point.
            event.listen(engines.write, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        self.store = Store(engines, clock=database.clock)
        feed = Feed(KeyPolicy())
        mac_keys = MacKeys()
        mac_keys.replace(0, {0: MAC_KEY})
        self._families = Families(mac_keys=mac_keys, policy=policy, feed=feed, session_idle_lifetime=86_400)
        self._grant = RefreshTokenGrant(self._families, policy)
        self._redemption = Redemption(
            directory=_directory, issuer=self._issuer(database), store=self.store, fetch=_nothing_is_fetched
        )
        self.store.run_blocking(lambda tx: None)
        self.store.read_blocking(lambda tx: tx.now_ms())
        self.fuse = Fuse(engines)

    async def present(self, text: str, client: Client = CLIENT) -> str | None:
        """Return the refresh token that is answered; None for a refusal.

        Raises:
            Killed: the process ended before it could answer.
        """
        try:
            request = RefreshRequest(self._families.read(text), None, None)
            answer = await self._redemption.redeem(self._grant, request, client, FACTS)
        except OAuthError:
            return None
        except BaseException:
            if self.fuse.burnt:
                raise Killed from None
            raise
        if self.fuse.burnt:
            raise Killed  # committed, and ended by another request before it could answer this one
        assert answer.refresh_token is not None
        return answer.refresh_token

    def close(self) -> None:
        """Let go of it, dead or alive."""
        self.store.close()

    def _issuer(self, database: Database) -> TokenIssuer:
        standing = Standing(self.store, Freshness(self.store))
        return TokenIssuer(
            store=self.store,
            signer=_NoSigner(),
            families=self._families,
            standing=standing,
            encryption=_NoEncryption(),
            issuer="http://localhost:8000",
            lifetime=600,
        )


class _NoSigner:
    async def sign(self, claims: Mapping[str, object], typ: str, alg: str | None = None) -> str:
        return "signed"

    async def sign_at(self, build: Callable[[int], Mapping[str, object]], typ: str, alg: str | None = None) -> str:
        return "signed"

    def default_alg(self) -> str:
        return "RS256"


class _NoEncryption:
    async def encrypt(self, signed: str, jwks_uri: str) -> str:
        raise AssertionError("no resource of this world has a key")


async def _directory() -> Directory:
    return a_directory()


async def _nothing_is_fetched(_url: str, _max_age: float) -> None:
    raise AssertionError("nothing of this world is anywhere else")
