"""No token outlives a revocation that it should not, and none is dead on arrival: at the seams of a second, and between replicas."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from auth_server.endpoints.registry import registration_rules
from auth_server.protocol.secret import Secret
from auth_server.store.transaction import Transaction
from auth_server.tokens import standing
from shared.revocation import RevocationKind
from tests.support.auth_app import Issuer, running
from tests.support.builders import a_client
from tests.support.registered import SECRETS


def _claims(answer: Any) -> dict[str, Any]:
    payload = answer.json()["access_token"].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


def _bound(issuer: Issuer, kind: RevocationKind) -> int:
    return max(row["not_before"] for row in issuer.rows("feed_entry") if row["kind"] == kind.value)


async def test_a_sign_in_in_the_second_of_a_revocation_gets_a_token_of_the_next_one(any_issuer: Issuer) -> None:
    issuer = any_issuer
    await issuer.services.administration.set_password(await issuer.sub(), "another-Long-enough-pass-9921")

    answer = await issuer.login(password="another-Long-enough-pass-9921")

    assert answer.status_code == 200
    assert _claims(answer)["iat"] > _bound(issuer, RevocationKind.SUBJECT)


async def test_a_refresh_in_the_second_of_a_lost_role_waits_and_shows_what_is_left(any_issuer: Issuer) -> None:
    issuer = any_issuer
    token = (await issuer.login(scope="notes:read offline_access")).json()["refresh_token"]
    issuer.clock.advance(40)
    await issuer.services.roles.revoke(await issuer.sub(), "editor")
    await issuer.services.roles.grant(await issuer.sub(), "reader")

    answer = await issuer.refresh(token, client="first-party")

    assert answer.status_code == 200, answer.text
    claims = _claims(answer)
    assert claims["iat"] > _bound(issuer, RevocationKind.SUBJECT)
    assert claims.get("roles", []) == ["reader"]


async def test_what_was_read_before_a_revocation_is_not_told_after_it(
    any_issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The roles are read, then one of them is taken, and a second later the token is signed: it would live on with the role."""
    issuer = any_issuer
    token = (await issuer.login()).json()["refresh_token"]
    issuer.clock.advance(40)
    sub = await issuer.sub()
    other = issuer.database.store()
    sign = issuer.services.keyring.sign
    signed: list[dict[str, Any]] = []

    async def slowly(claims: dict[str, Any], *arguments: Any) -> str:
        if not signed:
            await other.run(lambda tx: _take_role(issuer, tx, sub))
            issuer.clock.advance(1.5)
        signed.append(dict(claims))
        return await sign(claims, *arguments)

    monkeypatch.setattr(issuer.services.keyring, "sign", slowly)
    answer = await issuer.refresh(token, client="first-party")

    assert answer.status_code == 200, answer.text
    assert signed[0]["roles"] == ["editor"]
    # What was thrown away is covered by the entry; what was answered is later than it, and says what is so.
    assert signed[0]["iat"] <= _bound(issuer, RevocationKind.SUBJECT) < _claims(answer)["iat"]
    assert "roles" not in _claims(answer)


def _take_role(issuer: Issuer, tx: Transaction, sub: str) -> None:
    assert tx.roles.revoke(sub, "editor")
    issuer.services.feed.revoke_subject(tx, sub)


async def test_a_permission_that_another_replica_took_away_is_not_shown_from_memory(any_issuer: Issuer, tmp_path: Path) -> None:
    issuer = any_issuer
    token = (await issuer.login()).json()["refresh_token"]
    issuer.clock.advance(40)
    async with running(issuer.database, tmp_path / "other") as other:
        await other.services.roles.remove_permission("editor", "notes:write")
    issuer.clock.advance(1.5)

    # This process has not asked for the directory's version since.
    answer = await issuer.refresh(token, client="first-party")

    assert "notes:write" not in _claims(answer).get("entitlements", [])


async def test_a_password_changed_while_a_token_was_made_ends_the_sign_in(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever signed in with the old password must not be given a token that is later than the change."""
    sub = await issuer.sub()
    sign = issuer.services.keyring.sign
    changed: list[bool] = []

    async def change_first(*arguments: Any) -> str:
        if not changed:
            changed.append(True)
            await issuer.services.administration.set_password(sub, "another-Long-enough-pass-9921")
        return await sign(*arguments)

    monkeypatch.setattr(issuer.services.keyring, "sign", change_first)
    answer = await issuer.login()

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_credentials")


async def test_a_client_that_comes_back_waits_until_its_tokens_would_live(issuer: Issuer) -> None:
    await issuer.services.clients.delete("machine")
    client = a_client("machine", grants=frozenset({"client_credentials"}))
    await issuer.services.clients.register(client, registration_rules(), Secret(SECRETS["machine"]))

    early = await issuer.token("machine", grant_type="client_credentials")
    issuer.clock.advance(float(early.headers["retry-after"]))
    late = await issuer.token("machine", grant_type="client_credentials")

    assert (early.status_code, early.json()["error"]) == (503, "temporarily_unavailable")
    assert _claims(late)["iat"] > _bound(issuer, RevocationKind.CLIENT)


async def test_an_entry_of_another_replica_is_known_here_soon(issuer: Issuer) -> None:
    other = issuer.database.store()
    await other.run(issuer.services.feed.revoke_all)
    await issuer.services.standing.poll()

    answer = await issuer.token("machine", grant_type="client_credentials")

    assert _claims(answer)["iat"] > _bound(issuer, RevocationKind.ALL)


async def test_a_warm_request_of_a_client_for_itself_still_asks_no_database(issuer: Issuer) -> None:
    await issuer.token("machine", grant_type="client_credentials")

    with issuer.counting() as cost:
        await issuer.token("machine", grant_type="client_credentials")

    assert cost.statements == []


def test_the_wait_is_about_a_second() -> None:
    assert standing._LONGEST_WAIT_MS <= 1_250
