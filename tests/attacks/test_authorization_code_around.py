"""What a code is worth around its exchange: rows C05, C15 and F06, incidents 51, 75, 83, 87 and 90, audiences, sessions and cost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from auth_server.settings.settings import Settings
from tests.support.answers import assert_refused
from tests.support.auth_app import ISSUER, Issuer
from tests.support.builders import NOTES
from tests.support.keys import claims_of
from tests.support.visitor import Visitor, a_code, answer_of


async def test_c15_a_session_that_ended_before_the_consent_gives_no_code(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    response = await visitor.authorize()
    asked = await visitor.waiting(response)
    session = await visitor.sign_in(interaction_id=asked.id)
    asked = await visitor.interactions.find(asked.id, visitor.browser)
    await issuer.services.sessions.end(session.sid, "signed_out")
    await visitor.interactions.approve(asked, visitor.browser)

    after = await visitor.send("GET", asked.resume_path)

    assert after.headers["location"].startswith(f"{ISSUER}/login?request=")


async def test_c05_an_approval_gives_one_code(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    asked = await visitor.waiting(await visitor.authorize())
    await visitor.sign_in(interaction_id=asked.id)
    await visitor.interactions.approve(await visitor.interactions.find(asked.id, visitor.browser), visitor.browser)

    answers = await asyncio.gather(*(visitor.send("GET", asked.resume_path) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400]
    assert len(issuer.rows("authorization_code")) == 1


async def test_cve_75_another_browser_cannot_go_on_with_the_request(issuer: Issuer) -> None:
    """And row 88: what comes after a sign-in is a row of ours, so there is no address to be poisoned."""
    victim, thief = Visitor(issuer), Visitor(issuer)
    asked = await victim.waiting(await victim.authorize())
    await victim.sign_in(interaction_id=asked.id)
    await victim.interactions.approve(await victim.interactions.find(asked.id, victim.browser), victim.browser)
    await thief.sign_in("bob")

    answer = await thief.send("GET", asked.resume_path)

    assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_cve_51_signing_out_and_in_again_is_another_session(issuer: Issuer) -> None:
    """And row 46: no cookie of before a sign-in is one of after."""
    visitor = Visitor(issuer)
    first = await visitor.sign_in()
    before = visitor.cookies["session"]
    assert await issuer.services.sessions.end(first.sid, "signed_out")

    second = await visitor.sign_in()

    assert second.sid != first.sid
    assert visitor.cookies["session"] != before


async def test_cve_83_two_client_ids_in_one_request(issuer: Issuer) -> None:
    code = await Visitor(issuer).code()

    answer = await Visitor(issuer).exchange(code, "app", client_id="other")

    assert_refused(answer, "invalid_client", status=401)


async def test_cve_87_the_answer_names_its_issuer(issuer: Issuer) -> None:
    """A client of two servers tells by `iss` whose code it holds (RFC 9207)."""
    visitor = Visitor(issuer)

    assert answer_of(await visitor.through(await visitor.authorize()))["iss"] == ISSUER


@pytest.mark.parametrize(
    "table, when", [("refresh_family", "INSERT"), ("authorization_code", "UPDATE"), ("audit_event", "INSERT")]
)
async def test_cve_90_what_could_not_be_stored_is_not_answered(issuer: Issuer, table: str, when: str) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code()

    with issuer.failing(table, when):
        failed = await visitor.exchange(code)
    again = await visitor.exchange(code)

    assert (failed.status_code, "access_token" in failed.text) == (503, False)
    assert again.status_code == 200


async def test_an_exchange_is_one_commit_and_a_handful_of_statements(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    await visitor.tokens()
    codes = [answer_of(await visitor.authorize(prompt="none"))["code"] for _ in range(3)]
    await issuer.services.freshness.poll()
    counts = []
    for code in codes:
        with issuer.counting() as cost:
            await visitor.exchange(code)
        counts.append((cost.commits, len(cost.statements)))

    # Jobs may come in between, so the cheapest of them is what an exchange costs.
    assert min(counts)[0] == 1
    assert min(counts)[1] <= 8


async def test_the_token_answer_is_for_the_resource_that_was_asked_for(issuer: Issuer) -> None:
    visitor = Visitor(issuer)

    asked = claims_of((await visitor.tokens(resource=NOTES))["access_token"])
    left_open = claims_of((await visitor.tokens())["access_token"])
    signed_in_alone = claims_of((await visitor.tokens(scope="openid"))["access_token"])

    assert (asked["aud"], left_open["aud"], signed_in_alone["aud"]) == (NOTES, [NOTES, ISSUER], ISSUER)


async def test_another_resource_at_the_exchange_is_refused_and_costs_nothing(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    code = await visitor.code(resource=NOTES)

    assert_refused(await visitor.exchange(code, resource="https://unknown.example"), "invalid_target")
    assert (await visitor.exchange(code, resource=NOTES)).status_code == 200


async def test_offline_access_outlives_the_session_and_names_none(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    bound = await visitor.tokens()
    offline = await visitor.tokens(scope="openid offline_access notes:read")
    sub = await issuer.sub()

    await issuer.services.sessions.end_all(sub, "signed_out")

    assert "sid" in claims_of(bound["access_token"])
    assert "sid" not in claims_of(offline["access_token"])
    assert_refused(await issuer.refresh(bound["refresh_token"], "app"))
    assert (await issuer.refresh(offline["refresh_token"], "app")).status_code == 200


@pytest.mark.parametrize("ended", ["password", "disabled", "consent"])
async def test_f06_what_ends_every_family_of_a_code(issuer: Issuer, ended: str) -> None:
    visitor = Visitor(issuer)
    tokens = await visitor.tokens(scope="openid offline_access notes:read")
    sub, services = await issuer.sub(), issuer.services

    if ended == "password":
        await services.administration.set_password(sub, "another-Horse-battery-staple-7414")
    elif ended == "disabled":
        await services.administration.disable(sub, "test")
    else:
        await services.consents.withdraw(sub, "app")

    assert_refused(await issuer.refresh(tokens["refresh_token"], "app"))
    assert (await issuer.userinfo(tokens["access_token"])).status_code == 401


def test_the_lifetime_of_a_code_is_at_most_a_minute() -> None:
    from auth_server.settings import load
    from shared.settings import SettingsError

    loaded: Settings = load({"AUTH_SERVER_CODE_LIFETIME": "10"})
    assert loaded.code_lifetime == 10
    with pytest.raises(SettingsError):
        load({"AUTH_SERVER_CODE_LIFETIME": "61"})


async def test_an_unknown_code_and_a_foreign_one_are_answered_alike(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    foreign = await visitor.code("other")

    answers: list[Any] = [
        (answer.status_code, answer.json()) for answer in [await visitor.exchange(a_code()), await visitor.exchange(foreign)]
    ]

    assert answers[0] == answers[1]
