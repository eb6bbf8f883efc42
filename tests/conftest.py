"""Fixtures that any test may ask for: a virtual clock, stores on real databases, and a running auth server."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from auth_server.keys.custodians.aws_kms import AwsKmsAccess
from auth_server.keys.custodians.pkcs11 import Pkcs11Access
from auth_server.store.store import Store
from tests.support.clock import FakeClock
from tests.support.databases import Database, PostgresCluster, SqliteTemplate, find_postgres, skip_or_fail
from tests.support.hsm import an_hsm, find_softhsm
from tests.support.issuers import (
    any_issuer,
    any_issuer_database,
    issuer,
    issuer_database,
    prepared_postgres,
    prepared_sqlite,
)
from tests.support.kms import a_kms

__all__ = ["any_issuer", "any_issuer_database", "issuer", "issuer_database", "prepared_postgres", "prepared_sqlite"]

_HERE: Final = Path(__file__).parent

# No test judges time: a busy machine would fail a law that holds. What must be quick is measured by `make bench`.
settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("laws")


# Where a test may take many seconds. They come first, so that in the end, when there is little left to share, all of it is short.
_LONG: Final = frozenset({"containers", "wheel", "properties", "browser", "flows", "interop", "benchmarks"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long tests first; the order is kept otherwise."""
    items.sort(key=lambda item: item.path.relative_to(_HERE).parts[0] not in _LONG)


def pytest_collection_finish() -> None:
    """Spare the collector: eight thousand tests stay until the end, and most of what these programs make is gone without it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio alone: the servers run on nothing else."""
    return "asyncio"


@pytest.fixture
def clock() -> FakeClock:
    """The time of this test: of its processes and of its database."""
    return FakeClock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    """A migrated SQLite file to copy."""
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """A PostgreSQL server of our own; skips, or fails with REQUIRE_ALL=1, where there are no binaries to start."""
    binaries = find_postgres()
    if binaries is None:
        skip_or_fail("no PostgreSQL server binaries (initdb, pg_ctl) were found")
    if find_spec("psycopg") is None:
        skip_or_fail("the PostgreSQL driver is not installed")
    cluster = PostgresCluster(binaries)
    yield cluster
    cluster.stop()


@pytest.fixture
def database(sqlite_template: SqliteTemplate, tmp_path: Path, clock: FakeClock) -> Iterator[Database]:
    """A migrated SQLite database."""
    made = sqlite_template.create(tmp_path / "database", clock)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_database(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[Database]:
    """A migrated database of each kind in turn."""
    if request.param == "sqlite":
        yield request.getfixturevalue("database")
    else:
        yield from request.getfixturevalue("postgres_cluster").database(clock)


@pytest.fixture
def store(database: Database) -> Store:
    """A store on SQLite, on the virtual clock."""
    return database.store()


@pytest.fixture
def any_store(any_database: Database) -> Store:
    """A store on SQLite, then on PostgreSQL, on the virtual clock."""
    return any_database.store()


@pytest.fixture(scope="session")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pkcs11Access]:
    """A token in SoftHSM; skips, or fails with REQUIRE_ALL=1, where SoftHSM or the binding is not installed."""
    module = find_softhsm()
    if module is None:
        skip_or_fail("SoftHSM 2 (softhsm2-util, libsofthsm2.so) was not found")
    if find_spec("pkcs11") is None:
        skip_or_fail("the package python-pkcs11 is not installed")
    with an_hsm(module, tmp_path_factory.mktemp("hsm")) as access:
        yield access


@pytest.fixture
def kms() -> Iterator[AwsKmsAccess]:
    """An empty AWS KMS in this process; skips, or fails with REQUIRE_ALL=1, where moto or boto3 is not installed."""
    if find_spec("moto") is None or find_spec("boto3") is None:
        skip_or_fail("the packages moto and boto3 are not installed")
    with a_kms() as access:
        yield access
