"""Who may use a refresh family and for how long: its client, its lifetimes, its session and the person behind it; on both databases."""

from __future__ import annotations

import pytest

from auth_server.revocation.feed import CLIENT_REACH_SECONDS
from tests.support.answers import assert_refused
from tests.support.auth_app import Issuer
from tests.support.keys import claims_of
from tests.support.refreshing import DAY, G, let_rotate, next_token, the_family

# Who may use it


async def test_another_clients_token_changes_nothing(any_issuer: Issuer) -> None:
    token = await any_issuer.family("app")
    before = any_issuer.dump()

    for client in ("other", "poster", "spa"):
        assert_refused(await any_issuer.refresh(token, client))

    assert any_issuer.dump() == before
    assert next_token(await any_issuer.refresh(token, "app"))


async def test_a_confidential_client_keeps_its_token(any_issuer: Issuer) -> None:
    """RFC 9700 section 4.14.2: its token is bound to it by its authentication."""
    token = await any_issuer.family("app")

    for _ in range(3):
        await any_issuer.advance(5 * DAY)
        assert next_token(await any_issuer.refresh(token, "app")) == token

    assert the_family(any_issuer)["seq"] == 0


async def test_a_confidential_client_that_rotates_may_retry_for_a_day(any_issuer: Issuer) -> None:
    await let_rotate(any_issuer, "app")
    first = await any_issuer.family("app")
    second = next_token(await any_issuer.refresh(first, "app"))
    await any_issuer.advance(DAY)

    assert next_token(await any_issuer.refresh(first, "app")) == second
    await any_issuer.advance(0.001)
    assert_refused(await any_issuer.refresh(first, "app"))


async def test_a_token_of_a_rotated_mac_key_still_works(any_issuer: Issuer) -> None:
    first = await any_issuer.family()
    await any_issuer.services.server_secrets.rotate("refresh-mac")
    await any_issuer.services.load_secrets()

    second = next_token(await any_issuer.refresh(first))
    await any_issuer.advance(G + 1)

    assert next_token(await any_issuer.refresh(second))


# How long


@pytest.mark.parametrize("client", ["spa", "app"])
async def test_a_family_that_is_not_used_for_its_idle_lifetime_is_over(any_issuer: Issuer, client: str) -> None:
    token = next_token(await any_issuer.refresh(await any_issuer.family(client), client))
    await any_issuer.advance(14 * DAY - 0.001)
    token = next_token(await any_issuer.refresh(token, client))
    await any_issuer.advance(14 * DAY)
    before = any_issuer.dump()

    assert_refused(await any_issuer.refresh(token, client))

    assert any_issuer.dump() == before


@pytest.mark.parametrize("client", ["spa", "app"])
async def test_a_family_is_over_after_its_lifetime_however_much_it_was_used(any_issuer: Issuer, client: str) -> None:
    token = await any_issuer.family(client)
    for _ in range(8):
        await any_issuer.advance(11 * DAY)
        token = next_token(await any_issuer.refresh(token, client))
    await any_issuer.advance(2 * DAY - 0.001)
    token = next_token(await any_issuer.refresh(token, client))
    await any_issuer.advance(0.001)

    assert_refused(await any_issuer.refresh(token, client))


async def test_what_is_long_over_is_deleted_a_slice_at_a_time(any_issuer: Issuer) -> None:
    for _ in range(3):
        await any_issuer.family()
    any_issuer.clock.advance(91 * DAY)

    def purge(limit: int) -> int:
        return any_issuer.store.run_blocking(lambda tx: tx.refresh_tokens.purge(kept_ms=DAY * 1000, limit=limit))

    assert purge(10) == 0
    any_issuer.clock.advance(0.001)
    assert [purge(2), purge(2), purge(2)] == [2, 1, 0]


# The person behind it


async def test_a_disabled_account_refreshes_nothing(any_issuer: Issuer) -> None:
    token = await any_issuer.family()
    await any_issuer.services.administration.disable(await any_issuer.sub(), "left")

    assert_refused(await any_issuer.refresh(token))


async def test_a_family_ends_with_its_session(any_issuer: Issuer) -> None:
    signed_in = (await any_issuer.login()).json()
    sid = claims_of(signed_in["access_token"])["sid"]
    await any_issuer.services.sessions.end(sid, "signed_out")

    assert_refused(await any_issuer.refresh(signed_in["refresh_token"], "first-party"))


async def test_a_family_with_offline_access_outlives_its_session_and_does_not_name_it(any_issuer: Issuer) -> None:
    signed_in = (await any_issuer.login(scope="notes:read offline_access")).json()
    assert "sid" not in claims_of(signed_in["access_token"])
    for session in any_issuer.rows("session"):
        await any_issuer.services.sessions.end(session["sid"], "signed_out")

    answer = await any_issuer.refresh(signed_in["refresh_token"], "first-party")

    assert "sid" not in claims_of(answer.json()["access_token"])


async def test_use_of_a_family_keeps_its_session_alive(any_issuer: Issuer) -> None:
    """A page that only refreshes never shows the session's cookie; its person is not away all the same."""
    token = (await any_issuer.login()).json()["refresh_token"]
    for _ in range(3):
        await any_issuer.advance(0.9 * DAY)
        token = next_token(await any_issuer.refresh(token, "first-party"))
    await any_issuer.advance(DAY)

    assert_refused(await any_issuer.refresh(token, "first-party"))


async def test_roles_are_asked_for_at_each_refresh(any_issuer: Issuer) -> None:
    signed_in = (await any_issuer.login()).json()
    assert signed_in["scope"] == "notes:read notes:write"
    await any_issuer.services.roles.revoke(await any_issuer.sub(), "editor")
    await any_issuer.services.roles.grant(await any_issuer.sub(), "reader")

    answer = (await any_issuer.refresh(signed_in["refresh_token"], "first-party")).json()

    assert answer["scope"] == "notes:read"
    assert claims_of(answer["access_token"])["roles"] == ["reader"]


async def test_ending_a_client_ends_its_families(any_issuer: Issuer) -> None:
    token = await any_issuer.family("app")

    assert await any_issuer.services.clients.disable("app")

    assert (await any_issuer.refresh(token, "app")).json()["error"] == "invalid_client"
    assert the_family(any_issuer)["reason"] == "client_disabled"
    (entry,) = any_issuer.rows("feed_entry")
    # A replica may not know of it yet: what it still signs is dead as well.
    ends = any_issuer.clock.now() + CLIENT_REACH_SECONDS
    assert (entry["kind"], entry["key"], entry["not_before"]) == ("client_nbf", "app", ends)


async def test_the_families_of_a_person_or_a_session_may_be_ended_together(any_issuer: Issuer) -> None:
    for sid in ("sid-1", "sid-1", "sid-2", None):
        await any_issuer.family(sid=sid)
    await any_issuer.family(username="bob")
    alice, store = await any_issuer.sub(), any_issuer.store

    assert await store.run(lambda tx: tx.refresh_tokens.revoke_of_subject(alice, "password", keep_sid="sid-1")) == 2
    assert await store.run(lambda tx: tx.refresh_tokens.revoke_of_session("sid-1", "signed_out")) == 2
    assert await store.run(lambda tx: tx.refresh_tokens.revoke_of_subject(alice, "again")) == 0

    reasons = [row["reason"] for row in any_issuer.rows("refresh_family")]
    assert sorted(map(str, reasons)) == ["None", "password", "password", "signed_out", "signed_out"]
