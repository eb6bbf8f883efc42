"""Fixtures: the auth server's database, prepared once a session in each kind, and a server that runs on a copy of it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from auth_server.endpoints.registry import registration_rules
from auth_server.protocol.client import Client
from auth_server.protocol.secret import Secret
from auth_server.services import Services
from tests.support.auth_app import Issuer, running, services_on
from tests.support.builders import a_resource
from tests.support.clock import FakeClock
from tests.support.databases import Database, PostgresCluster, SqliteTemplate, keep_rows, put_back_rows, set_clock
from tests.support.registered import CLIENTS, PASSWORDS, SECRETS


async def _prepare(database: Database, folder: Path) -> None:
    services = services_on(database, folder)
    await services.start()
    await services.resources.create(a_resource(permissions=frozenset({"notes:admin"})))
    await services.roles.create("reader", ["notes:read"])
    await services.roles.create("editor", ["notes:read", "notes:write"])
    for client in CLIENTS:
        await _register(services, client)
    for username, role in (("alice", "editor"), ("bob", "reader")):
        await services.registration.create_by_operator(
            username=username, email=f"{username}@mail.example", password=PASSWORDS[username], roles=(role,)
        )
    services.close()


async def _register(services: Services, client: Client) -> None:
    secret = SECRETS.get(client.client_id)
    await services.clients.register(client, registration_rules(), Secret(secret) if secret else None)


@pytest.fixture(scope="session")
def prepared_sqlite(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with everything the issuer of a test knows."""
    folder = tmp_path_factory.mktemp("prepared")
    database = sqlite_template.create(folder, FakeClock())
    asyncio.run(_prepare(database, folder))
    return folder / "database.sqlite3"


@pytest.fixture(scope="session")
def prepared_postgres(postgres_cluster: PostgresCluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same in PostgreSQL, with a second copy of every row to come back to."""
    name = postgres_cluster._create(postgres_cluster._template)
    clock = FakeClock()
    with postgres_cluster._connect(name) as connection:
        set_clock(connection, clock.ms)
        asyncio.run(_prepare(Database(postgres_cluster.url(name), clock), tmp_path_factory.mktemp("prepared")))
        keep_rows(connection, "prepared")
    return name


def copy_of_sqlite(prepared: Path, folder: Path, clock: FakeClock) -> Database:
    """Return a database that holds what was prepared."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "issuer.sqlite3"
    shutil.copyfile(prepared, path)
    return Database(f"sqlite:///{path}", clock)


@contextlib.contextmanager
def restored_postgres(cluster: PostgresCluster, prepared: str, clock: FakeClock) -> Iterator[Database]:
    """Yield the PostgreSQL database, with what was prepared and nothing else. Copying the database would take ten times as long."""
    with cluster._connect(prepared) as connection:
        put_back_rows(connection, "prepared")
        follow = partial(set_clock, connection)
        clock.watch(follow)
        database = Database(cluster.url(prepared), clock)
        yield database
        database.close()
        clock.unwatch(follow)


@pytest.fixture
def issuer_database(prepared_sqlite: Path, tmp_path: Path, clock: FakeClock) -> Iterator[Database]:
    """An SQLite database of an issuer, prepared."""
    database = copy_of_sqlite(prepared_sqlite, tmp_path, clock)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_issuer_database(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Database]:
    """A prepared database of each kind in turn."""
    if request.param == "sqlite":
        yield request.getfixturevalue("issuer_database")
        return
    cluster = request.getfixturevalue("postgres_cluster")
    with restored_postgres(cluster, request.getfixturevalue("prepared_postgres"), clock) as database:
        yield database


@pytest.fixture
async def issuer(issuer_database: Database, tmp_path: Path) -> AsyncIterator[Issuer]:
    """A running auth server on SQLite."""
    async with running(issuer_database, tmp_path) as started:
        yield started


@pytest.fixture
async def any_issuer(any_issuer_database: Database, tmp_path: Path) -> AsyncIterator[Issuer]:
    """A running auth server on SQLite, then on PostgreSQL."""
    async with running(any_issuer_database, tmp_path) as started:
        yield started
