"""A refresh token that is ahead of its row says that the database lost commits: nobody signs until an operator has settled it."""

from __future__ import annotations

from sqlalchemy import update

from auth_server.store.refresh_family_table import REFRESH_FAMILY
from tests.support.auth_app import Issuer


async def _ahead(issuer: Issuer, token: str) -> str:
    """Rotate a token and lose that commit; return the token that is ahead."""
    (before,) = issuer.rows("refresh_family")
    answer = await issuer.refresh(token)
    with issuer.store.engines.write.begin() as connection:
        connection.execute(update(REFRESH_FAMILY).where(REFRESH_FAMILY.c.id == before["id"]).values(**before))
    ahead: str = answer.json()["refresh_token"]
    return ahead


async def test_the_alarm_lets_nobody_sign_and_the_key_set_goes_on_being_served(any_issuer: Issuer) -> None:
    served = any_issuer.services.keyring.jwks()
    ahead = await _ahead(any_issuer, await any_issuer.family())

    assert (await any_issuer.refresh(ahead)).status_code == 400
    await any_issuer.services.keyring.refresh()

    refused = await any_issuer.login()
    assert refused.status_code == 503
    assert "restore finish" in (any_issuer.services.keyring.fault() or "")
    assert any_issuer.services.keyring.jwks() == served
    assert [event["outcome"] for event in any_issuer.events("state_rollback_detected")] == ["alarm"]


async def test_a_finished_restore_ends_it_and_the_same_token_does_not_begin_it_anew(any_issuer: Issuer) -> None:
    """Its holder could halt the issuer whenever he likes."""
    ahead = await _ahead(any_issuer, await any_issuer.family())
    await any_issuer.refresh(ahead)
    any_issuer.clock.advance(1)
    await any_issuer.services.restore.finish(accept_unknown_key=True)

    assert (await any_issuer.refresh(ahead)).status_code == 400
    await any_issuer.services.keyring.refresh()

    assert any_issuer.services.keyring.fault() is None
    assert (await any_issuer.login()).status_code == 200
    assert [event["outcome"] for event in any_issuer.events("state_rollback_detected")] == ["alarm", "known"]


async def test_a_rollback_after_that_is_noticed_again(any_issuer: Issuer) -> None:
    await any_issuer.services.restore.finish(accept_unknown_key=True)
    await any_issuer.advance(2)
    ahead = await _ahead(any_issuer, await any_issuer.family())

    await any_issuer.refresh(ahead)
    await any_issuer.services.keyring.refresh()

    assert any_issuer.services.keyring.fault() is not None
