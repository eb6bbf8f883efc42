"""What a platform asks: is it alive, may it be sent requests, which version is it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from auth_server import __version__
from tests.support.auth_app import Issuer


async def test_a_running_server_is_alive_and_ready(any_issuer: Issuer) -> None:
    for path in ("/livez", "/readyz", "/healthz"):
        answer = await any_issuer.http.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert answer.headers["cache-control"] == "no-store"


async def test_every_check_is_listed_on_request(issuer: Issuer) -> None:
    answer = await issuer.http.get("/readyz?verbose")

    assert answer.json() == {"status": "ok", "checks": {"database": "ok", "signing_key": "ok", "draining": "ok"}}


@pytest.mark.parametrize("fault", ["draining", "signing_key"])
async def test_a_server_that_cannot_serve_is_alive_and_not_ready(issuer: Issuer, fault: str) -> None:
    if fault == "draining":
        issuer.services.health.draining = True
    else:
        issuer.clock.advance(61)  # nobody looked at the key ring for longer than its lease

    live, ready = await issuer.http.get("/livez"), await issuer.http.get("/readyz")

    assert (live.status_code, ready.status_code) == (200, 503)
    assert [name for name, state in ready.json()["checks"].items() if state != "ok"] == [fault]


async def test_a_database_of_another_schema_is_not_ready(issuer: Issuer) -> None:
    with issuer.store.engines.write.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'ffff'"))

    answer = await issuer.http.get("/readyz")

    assert answer.status_code == 503
    assert "migrate" in answer.json()["checks"]["database"]


async def test_the_version_is_told(issuer: Issuer) -> None:
    assert (await issuer.http.get("/version")).json() == {"name": "sealwright auth server", "version": __version__}


async def test_a_visitor_is_told_what_this_is_and_where_things_are(issuer: Issuer) -> None:
    links = (await issuer.http.get("/")).json()["links"]

    assert links["sign_in"] == "http://localhost:8000/api/login"
    for name, url in links.items():
        assert (await issuer.http.get(url)).status_code in (200, 405), name
