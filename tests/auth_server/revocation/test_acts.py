"""Every act that ends something leaves its entry on the feed, in the very commit of the act: if the entry cannot be written, nothing is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from auth_server.protocol.errors import StoreUnavailable
from shared.revocation import RevocationKind
from tests.support.auth_app import Issuer

Act = Callable[[Issuer], Awaitable[object]]


async def _sign_in(issuer: Issuer) -> dict[str, str]:
    answer = await issuer.login()
    assert answer.status_code == 200
    found: dict[str, str] = answer.json()
    return found


async def _logout(issuer: Issuer) -> Act:
    token = (await _sign_in(issuer))["refresh_token"]
    return lambda issuer: issuer.http.post("/api/logout", json={"refresh_token": token})


async def _disable_user(issuer: Issuer) -> Act:
    sub = await issuer.sub()
    return lambda issuer: issuer.services.administration.disable(sub, "left")


async def _change_password(issuer: Issuer) -> Act:
    sub = await issuer.sub()
    return lambda issuer: issuer.services.administration.set_password(sub, "another-Long-enough-pass-9921")


async def _take_role(issuer: Issuer) -> Act:
    sub = await issuer.sub()
    return lambda issuer: issuer.services.roles.revoke(sub, "editor")


async def _reuse(issuer: Issuer) -> Act:
    first = await issuer.family("spa")
    second = (await issuer.refresh(first)).json()["refresh_token"]
    issuer.clock.advance(60)
    await issuer.refresh(second)
    issuer.clock.advance(300)
    return lambda issuer: issuer.refresh(first)


async def _withdraw_consent(issuer: Issuer) -> Act:
    sub, consents = await issuer.sub(), issuer.services.consents
    await issuer.family("spa")
    await issuer.store.run(
        lambda tx: consents.remember(tx, sub, "spa", issuer.rows("resource")[0]["identifier"], frozenset({"notes:read"}))
    )
    return lambda issuer: consents.withdraw(sub, "spa")


async def _disable_client(_issuer: Issuer) -> Act:
    return lambda issuer: issuer.services.clients.disable("app")


async def _delete_client(_issuer: Issuer) -> Act:
    return lambda issuer: issuer.services.clients.delete("app")


async def _burn(issuer: Issuer) -> Act:
    kid = next(row["kid"] for row in issuer.rows("signing_key") if row["state"] == "active")
    return lambda issuer: issuer.services.burning.burn(kid, reason="stolen")


async def _end_session(issuer: Issuer) -> Act:
    await _sign_in(issuer)
    (session,) = issuer.rows("session")
    return lambda issuer: issuer.services.sessions.end(session["sid"], "revoked_by_operator")


async def _give_back_refresh_token(issuer: Issuer) -> Act:
    token = await issuer.family("app")
    return lambda issuer: issuer.post("/revoke", {"token": token})


async def _give_back_access_token(issuer: Issuer) -> Act:
    token = (await issuer.token(grant_type="client_credentials")).json()["access_token"]
    return lambda issuer: issuer.post("/revoke", {"token": token})


ACTS: dict[str, tuple[Callable[[Issuer], Awaitable[Act]], RevocationKind]] = {
    "logout": (_logout, RevocationKind.SID),
    "user disabled": (_disable_user, RevocationKind.SUBJECT),
    "password changed": (_change_password, RevocationKind.SUBJECT),
    "role taken away": (_take_role, RevocationKind.SUBJECT),
    "consent withdrawn": (_withdraw_consent, RevocationKind.GRANT),
    "refresh token reused": (_reuse, RevocationKind.GRANT),
    "client disabled": (_disable_client, RevocationKind.CLIENT),
    "client deleted": (_delete_client, RevocationKind.CLIENT),
    "key burned": (_burn, RevocationKind.KID),
    "session ended by an operator": (_end_session, RevocationKind.SID),
    "refresh token given back": (_give_back_refresh_token, RevocationKind.GRANT),
    "access token given back": (_give_back_access_token, RevocationKind.TOKEN),
}


@pytest.mark.parametrize("name", ACTS)
async def test_an_act_leaves_its_entry(issuer: Issuer, name: str) -> None:
    prepare, kind = ACTS[name]
    act = await prepare(issuer)

    await act(issuer)

    assert kind.value in {row["kind"] for row in issuer.rows("feed_entry")}


@pytest.mark.parametrize("name", ACTS)
async def test_an_act_whose_entry_cannot_be_written_did_not_happen(any_issuer: Issuer, name: str) -> None:
    act = await ACTS[name][0](any_issuer)
    # What is written down before the act, and stays: what was meant to be done to a key.
    own = ("audit_event", "audit_head", "attempt", "rate_bucket")
    before = {table: rows for table, rows in any_issuer.dump().items() if table not in own}

    with any_issuer.failing("feed_entry", "INSERT"):
        try:
            answer = await act(any_issuer)
        except StoreUnavailable:
            pass
        else:
            assert getattr(answer, "status_code", None) == 503, answer

    assert {table: rows for table, rows in any_issuer.dump().items() if table not in own} == before
