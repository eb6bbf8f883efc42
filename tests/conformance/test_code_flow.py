"""The code flow's rows, on both databases: spent once, remembered, told."""

from __future__ import annotations

import asyncio
import json

from auth_server.accounts.claims import change_claims
from tests.support.auth_app import Issuer
from tests.support.builders import FACTS
from tests.support.keys import claims_of
from tests.support.visitor import Visitor, answer_of, parameters


async def test_the_whole_flow(any_issuer: Issuer) -> None:
    visitor = Visitor(any_issuer)

    tokens = await visitor.tokens()
    refreshed = await any_issuer.refresh(tokens["refresh_token"], "app")
    userinfo = await any_issuer.http.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})

    assert (refreshed.status_code, userinfo.json()) == (200, {"sub": await any_issuer.sub()})


async def test_of_many_exchanges_one_wins(any_issuer: Issuer) -> None:
    visitor = Visitor(any_issuer)
    code = await visitor.code()

    answers = await asyncio.gather(*(visitor.exchange(code) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19


async def test_of_many_answers_to_one_request_one_counts(any_issuer: Issuer) -> None:
    visitor = Visitor(any_issuer)
    asked = await visitor.waiting(await visitor.authorize())
    await visitor.sign_in(interaction_id=asked.id)
    await visitor.interactions.approve(await visitor.interactions.find(asked.id, visitor.browser), visitor.browser)

    answers = await asyncio.gather(*(visitor.send("GET", asked.resume_path) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400]


async def test_a_wrong_verifier_spends_the_code(any_issuer: Issuer) -> None:
    visitor = Visitor(any_issuer)
    code = await visitor.code()

    assert (await visitor.exchange(code, code_verifier="b" * 43)).status_code == 400
    assert (await visitor.exchange(code)).status_code == 400


async def test_a_pushed_request_is_used_once_among_many(any_issuer: Issuer) -> None:
    uri = (await any_issuer.post("/par", parameters(), "app")).json()["request_uri"]

    answers = await asyncio.gather(*(Visitor(any_issuer).get("/authorize", client_id="app", request_uri=uri) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400]


async def test_a_pairwise_subject_is_made_once_among_many(any_issuer: Issuer) -> None:
    visitor = Visitor(any_issuer)
    await visitor.code("paired")
    codes = await asyncio.gather(*(visitor.authorize("paired", prompt="none") for _ in range(5)))

    answers = [await visitor.exchange(answer_of(code)["code"], "paired") for code in codes]

    assert len({claims_of(answer.json()["id_token"])["sub"] for answer in answers}) == 1
    assert len(any_issuer.rows("pairwise_subject")) == 1


async def test_consents_add_up_and_are_withdrawn(any_issuer: Issuer) -> None:
    visitor = Visitor(any_issuer)
    sub = await any_issuer.sub()
    await visitor.code()
    await visitor.code(scope="openid email notes:read")

    (consent,) = await any_issuer.services.consents.of(sub)
    withdrawn = await any_issuer.services.consents.withdraw(sub, "app")

    assert consent.scope == {"openid", "email", "notes:read"}
    assert withdrawn
    assert answer_of(await visitor.authorize(prompt="none"))["error"] == "consent_required"


async def test_who_is_told_of_a_sign_out(any_issuer: Issuer) -> None:
    visitor = Visitor(any_issuer)
    tokens = await visitor.tokens("own")
    await visitor.tokens("app")

    await visitor.get("/end_session", id_token_hint=tokens["id_token"])
    due = await any_issuer.store.run(lambda tx: tx.logouts.claim(8, wait_ms=60_000))
    again = await any_issuer.store.run(lambda tx: tx.logouts.claim(8, wait_ms=60_000))
    await any_issuer.store.run(lambda tx: tx.logouts.put_off(due[0], 10_000))
    await any_issuer.store.run(lambda tx: tx.logouts.settle(due[0]))

    assert ([delivery.client_id for delivery in due], again) == (["own"], [])
    assert any_issuer.rows("logout_delivery") == []


async def test_claims_are_kept_as_they_were_given(any_issuer: Issuer) -> None:
    sub = await any_issuer.sub()
    claims = {"name": "Ålice \N{SNOWMAN}", "https://hr.example/levels": [1, {"a": None}], "phone_number_verified": False}

    await any_issuer.store.run(lambda tx: change_claims(tx, sub, claims=claims, groups=["b", "a", "b"]))
    tokens = await Visitor(any_issuer).tokens(
        scope="openid profile phone", claims=json.dumps({"userinfo": {"https://hr.example/levels": None}})
    )
    userinfo = await any_issuer.http.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})

    known = await any_issuer.store.read(lambda tx: tx.account_claims.find(sub))
    assert (known.claims, known.groups) == (claims, ("a", "b"))
    assert userinfo.json()["name"] == claims["name"]
    assert userinfo.json()["https://hr.example/levels"] == [1, {"a": None}]


async def test_what_is_over_is_purged(any_issuer: Issuer) -> None:
    visitor = Visitor(any_issuer)
    await visitor.code()
    await visitor.authorize(prompt="login")
    await visitor.get("/end_session")
    await any_issuer.post("/par", parameters(), "app")

    any_issuer.clock.advance(2 * 86_400)
    for part in ("interactions", "pushed_requests", "authorization_codes", "logouts"):
        assert await any_issuer.store.run(lambda tx, part=part: getattr(tx, part).purge()) > 0  # type: ignore[misc]

    for table in ("interaction", "pushed_request", "authorization_code", "logout_request"):
        assert any_issuer.rows(table) == []


async def test_a_sign_out_by_the_persons_word_counts_once(any_issuer: Issuer) -> None:
    visitor = Visitor(any_issuer)
    await visitor.sign_in()
    logout_id = answer_of(await visitor.get("/end_session"))["request"]

    outcomes = await asyncio.gather(
        *(visitor.sign_outs.confirm(logout_id, visitor.browser, FACTS) for _ in range(4)), return_exceptions=True
    )

    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
