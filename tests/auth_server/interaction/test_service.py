"""Authorization requests that wait: bound to their browser, answered once, seen by every replica."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from auth_server.interaction.next_step import Step
from auth_server.interaction.routes import interactions_of
from auth_server.interaction.service import LIFETIME_SECONDS, Interactions
from auth_server.protocol.authorization_request import AuthorizationRequest
from auth_server.protocol.errors import PageError
from auth_server.store.sessions import Session
from auth_server.web.browser import Browser, CookieChange, fresh
from tests.support.auth_app import Issuer
from tests.support.builders import FACTS, NOTES
from tests.support.registered import PASSWORDS

REQUEST = AuthorizationRequest(
    "app", "https://app.example/cb", scope=frozenset({"notes:read"}), resource=NOTES, login_hint="alice", nonce="n", state="s"
)


async def _sign_in(issuer: Issuer, browser: Browser, username: str = "alice") -> tuple[Browser, Session]:
    change = CookieChange.of(browser.session)
    signed_in = await issuer.services.login.sign_in(username, PASSWORDS[username], FACTS, browser=change, user_agent="Test/1")
    return replace(browser, session=change.new), signed_in.session


async def _begun(issuer: Issuer, request: AuthorizationRequest = REQUEST) -> tuple[Interactions, str, Browser]:
    interactions = interactions_of(issuer.services)
    interaction_id, cookie = await interactions.begin(request, Browser())
    return interactions, interaction_id, Browser(interaction=cookie)


async def test_a_request_waits_as_it_was_asked(issuer: Issuer) -> None:
    interactions, interaction_id, browser = await _begun(issuer)

    found = await interactions.find(interaction_id, browser)

    assert (found.request, found.client.client_id, found.step) == (REQUEST, "app", Step.LOGIN)
    assert (found.form_action, found.redirect_host) == ("https://app.example", "app.example")
    assert found.page_path == f"/login?request={interaction_id}"
    assert len(interaction_id) >= 22


async def test_no_other_browser_finds_it(issuer: Issuer) -> None:
    """C04, and row 75 of the history: an id that was read over somebody's shoulder opens nothing."""
    interactions, interaction_id, _ = await _begun(issuer)

    for browser in (Browser(), Browser(interaction=fresh())):
        with pytest.raises(PageError):
            await interactions.find(interaction_id, browser)
        with pytest.raises(PageError):
            await interactions.deny(interaction_id, browser)


async def test_it_is_gone_after_an_hour(issuer: Issuer) -> None:
    interactions, interaction_id, browser = await _begun(issuer)

    issuer.clock.advance(LIFETIME_SECONDS)

    with pytest.raises(PageError):
        await interactions.find(interaction_id, browser)


async def test_sign_in_consent_done(issuer: Issuer) -> None:
    interactions, interaction_id, browser = await _begun(issuer)
    browser, session = await _sign_in(issuer, browser)
    await interactions.signed_in(interaction_id, browser, session.sid)

    asked = await interactions.find(interaction_id, browser)
    await interactions.approve(asked, browser)

    assert asked.step is Step.CONSENT
    assert asked.person is not None
    assert asked.person.account.username == "alice"
    assert [(scope.name, scope.description, scope.is_new) for scope in asked.scopes] == [
        ("notes:read", "You may notes:read", True)
    ]
    assert (await interactions.find(interaction_id, browser)).step is Step.DONE


async def test_c05_an_answer_counts_once(issuer: Issuer) -> None:
    interactions, interaction_id, browser = await _begun(issuer)
    browser, _ = await _sign_in(issuer, browser)
    asked = await interactions.find(interaction_id, browser)

    outcomes = await asyncio.gather(
        interactions.approve(asked, browser), interactions.deny(interaction_id, browser), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "PageError"]


async def test_only_an_account_of_this_browser_can_be_chosen(issuer: Issuer) -> None:
    interactions, interaction_id, browser = await _begun(issuer)
    browser, alice = await _sign_in(issuer, browser)
    _, elsewhere = await _sign_in(issuer, Browser(), "bob")

    with pytest.raises(PageError):
        await interactions.choose(interaction_id, browser, elsewhere.sid)
    await interactions.choose(interaction_id, browser, alice.sid)


async def test_two_accounts_in_one_browser_are_both_there(issuer: Issuer) -> None:
    interactions, interaction_id, browser = await _begun(issuer)
    browser, _ = await _sign_in(issuer, browser)
    browser, _ = await _sign_in(issuer, browser, "bob")

    found = await interactions.find(interaction_id, browser)

    assert found.step is Step.CHOOSE
    assert {person.account.username for person in found.people} == {"alice", "bob"}


async def test_c07_the_cookie_of_before_opens_nothing_after_a_sign_in(issuer: Issuer) -> None:
    first, _ = await _sign_in(issuer, Browser())
    second, _ = await _sign_in(issuer, first, "bob")

    assert first.session != second.session
    assert await issuer.services.sessions.in_browser(first.session) == []
    assert len(await issuer.services.sessions.in_browser(second.session)) == 2


async def test_signing_in_again_goes_on_with_the_session_under_a_new_cookie(issuer: Issuer) -> None:
    first, session = await _sign_in(issuer, Browser())
    issuer.clock.advance(100)
    second, again = await _sign_in(issuer, first)

    assert (again.sid, again.auth_time) == (session.sid, session.auth_time + 100)
    assert await issuer.services.sessions.in_browser(first.session) == []
    assert second.session is not None


async def test_one_account_leaves_a_browser_and_the_other_stays(issuer: Issuer) -> None:
    browser, alice = await _sign_in(issuer, Browser())
    browser, bob = await _sign_in(issuer, browser, "bob")
    assert browser.session is not None
    change = CookieChange.of(browser.session)

    assert await issuer.services.sessions.leave(browser.session, alice.sid, change)

    assert await issuer.services.sessions.in_browser(browser.session) == []
    assert [session.sid for session in await issuer.services.sessions.in_browser(change.new)] == [bob.sid]


async def test_neither_cookie_is_in_the_database(issuer: Issuer) -> None:
    _interactions, interaction_id, browser = await _begun(issuer)
    browser, _ = await _sign_in(issuer, browser)

    dump = repr(issuer.dump())

    assert browser.session is not None
    assert browser.interaction is not None
    assert browser.session not in dump
    assert browser.interaction not in dump
    assert interaction_id in dump
