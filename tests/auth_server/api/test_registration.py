"""Signing up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.auth_app import Issuer, running
from tests.support.databases import Database

CAROL = {"username": "carol", "email": "carol@mail.example", "password": "orchid-Ferry-quartz-bramble-3127"}


async def test_who_signed_up_may_sign_in(any_issuer: Issuer) -> None:
    answer = await any_issuer.http.post("/api/registration", json=CAROL)

    assert answer.status_code == 201, answer.text
    assert answer.json() == {"sub": await any_issuer.sub("carol"), "username": "carol"}
    signed_in = await any_issuer.login("carol", CAROL["password"])
    assert signed_in.json()["scope"] == "notes:read"


@pytest.mark.parametrize(
    "changes, status, error",
    [
        ({"username": "alice"}, 409, "username_taken"),
        ({"password": "short"}, 422, "weak_password"),
        ({"password": None}, 400, "invalid_request"),
        ({"email": 1}, 400, "invalid_request"),
    ],
)
async def test_what_is_wrong_is_told_by_a_code(issuer: Issuer, changes: dict[str, object], status: int, error: str) -> None:
    before = issuer.rows("account")

    answer = await issuer.http.post("/api/registration", json={**CAROL, **changes})

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert issuer.rows("account") == before


async def test_a_closed_server_signs_nobody_up(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path, {"REGISTRATION": "closed"}) as issuer:
        answer = await issuer.http.post("/api/registration", json=CAROL)

    assert (answer.status_code, answer.json()["error"]) == (403, "registration_closed")
