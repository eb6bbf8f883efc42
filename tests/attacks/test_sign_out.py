"""Attacks on signing out: rows H18 to H21 of the project's checklist (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

import json

import httpx2
import pytest

from shared import base64url
from tests.support.auth_app import ISSUER, Issuer
from tests.support.builders import FACTS
from tests.support.keys import claims_of
from tests.support.visitor import Visitor, answer_of

BYE = "https://app.example/bye"


def _assert_page(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "location" not in answer.headers
    assert "This request cannot be completed." in answer.text


@pytest.mark.parametrize(
    "uri", ["https://evil.example", "https://app.example/bye/x", "https://app.example/cb", "https://app.example/BYE"]
)
async def test_h18_an_address_that_is_not_registered(issuer: Issuer, uri: str) -> None:
    visitor = Visitor(issuer)
    hint = (await visitor.tokens())["id_token"]

    for query in ({"id_token_hint": hint}, {"client_id": "app"}, {}):
        _assert_page(await visitor.get("/end_session", post_logout_redirect_uri=uri, **query))
    assert len(await visitor.sign_outs.people(visitor.browser)) == 1


async def test_h19_a_forged_hint(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    tokens = await visitor.tokens()
    header, payload, signature = tokens["id_token"].split(".")
    other = base64url.encode(json.dumps(claims_of(tokens["id_token"]) | {"aud": "other"}).encode())

    unsigned = base64url.encode(b'{"alg":"none","typ":"JWT"}')
    for forged in (f"{unsigned}.{payload}.", f"{header}.{other}.{signature}", "x"):
        _assert_page(await visitor.get("/end_session", id_token_hint=forged, post_logout_redirect_uri=BYE))
    assert len(await visitor.sign_outs.people(visitor.browser)) == 1


async def test_h19_a_hint_of_another_client(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    hint = (await visitor.tokens("other"))["id_token"]

    _assert_page(await visitor.get("/end_session", id_token_hint=hint, client_id="app", post_logout_redirect_uri=BYE))


async def test_h20_a_bare_link_asks_first(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    await visitor.sign_in()

    answer = await visitor.get("/end_session")

    assert answer.headers["location"].startswith(f"{ISSUER}/sign-out?request=")
    assert len(await visitor.sign_outs.people(visitor.browser)) == 1


async def test_h20_the_hint_of_somebody_elses_session_asks_first(issuer: Issuer) -> None:
    """Whoever signs in with an account of his own has a genuine hint; it must not sign anybody else out."""
    hint = (await Visitor(issuer).tokens(username="bob"))["id_token"]
    visitor = Visitor(issuer)
    await visitor.sign_in()

    answer = await visitor.get("/end_session", id_token_hint=hint)

    assert answer.headers["location"].startswith(f"{ISSUER}/sign-out?request=")
    assert len(await visitor.sign_outs.people(visitor.browser)) == 1


async def test_h21_a_copied_cookie_opens_nothing_afterwards(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    tokens = await visitor.tokens()
    copied = Visitor(issuer, dict(visitor.cookies))

    answer = await visitor.get("/end_session", id_token_hint=tokens["id_token"], post_logout_redirect_uri=BYE, state="s&t")

    assert answer.headers["location"] == f"{BYE}?state=s%26t"
    assert "session" not in visitor.cookies
    assert answer_of(await copied.authorize(prompt="none"))["error"] == "login_required"
    assert (await issuer.refresh(tokens["refresh_token"], "app")).status_code == 400
    assert ("sid", claims_of(tokens["id_token"])["sid"]) in [(row["kind"], row["key"]) for row in issuer.rows("feed_entry")]


async def test_an_expired_hint_still_signs_out(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    hint = (await visitor.tokens())["id_token"]
    await issuer.advance(7200)

    answer = await visitor.send("POST", "/end_session", data={"id_token_hint": hint})

    assert answer.headers["location"] == f"{ISSUER}/signed-out"


async def test_the_word_of_the_person_signs_out_and_counts_once(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    await visitor.sign_in()
    answer = await visitor.get("/end_session", client_id="app", post_logout_redirect_uri=BYE, state="s")
    logout_id = answer_of(answer)["request"]

    page = await visitor.sign_outs.find(logout_id, visitor.browser)
    done = await visitor.sign_outs.confirm(logout_id, visitor.browser, FACTS)

    assert (page.form_action, [account.username for _, account in page.people]) == ("https://app.example", ["alice"])
    assert (done.location, done.cookie) == (f"{BYE}?state=s", None)
    assert issuer.rows("session")[0]["ended_at"] is not None


async def test_no_other_browser_answers_for_the_person(issuer: Issuer) -> None:
    visitor, thief = Visitor(issuer), Visitor(issuer)
    await visitor.sign_in()
    logout_id = answer_of(await visitor.get("/end_session"))["request"]
    await thief.sign_in("bob")
    await thief.get("/end_session")

    with pytest.raises(Exception, match="This request cannot be completed"):
        await thief.sign_outs.confirm(logout_id, thief.browser, FACTS)


async def test_one_account_of_two_is_signed_out_and_the_cookie_changes(issuer: Issuer) -> None:
    visitor = Visitor(issuer)
    hint = (await visitor.tokens())["id_token"]
    await visitor.sign_in("bob")
    before = visitor.cookies["session"]

    await visitor.get("/end_session", id_token_hint=hint)

    people = await visitor.sign_outs.people(visitor.browser)
    assert [account.username for _, account in people] == ["bob"]
    assert visitor.cookies["session"] != before


async def test_everywhere_reaches_the_other_devices(issuer: Issuer) -> None:
    visitor, telephone = Visitor(issuer), Visitor(issuer)
    await visitor.sign_in()
    await telephone.sign_in()
    logout_id = answer_of(await visitor.get("/end_session"))["request"]

    await visitor.sign_outs.confirm(logout_id, visitor.browser, FACTS, everywhere=True)

    assert await telephone.sign_outs.people(telephone.browser) == ()


async def test_nobody_signed_in_goes_straight_back(issuer: Issuer) -> None:
    answer = await Visitor(issuer).get("/end_session", client_id="app", post_logout_redirect_uri=BYE)

    assert answer.headers["location"] == BYE
