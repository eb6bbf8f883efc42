"""What a replica answers when its view of the keys grows old, or its clock is wrong: 503, and never a wrong token."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest

from auth_server.protocol.errors import StoreUnavailable
from shared.key_policy import KeyPolicy
from tests.support.auth_app import Issuer, running
from tests.support.databases import Database

W_SIGN = KeyPolicy().sign_lease
W_PUB = KeyPolicy().view_lease
EPSILON = KeyPolicy().clock_error


async def mint(issuer: Issuer) -> httpx2.Response:
    return await issuer.token("machine", grant_type="client_credentials", scope="notes:read")


async def jwks(issuer: Issuer) -> httpx2.Response:
    return await issuer.http.get("/.well-known/jwks.json")


def is_try_again(answer: httpx2.Response) -> bool:
    return answer.status_code == 503 and int(answer.headers["retry-after"]) > 0 and "access_token" not in answer.text


async def test_an_old_view_stops_signing_first_and_publishing_later(issuer: Issuer) -> None:
    issuer.clock.advance(W_SIGN)
    assert (await mint(issuer)).status_code == 200
    issuer.clock.advance(0.001)
    assert is_try_again(await mint(issuer))
    assert (await jwks(issuer)).status_code == 200

    issuer.clock.advance(W_PUB - W_SIGN - 0.001)
    assert (await jwks(issuer)).status_code == 200
    issuer.clock.advance(0.001)
    assert is_try_again(await jwks(issuer))

    await issuer.services.keyring.refresh()
    assert (await mint(issuer)).status_code == 200
    assert (await jwks(issuer)).status_code == 200


async def test_a_replica_without_its_database_signs_and_publishes_for_as_long_as_its_leases(issuer: Issuer) -> None:
    """Nothing about a client's token needs the database but what is remembered of the client, half a second old at most."""
    keyring = issuer.services.keyring
    before = await jwks(issuer)
    issuer.store.close()
    with pytest.raises(StoreUnavailable):
        await keyring.refresh()

    assert await keyring.sign({}, "at+jwt")
    assert (await jwks(issuer)).content == before.content
    issuer.clock.advance(W_SIGN + 0.001)
    assert is_try_again(await mint(issuer))
    assert (await jwks(issuer)).content == before.content
    issuer.clock.advance(W_PUB)
    assert is_try_again(await jwks(issuer))
    assert (await issuer.http.get("/readyz")).status_code == 503


async def test_who_has_the_key_set_is_not_told_that_it_is_unchanged_by_a_replica_that_does_not_know(issuer: Issuer) -> None:
    """304 would say as much as 200: that this set still holds."""
    etag = (await jwks(issuer)).headers["etag"]
    issuer.clock.advance(W_PUB + 0.001)

    answer = await issuer.http.get("/.well-known/jwks.json", headers={"if-none-match": etag})

    assert is_try_again(answer)


@pytest.mark.parametrize("error", [EPSILON + 0.1, -EPSILON - 0.1, 3600, -3600, 10 * 365 * 86_400, -10 * 365 * 86_400])
async def test_a_wrong_wall_clock_fails_readiness_and_signs_nothing(issuer: Issuer, error: float) -> None:
    issuer.clock.wall_error = error

    ready = await issuer.http.get("/readyz")

    assert ready.status_code == 503
    assert "clock" in ready.text
    assert is_try_again(await mint(issuer))
    assert (await jwks(issuer)).status_code == 200
    assert (await issuer.http.get("/livez")).status_code == 200


@pytest.mark.parametrize("error", [EPSILON, -EPSILON, 29, -29])
async def test_a_wall_clock_within_the_bound_changes_nothing_in_a_token(issuer: Issuer, error: float) -> None:
    issuer.clock.wall_error = error

    assert (await issuer.http.get("/readyz")).status_code == 200
    assert (await mint(issuer)).json()["expires_in"] == 600


async def test_two_replicas_that_start_at_once_publish_the_same_bytes(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path / "one") as one, running(issuer_database, tmp_path / "other") as other:
        first, second = await asyncio.gather(jwks(one), jwks(other))

    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]


async def test_a_rotation_at_one_replica_is_followed_by_the_other_within_its_lease(
    issuer_database: Database, tmp_path: Path
) -> None:
    """Until it looks again, the other goes on with the key it knows, which verifies everywhere; it never signs with neither."""
    async with running(issuer_database, tmp_path / "one") as one, running(issuer_database, tmp_path / "other") as other:
        kid = await one.services.rings.default.rotate_now(emergency=True)
        await one.services.keyring.refresh()
        assert (await mint(other)).status_code == 200

        one.clock.advance(W_SIGN + 0.001)
        assert is_try_again(await mint(other))
        await other.services.keyring.refresh()

        assert kid in other.services.keyring.published().kids
        assert (await jwks(one)).headers["etag"] != ""
        await one.services.keyring.refresh()
        assert (await jwks(one)).headers["etag"] == (await jwks(other)).headers["etag"]
