"""While a signature is made no transaction is open: a custodian that takes seconds keeps nobody from the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import pytest
from sqlalchemy import text

from auth_server.keys.active_key import ActiveKey
from tests.support.auth_app import Issuer
from tests.support.visitor import Visitor

_OPEN_TRANSACTIONS = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
)


def _check_that_nothing_is_locked(issuer: Issuer) -> None:
    if issuer.database.url.startswith("sqlite"):
        with sqlite3.connect(issuer.database.url.removeprefix("sqlite:///"), timeout=0, isolation_level=None) as another:
            another.execute("BEGIN IMMEDIATE")  # OperationalError while somebody writes
            another.execute("ROLLBACK")
        another.close()
        return
    with issuer.store.engines.read.connect() as connection:
        assert connection.execute(_OPEN_TRANSACTIONS).scalar_one() == 0


@pytest.fixture
def signed(any_issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The `typ` of everything that is signed, each noted when nothing was locked."""
    typs: list[str] = []
    sign = ActiveKey.sign

    def watched(key: ActiveKey, claims: Mapping[str, object], typ: str) -> str:
        _check_that_nothing_is_locked(any_issuer)
        typs.append(typ)
        return sign(key, claims, typ)

    monkeypatch.setattr(ActiveKey, "sign", watched)
    return typs


async def test_no_grant_holds_a_lock_while_it_waits_for_a_signature(any_issuer: Issuer, signed: list[str]) -> None:
    signed_in = await any_issuer.login()
    refreshed = await any_issuer.refresh(signed_in.json()["refresh_token"], "first-party")
    machine = await any_issuer.token("machine", grant_type="client_credentials")
    redeemed = await Visitor(any_issuer).tokens()

    assert [answer.status_code for answer in (signed_in, refreshed, machine)] == [200, 200, 200]
    assert "id_token" in redeemed
    assert signed == ["at+jwt"] * 4 + ["JWT"]


async def test_the_look_finds_a_lock(any_issuer: Issuer) -> None:
    """Or nothing above would say anything."""
    with any_issuer.store.engines.write.begin() as connection:
        connection.execute(text("UPDATE key_ring SET wanted_at = wanted_at"))
        with pytest.raises((sqlite3.OperationalError, AssertionError)):
            _check_that_nothing_is_locked(any_issuer)
