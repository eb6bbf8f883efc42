"""The real auth server in one process: its ASGI application on a real database, under the virtual clock.

Resources, roles, clients and people are those of the demonstration. The database is a copy of one that was prepared once a session,
because two RSA keys and four password hashes cost more than most tests.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus

import httpx2
from sqlalchemy import Engine, event, select

from auth_server.accounts.passwords import Argon2Cost
from auth_server.app import Application
from auth_server.clients.service import FIRST_PARTY
from auth_server.jobs.deliver_mail import DeliverMail
from auth_server.outbound.fetch import Network
from auth_server.protocol.authorization import SignIn, StartFamily
from auth_server.rate_limits.guesses import GuessPolicy
from auth_server.services import Services, build_services
from auth_server.settings import load
from auth_server.store.schema import METADATA
from auth_server.store.sessions import Session
from auth_server.telemetry.logging import JsonFormatter
from shared import base64url
from tests.support.builders import FACTS, an_authorization
from tests.support.databases import Database
from tests.support.keys import claims_of
from tests.support.outside import NoNetwork
from tests.support.registered import PASSWORDS, SECRETS

ISSUER: Final = "http://localhost:8000"
ADDRESS: Final = "192.0.2.7"
KEK: Final = base64url.encode(bytes(range(32)))
# Letters stay in the outbox, where tests look at them; the job that sends them has tests of its own.
DeliverMail.interval = 3_600.0
CHEAP: Final = Argon2Cost(memory_kib=8, passes=1, lanes=1)
# Opened once: they are the same keys in every test, and each costs two checks of its primes.
_SIGNERS: Final[dict[str, Any]] = {}
_CONTROL: Final = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA")


@dataclass
class Cost:
    """What was sent to the database: statements that look or change, those that steer the transaction, and durable commits."""

    statements: list[str] = field(default_factory=list)
    control: list[str] = field(default_factory=list)
    commits: int = 0


class Issuer:
    """One running auth server.

    Attributes:
        http: an HTTP client of it; redirects are not followed.
        log: its log lines, as they would stand on standard output.
    """

    def __init__(self, database: Database, services: Services, log: list[str]) -> None:
        self.database = database
        self.services = services
        self.clock = database.clock
        self.store = services.store
        self.log = log
        self.app = Application(services)
        self.http = self.client_at(ADDRESS)

    def client_at(self, address: str) -> httpx2.AsyncClient:
        """Return an HTTP client at an address of its own."""
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app, client=(address, 50_000)), base_url=ISSUER)

    async def advance(self, seconds: float) -> None:
        """Let time pass, and let this process look at its keys as its jobs would have done meanwhile."""
        self.clock.advance(seconds)
        await self.services.keyring.refresh()

    async def token(self, client: str | None = "app", /, **form: str) -> httpx2.Response:
        """Ask the token endpoint, authenticated as `client` by its own method; None sends no authentication."""
        return await self.post("/token", form, client)

    async def post(
        self, path: str, form: Mapping[str, str], client: str | None = "app", headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Post a form to an OAuth endpoint, authenticated as `client`."""
        fields, headers = dict(form), dict(headers or {})
        if client == "poster":
            fields |= {"client_id": client, "client_secret": SECRETS[client]}
        elif client in SECRETS:
            headers["Authorization"] = basic(client, SECRETS[client])
        elif client is not None:
            fields["client_id"] = client
        return await self.http.post(path, data=fields, headers=headers)

    async def refresh(self, token: str, client: str = "spa", **form: str) -> httpx2.Response:
        """Present a refresh token."""
        return await self.token(client, grant_type="refresh_token", refresh_token=token, **form)

    async def userinfo(self, token: str) -> httpx2.Response:
        """Ask who somebody is."""
        return await self.http.get("/userinfo", headers={"Authorization": f"Bearer {token}"})

    async def login(self, username: str = "alice", password: str | None = None, **members: object) -> httpx2.Response:
        """Sign in through the seed flow."""
        body = {"username": username, "password": PASSWORDS[username] if password is None else password, **members}
        return await self.http.post("/api/login", json=body)

    async def session(self, username: str = "alice") -> Session:
        """Sign a person in, and return the session that began."""
        sid = claims_of((await self.login(username)).json()["access_token"])["sid"]
        session = await self.services.sessions.use(sid)
        assert session is not None
        return session

    async def begin_device(self, client: str = "tv", **form: str) -> dict[str, Any]:
        """Let a device ask for its codes."""
        answer = await self.post("/device_authorization", form, client)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def sub(self, username: str = "alice") -> str:
        """Return the subject of a person."""
        account = await self.services.administration.find(username)
        assert account is not None
        return account.sub

    async def family(
        self, client: str = "spa", *, username: str = "alice", sid: str | None = None, scope: str = "notes:read"
    ) -> str:
        """Start a refresh family as an authorization of `client` would, and return its first token."""
        issuer = self.services.token_issuer
        found = FIRST_PARTY if client == FIRST_PARTY.client_id else await self.services.clients.find(client)
        assert found is not None
        authorization = an_authorization(
            client=found,
            subject=await self.sub(username),
            scope=frozenset(scope.split()),
            sign_in=SignIn(self.clock.now(), "1", ("pwd",), sid),
            settlement=StartFamily(sid),
        )
        # None: a change of clients or roles a moment ago was not known yet; that is to be asked again.
        answer = await issuer.issue(authorization, FACTS) or await issuer.issue(authorization, FACTS)
        assert answer is not None
        assert answer.refresh_token is not None
        return answer.refresh_token

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return a table's rows, in the order of their first column."""
        found = METADATA.tables[table]
        with self.store.engines.read.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(select(found).order_by(*found.primary_key.columns))]

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """Return the whole database."""
        return {table: self.rows(table) for table in sorted(METADATA.tables)}

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the audit events of one name."""
        return [json.loads(row["body"]) for row in self.rows("audit_event") if row["name"] == name]

    @contextlib.contextmanager
    def counting(self) -> Iterator[Cost]:
        """Count what is sent to the database."""
        cost = Cost()
        engines = self.store.engines

        def executed(_c: object, _cursor: object, statement: str, *_: object) -> None:
            (cost.control if statement.startswith(_CONTROL) else cost.statements).append(statement)

        def committed(_connection: object) -> None:
            cost.commits += 1

        for engine in (engines.write, engines.read):
            event.listen(engine, "before_cursor_execute", executed)
        event.listen(engines.write, "commit", committed)
        try:
            yield cost
        finally:
            for engine in (engines.write, engines.read):
                event.remove(engine, "before_cursor_execute", executed)
            event.remove(engines.write, "commit", committed)

    @contextlib.contextmanager
    def failing(self, table: str, when: str = "UPDATE") -> Iterator[None]:
        """Make the database refuse each INSERT, UPDATE or DELETE of a table."""
        engine: Engine = self.store.engines.write
        with engine.begin() as connection:
            for statement in _trap(self.database.is_sqlite, table, when):
                connection.exec_driver_sql(statement)
        try:
            yield
        finally:
            with engine.begin() as connection:
                connection.exec_driver_sql("DROP TRIGGER trap" + ("" if self.database.is_sqlite else f" ON {table}"))


def _trap(is_sqlite: bool, table: str, when: str) -> list[str]:
    if is_sqlite:
        return [f"CREATE TRIGGER trap BEFORE {when} ON {table} BEGIN SELECT RAISE(ABORT, 'trapped'); END"]
    body = "CREATE OR REPLACE FUNCTION trap() RETURNS trigger AS $$ BEGIN RAISE disk_full; END $$ LANGUAGE plpgsql"
    return [body, f"CREATE TRIGGER trap BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION trap()"]


def basic(client_id: str, secret: str) -> str:
    """Spell client_secret_basic (RFC 6749 section 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def services_on(
    database: Database,
    folder: Path,
    settings: Mapping[str, str] | None = None,
    *,
    guesses: GuessPolicy | None = None,
    network: Network | None = None,
) -> Services:
    """Build the services of one process on a database. `settings` are named without their prefix."""
    environ = {"ISSUER": ISSUER, "DATA_DIR": str(folder), "KEY_ENCRYPTION_KEYS": KEK} | dict(settings or {})
    loaded = load({f"AUTH_SERVER_{name}": value for name, value in environ.items()})
    return build_services(loaded, store=database.store(), argon2=CHEAP, guesses=guesses, network=network or NoNetwork())


@contextlib.asynccontextmanager
async def running(
    database: Database,
    folder: Path,
    settings: Mapping[str, str] | None = None,
    *,
    guesses: GuessPolicy | None = None,
    network: Network | None = None,
    before: Callable[[Services], None] | None = None,
) -> AsyncIterator[Issuer]:
    """Run an auth server, from the start of its lifespan to its end. `before` sees its services before they start.

    Without a `network` of the test's own, nothing goes out: `NoNetwork` knows no name.
    """
    services = services_on(database, folder, settings, guesses=guesses, network=network)
    services.keyring._signers.update(_SIGNERS)
    if before is not None:
        before(services)
    with _captured_log() as log:
        issuer = Issuer(database, services, log)
        async with _lifespan(issuer.app), issuer.http:
            _SIGNERS.update(services.keyring._signers)
            yield issuer


@contextlib.asynccontextmanager
async def _lifespan(app: Application) -> AsyncIterator[None]:
    to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    from_app: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    serving = asyncio.create_task(app(scope, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    answer = await from_app.get()
    assert answer["type"] == "lifespan.startup.complete", answer
    try:
        yield
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        await serving


@contextlib.contextmanager
def _captured_log() -> Iterator[list[str]]:
    lines: list[str] = []

    class _Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name.startswith("httpx"):  # the test's own client
                return
            lines.append(self.format(record))

    handler = _Lines()
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
