"""The whole auth server in a test's process, without a listener: requests come in as values and go through its ASGI application.

Everything is the real thing: store (SQLite in a temporary folder), keys, jobs, doors. Only what costs time is cheap: the schema comes
from the tables, and Argon2 takes 8 KiB. The contract is the kit's own (`contract.py` of its testing room); neither side imports the other.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from auth_server.accounts.passwords import Argon2Cost
from auth_server.app import Application
from auth_server.keys.rings import DEFAULT_ALGORITHMS
from auth_server.protocol.resource import Resource, ResourceScope
from auth_server.revocation.feed import Feed
from auth_server.services import Services, build_services
from auth_server.settings.load import load
from auth_server.store.engine import open_engines, parse_database_url
from auth_server.store.fresh_schema import build_schema
from auth_server.store.store import Store
from auth_server.store.transaction import Transaction
from auth_server.testing.asgi import Answer, Headers, Lifespan, ask, post_json
from auth_server.testing.clock import SQL_NOW, SkewedClock
from shared import base64url

_CHEAP: Final = Argon2Cost(memory_kib=8, passes=1, lanes=1)
_SECONDS: Final = 30.0
# Long, and unlike the name of any test's person: it is for people whose password a test does not care about.
_PASSWORD: Final = "lantern-Gravel-otter-7413-umbrella"

T = TypeVar("T")


class InProcessIssuer:
    """One auth server with an event loop of its own, in a daemon thread. Every method may be called from any thread."""

    def __init__(self, url: str, resources: Mapping[str, Sequence[str]]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sealwright-test-issuer-"))
        self._clock = SkewedClock()
        self._requests: set[asyncio.Task[Answer]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test-issuer-loop", daemon=True)
        self._thread.start()
        self._services = self._build(url)
        self._app = Application(self._services)
        self._lifespan = Lifespan(self._app)
        self._await(self._lifespan.start())
        self._await(self._create(resources))

    # Requests.

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Answer one HTTP request; `target` is path and query."""
        return self._await(self._ask(method, target, headers, body))

    # The clock.

    def now(self) -> int:
        """Return its time, in whole seconds since the epoch."""
        return self._clock.now()

    def skew(self, seconds: float) -> None:
        """Put its clock ahead of this machine's."""
        self._clock.skew_seconds = seconds

    # Keys and tokens.

    def mint(self, claims: Mapping[str, object], typ: str) -> str:
        """Sign claims, whatever they are, with the key that signs now."""
        return self._await(self._services.keyring.sign(claims, typ))

    def rotate(self) -> str:
        """Promote the standby; return its kid. It was published since the start, which is why its age is no matter here."""
        return self._await(self._rotate())

    def burn(self, kid: str | None) -> str:
        """Burn a key, or the one that signs; return its kid."""
        return self._await(self._burn(kid))

    def revoke(self, kind: str, key: str) -> None:
        """Put an entry on the feed: kind is `sub`, `sid`, `grant_id`, `client_id` or `jti`."""
        revoke = _REVOCATIONS[kind]
        self._await(self._services.store.run(lambda tx: revoke(self._services.feed, tx, key)))

    # People.

    def sign_in(
        self,
        username: str,
        password: str | None,
        *,
        roles: Mapping[str, Sequence[str]],
        resource: str,
        scope: str | None,
    ) -> Mapping[str, object]:
        """Make the person and the roles if need be, sign in through the door, and return the token response.

        Raises:
            ValueError: the door refused; the text is its answer.
        """
        chosen = password or _PASSWORD
        self._await(self._provide(username, chosen, roles))
        asked = {"username": username, "password": chosen, "resource": resource, **({"scope": scope} if scope else {})}
        status, answer = self._await(post_json(self._app, "/api/login", asked))
        if status != 200:
            raise ValueError(f"the issuer refused the sign-in: {status} {answer}")
        return answer

    def close(self) -> None:
        """Stop the server, and remove its folder."""
        self._await(_end(self._requests))
        self._await(self._lifespan.stop())
        self._await(_end(asyncio.all_tasks(self._loop)))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # Inside.

    def _build(self, url: str) -> Services:
        database_url = parse_database_url(f"sqlite:///{self._folder / 'issuer.db'}")
        engines = open_engines(database_url, now_sql=SQL_NOW, on_connect=self._clock.define)
        build_schema(engines)
        settings = {
            "ISSUER": url,
            "DATA_DIR": str(self._folder),
            "DATABASE_URL": database_url,
            "KEY_ENCRYPTION_KEYS": base64url.encode(os.urandom(32)),
        }
        loaded = load({f"AUTH_SERVER_{name}": value for name, value in settings.items()})
        return build_services(loaded, store=Store(engines, clock=self._clock), argon2=_CHEAP)

    async def _create(self, resources: Mapping[str, Sequence[str]]) -> None:
        for identifier, scopes in resources.items():
            offered = {name: ResourceScope(name) for name in scopes}
            await self._services.resources.create(Resource(identifier, identifier, offered))

    async def _rotate(self) -> str:
        rotation = self._services.rings.of(DEFAULT_ALGORITHMS[0])
        kid = await rotation.rotate_now(emergency=True)
        await self._services.keyring.refresh()
        return kid

    async def _burn(self, kid: str | None) -> str:
        burned = await self._services.store.read(_signing_kid) if kid is None else kid
        await self._services.burning.burn(burned, reason="a test asked for it")
        await self._services.keyring.refresh()
        return burned

    async def _provide(self, username: str, password: str, roles: Mapping[str, Sequence[str]]) -> None:
        known = {role.name for role in await self._services.roles.list()}
        for name, permissions in roles.items():
            if name not in known:
                await self._services.roles.create(name, permissions)
                continue
            for permission in permissions:
                await self._services.roles.add_permission(name, permission)
        account = await self._services.administration.find(username)
        if account is None:
            await self._services.registration.create_by_operator(
                username=username, password=password, roles=tuple(roles), may_be_weak=True
            )
            return
        for name in roles:
            await self._services.roles.grant(account.sub, name)

    async def _ask(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        task = asyncio.create_task(ask(self._app, method, target, headers, body))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)
        return await task

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SECONDS)


def start(url: str, resources: Mapping[str, Sequence[str]]) -> InProcessIssuer:
    """Start an auth server whose issuer is `url`; whoever calls listens there and passes requests on."""
    return InProcessIssuer(url, resources)


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """End what still runs: guards that wait at the feed for news, and watches that a served process takes with it."""
    running = [task for task in tasks if not task.done() and task is not asyncio.current_task()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def _signing_kid(tx: Transaction) -> str:
    view = tx.signing_keys.view(DEFAULT_ALGORITHMS[0])
    if view is None or view.active_kid is None:
        raise ValueError("no key signs")
    return view.active_kid


_REVOCATIONS: Final = {
    "sub": Feed.revoke_subject,
    "sid": Feed.revoke_session,
    "grant_id": Feed.revoke_grant,
    "client_id": Feed.revoke_client,
    "jti": Feed.revoke_token,
}
