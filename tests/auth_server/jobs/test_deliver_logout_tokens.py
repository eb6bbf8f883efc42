"""Back-channel logout over real TLS: the job as the server makes it, the one door for outgoing requests, and a client that listens.

The client takes a logout token as a library of its own takes one: it verifies it by the key set that the server publishes (OpenID Connect
Back-Channel Logout 1.0 section 2.6).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest

from auth_server.jobs.contract import Job
from auth_server.jobs.deliver_logout_tokens import MOST_ATTEMPTS, DeliverLogoutTokens, wait_ms
from auth_server.jobs.registry import all_jobs
from tests.support.auth_app import ISSUER, Issuer, running
from tests.support.databases import Database
from tests.support.keys import claims_of
from tests.support.outside import Outside, an_outside, answer
from tests.support.visitor import Visitor

LISTENS = "https://own.example/logout"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
SCOPE = "openid notes:read"


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    async with an_outside(tmp_path / "outside", "own.example") as made:
        made.pages[LISTENS] = answer(200)
        yield made


@pytest.fixture
async def telling(
    issuer_database: Database, tmp_path: Path, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Issuer]:
    """An auth server that reaches the client, and whose own job leaves the outbox to the test."""
    monkeypatch.setattr(DeliverLogoutTokens, "interval", 3_600.0)
    async with running(issuer_database, tmp_path, network=outside) as issuer:
        yield issuer


@pytest.fixture
def job(telling: Issuer) -> Job:
    """The job as the server makes it."""
    return next(job for job in all_jobs(telling.services) if isinstance(job, DeliverLogoutTokens))


async def _heard(issuer: Issuer, outside: Outside) -> list[dict[str, Any]]:
    """Return the claims of what the client got, each verified by the published key set."""
    metadata = (await issuer.http.get("/.well-known/openid-configuration")).json()
    keys = jwt.PyJWKSet.from_dict((await issuer.http.get(metadata["jwks_uri"])).json())
    claims = []
    for body in outside.bodies:
        form = parse_qs(body.decode("ascii"), strict_parsing=True)
        assert list(form) == ["logout_token"]
        (token,) = form["logout_token"]
        header = jwt.get_unverified_header(token)
        assert header["typ"] == "logout+jwt"
        claims.append(
            jwt.decode(
                token,
                keys[header["kid"]],
                algorithms=["RS256"],
                issuer=ISSUER,
                audience="own",
                # By the clock of this test, which is not PyJWT's.
                options={"require": ["iss", "aud", "iat", "exp", "jti", "events"], "verify_exp": False, "verify_iat": False},
            )
        )
    return claims


async def _sign_out(visitor: Visitor, id_token: str) -> None:
    await visitor.get("/end_session", id_token_hint=id_token)


async def _disable(visitor: Visitor, _id_token: str) -> None:
    await visitor.issuer.services.administration.disable(await visitor.issuer.sub(), "test")


@pytest.mark.parametrize("end", [_sign_out, _disable])
async def test_whoever_ends_a_session_the_client_gets_one_token_it_can_verify(
    telling: Issuer, outside: Outside, job: Job, end: Any
) -> None:
    visitor = Visitor(telling)
    told = (await visitor.tokens("own"))["id_token"]

    await end(visitor, told)
    await job.run()
    await job.run()

    (claims,) = await _heard(telling, outside)
    assert outside.asked == [f"POST {LISTENS}"]
    assert claims == {
        "iss": ISSUER,
        "aud": "own",
        "sub": claims_of(told)["sub"],
        "sid": claims_of(told)["sid"],
        "iat": telling.clock.now(),
        "exp": telling.clock.now() + 120,
        "jti": claims["jti"],
        "events": {EVENT: {}},
    }
    assert len(claims["jti"]) >= 22
    assert [event["detail"]["attempts"] for event in telling.events("logout.delivered")] == [1]


async def test_a_client_that_is_away_for_a_while_is_told_again_with_a_fresh_token(
    telling: Issuer, outside: Outside, job: Job
) -> None:
    visitor = Visitor(telling)
    await _sign_out(visitor, (await visitor.tokens("own"))["id_token"])

    outside.pages[LISTENS] = answer(503)
    await job.run()
    await telling.advance(9)
    await job.run()
    assert len(outside.asked) == 1  # not before its time
    outside.pages[LISTENS] = answer(200)
    await telling.advance(1)
    await job.run()
    await telling.advance(wait_ms(1) / 1000)
    await job.run()

    first, second = await _heard(telling, outside)
    assert (first["sid"], first["sub"]) == (second["sid"], second["sub"])
    assert first["jti"] != second["jti"]
    assert second["iat"] == first["iat"] + 10
    assert telling.rows("logout_delivery") == []
    assert [event["detail"]["attempts"] for event in telling.events("logout.delivered")] == [2]


async def test_a_client_that_never_takes_it_is_given_up_and_that_is_written_down(
    telling: Issuer, outside: Outside, job: Job
) -> None:
    visitor = Visitor(telling)
    told = (await visitor.tokens("own"))["id_token"]
    await _sign_out(visitor, told)
    outside.pages[LISTENS] = answer(503)

    for attempt in range(MOST_ATTEMPTS + 2):
        await job.run()
        await telling.advance(wait_ms(attempt) / 1000)

    assert MOST_ATTEMPTS == 24  # what docs/logout.md says
    assert outside.asked == [f"POST {LISTENS}"] * MOST_ATTEMPTS
    (event,) = telling.events("logout.undelivered")
    assert (event["outcome"], event["client_id"], event["sid"]) == ("gave_up", "own", claims_of(told)["sid"])
    assert event["detail"]["attempts"] == MOST_ATTEMPTS
    assert telling.events("logout.delivered") == []


async def test_a_certificate_of_another_name_is_told_nothing(telling: Issuer, outside: Outside, job: Job, tmp_path: Path) -> None:
    """What listens there proves the name first: a token says who signed out, and is nobody else's business."""
    visitor = Visitor(telling)
    await _sign_out(visitor, (await visitor.tokens("own"))["id_token"])

    async with an_outside(tmp_path / "impostor", "impostor.example") as impostor:
        impostor.pages[LISTENS] = answer(200)
        right, outside.port = outside.port, impostor.port
        await job.run()
        outside.port = right

    assert (outside.bodies, impostor.bodies) == ([], [])
    assert [row["attempts"] for row in telling.rows("logout_delivery")] == [1]


async def test_what_was_granted_offline_outlives_the_sign_out_and_nothing_outlives_the_account(
    telling: Issuer, outside: Outside, job: Job
) -> None:
    visitor = Visitor(telling)
    online = await visitor.tokens("own", scope=SCOPE)
    offline = await visitor.tokens("own", scope=f"{SCOPE} offline_access")

    await _sign_out(visitor, online["id_token"])
    await job.run()
    refused = await telling.refresh(online["refresh_token"], "own")
    kept = await telling.refresh(offline["refresh_token"], "own")

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (kept.status_code, len(await _heard(telling, outside))) == (200, 1)
    # The session is over, and what is minted now must not die of it: its `sid` stands on the revocation feed.
    assert "sid" not in claims_of(kept.json()["access_token"])

    await _disable(visitor, online["id_token"])
    await job.run()
    assert (await telling.refresh(kept.json()["refresh_token"], "own")).json()["error"] == "invalid_grant"
    assert len(await _heard(telling, outside)) == 1  # its session had ended before
