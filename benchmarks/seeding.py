"""A database to measure on: one API, one service client, some people, and a refresh family for every session that is needed.

Made through the server's own services, so what is measured is what a real sign-in left behind.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from auth_server.clients.service import FIRST_PARTY
from auth_server.endpoints.registry import registration_rules
from auth_server.protocol.authorization import Authorization, SignIn
from auth_server.protocol.client import Client
from auth_server.protocol.resource import Resource, ResourceScope
from auth_server.services import Services, build_services
from auth_server.settings import load
from auth_server.store.migrate import upgrade
from auth_server.store.transaction import Transaction
from auth_server.tokens.families import NewFamily
from auth_server.web.request_facts import RequestFacts

API = "http://localhost:8001"
CLIENT_ID = "benchmark"
SCOPES = ("notes:read", "notes:write")
_FACTS = RequestFacts("127.0.0.1", "benchmark-seed")
_FAMILIES_A_WRITE = 64


@dataclass(slots=True)
class Seeded:
    """What the loads need to know of the database."""

    basic: str = field(repr=False)
    passwords: Mapping[str, str] = field(repr=False)
    refresh_tokens: list[str] = field(repr=False)

    def take_refresh_tokens(self, count: int) -> list[str]:
        """Return tokens of families that were not used yet."""
        taken, self.refresh_tokens = self.refresh_tokens[:count], self.refresh_tokens[count:]
        return taken


def seed(environment: Mapping[str, str], *, people: int, families: int) -> Seeded:
    """Make the database that these settings name, and fill it."""
    services = build_services(load(environment))
    try:
        upgrade(services.store.engines)
        return asyncio.run(_fill(services, people, families))
    finally:
        services.close()


async def _fill(services: Services, people: int, families: int) -> Seeded:
    await services.start()
    scopes = {name: ResourceScope(name) for name in SCOPES}
    await services.resources.create(Resource(API, "Notes", scopes))
    secret = await _service_client(services)
    passwords = {f"person{number}": secrets.token_urlsafe(18) for number in range(people)}
    subs = [
        (await services.registration.create_by_operator(username=name, password=password)).account.sub
        for name, password in passwords.items()
    ]
    tokens: list[str] = []
    resource = (await services.resources.all())[API]
    while len(tokens) < families:
        drafts = [services.families.draft() for _ in range(min(_FAMILIES_A_WRITE, families - len(tokens)))]
        await services.store.run(lambda tx, drafts=drafts: _sign_in_all(tx, services, subs, resource, drafts))  # type: ignore[misc]
        tokens += [draft.token.text for draft in drafts]
    return Seeded("Basic " + base64.b64encode(f"{CLIENT_ID}:{secret}".encode()).decode(), passwords, tokens)


async def _service_client(services: Services) -> str:
    client = Client(
        client_id=CLIENT_ID,
        name="Benchmark",
        auth_method="client_secret_basic",
        grants=frozenset({"client_credentials"}),
        scope=frozenset(SCOPES),
    )
    made = await services.clients.register(client, registration_rules())
    assert made is not None
    return made.reveal()


def _sign_in_all(tx: Transaction, services: Services, subs: list[str], resource: Resource, drafts: list[NewFamily]) -> None:
    for number, draft in enumerate(drafts):
        sub = subs[number % len(subs)]
        session = services.sessions.start(tx, sub, amr=("pwd",), facts=_FACTS)
        sign_in = SignIn(session.auth_time, session.acr, session.amr, session.sid)
        authorization = Authorization(
            FIRST_PARTY, sub, resource, frozenset({SCOPES[0]}), sign_in=sign_in, grant_id=draft.grant_id
        )
        services.families.start(tx, draft, authorization, session.sid, _FACTS)
