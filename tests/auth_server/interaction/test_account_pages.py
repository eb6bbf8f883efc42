"""The account's pages over both databases: what they list is what the store holds."""

from __future__ import annotations

from auth_server.accounts.tickets import Purpose
from tests.support.auth_app import Issuer
from tests.support.page_visitor import PageVisitor, a_ticket, letters, path_of, verified
from tests.support.registered import PASSWORDS

NEW = "umbrella gravel otter lantern 99"


async def _with_an_app(issuer: Issuer) -> PageVisitor:
    visitor = PageVisitor(issuer)
    consent = await visitor.to_consent(scope="openid notes:read offline_access")
    answer = await visitor.follow(await visitor.post(consent, {"action": "allow"}))
    assert (await visitor.exchange(answer.headers["location"].split("code=")[1].split("&")[0])).status_code == 200
    return visitor


async def test_apps_sessions_and_events_are_listed(any_issuer: Issuer) -> None:
    visitor = await _with_an_app(any_issuer)
    other = PageVisitor(any_issuer)
    await other.log_in()

    apps, sessions, activity = [(await visitor.get(f"/account/{page}")).text for page in ("apps", "sessions", "activity")]

    assert ">app<" in apps
    assert "last used just now" in apps
    assert sessions.count("signed in just now") == 2
    assert activity.count("Signed in") == 2
    assert "App allowed" in activity
    changes = (await visitor.get("/account/activity", show="changes")).text
    assert "Signed in" not in changes
    assert "App allowed" in changes


async def test_older_events_follow_page_by_page_without_a_gap(any_issuer: Issuer) -> None:
    visitor = PageVisitor(any_issuer)
    await visitor.log_in()
    for locale in ("de", "en") * 2:
        await visitor.post("/account", {"action": "save", "locale": locale})
    for _ in range(30):
        await PageVisitor(any_issuer).log_in()

    first = (await visitor.get("/account/activity", show="sign_ins")).text
    older = first.split('href="/account/activity?show=sign_ins&amp;before=')[1].split('"')[0]
    second = (await visitor.get("/account/activity", show="sign_ins", before=older)).text

    assert first.count('<time datetime="') == 25
    assert second.count('<time datetime="') == 6


async def test_a_reset_and_an_address_go_through_on_both_databases(any_issuer: Issuer) -> None:
    await verified(any_issuer)
    visitor = PageVisitor(any_issuer)
    await visitor.log_in()
    await visitor.post("/account/email", {"email": "new@mail.example"})
    for purpose, path, address in (
        (Purpose.EMAIL_OLD, "old", "alice@mail.example"),
        (Purpose.EMAIL_NEW, "new", "new@mail.example"),
    ):
        ticket = await a_ticket(any_issuer, purpose, address=address)
        assert (await visitor.post(f"/verify-email/{path}?ticket={ticket}", {})).status_code == 200
    assert "new@mail.example" in (await visitor.get("/account")).text

    ticket = await a_ticket(any_issuer, Purpose.RESET_PASSWORD)
    assert path_of(await visitor.post(f"/reset-password?ticket={ticket}", {"password": NEW})) == "/reset-password/done"

    assert path_of(await visitor.get("/account")).startswith("/login")
    assert (await PageVisitor(any_issuer).log_in(password=PASSWORDS["alice"])).status_code == 422
    assert (await visitor.log_in(password=NEW)).status_code == 303
    kinds = [letter["kind"] for letter in letters(any_issuer)]
    assert sorted(kinds) == ["email_changed", "email_changed", "email_new", "email_old", "password_changed"]


async def test_a_sensitive_change_asks_for_a_sign_in_of_the_last_ten_minutes(any_issuer: Issuer) -> None:
    visitor = PageVisitor(any_issuer)
    await visitor.log_in()
    token = await visitor.token("/account/password")
    any_issuer.clock.advance(601)

    shown = await visitor.get("/account/password")
    posted = await visitor.post("/account/password", {"password": NEW}, token=token)

    assert path_of(shown) == path_of(posted) == "/login/confirm?for=password"
    assert (await PageVisitor(any_issuer).log_in()).status_code == 303  # the old password still is the password
    confirmed = await visitor.post("/login/confirm?for=password", {"password": PASSWORDS["alice"]})
    assert path_of(confirmed) == "/account/password"
    assert (await visitor.get("/account/password")).status_code == 200
