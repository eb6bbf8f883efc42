"""What went wrong at the pages of other products, one test each: incidents 46, 48, 50, 53, 59, 63, 64, 71, 74 and 80."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlsplit

import pytest

from auth_server.accounts.tickets import Purpose
from tests.attacks.test_pages import ACCOUNT, PAGES, every_page, header
from tests.support.auth_app import Issuer
from tests.support.page_visitor import SAME_ORIGIN, PageVisitor, a_ticket, letters, path_of, token_in, verified
from tests.support.registered import PASSWORDS
from tests.support.visitor import answer_of

NEW: Final = "umbrella gravel otter lantern 99"
CANARY: Final = '"><svg onload=alert(7413)>'
# Every form there is once somebody is signed in, with what its page would send.
FORMS: Final = (
    ("/account", {"action": "save", "locale": "de"}),
    ("/account", {"action": "verify_email"}),
    ("/account", {"action": "cancel_email"}),
    ("/account/email", {"email": "thief@mail.example"}),
    ("/account/password", {"password": NEW}),
    ("/account/sessions", {"action": "end_others"}),
    ("/account/apps", {"action": "revoke", "client": "app"}),
    ("/account/activity", {"action": "not_me"}),
    ("/device", {"user_code": "BCDF-GHJK"}),
    ("/login/confirm?for=password", {"password": PASSWORDS["alice"]}),
)


async def test_cve_46_the_cookie_is_another_one_after_sign_in_step_up_and_sign_out(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    values = [visitor.cookies.get("session")]
    await visitor.log_in()
    values.append(visitor.cookies["session"])
    await visitor.post("/login/confirm?for=password", {"password": PASSWORDS["alice"]})
    values.append(visitor.cookies["session"])
    await visitor.post("/account/password", {"password": NEW})
    values.append(visitor.cookies["session"])
    await visitor.post(path_of(await visitor.send("GET", "/end_session")), {"action": "sign_out"})
    values.append(visitor.cookies.get("session"))

    assert len({value for value in values if value}) == 3
    assert values[0] is values[-1] is None
    for old in filter(None, values):
        assert path_of(await PageVisitor(issuer, {"session": old}).get("/account")).startswith("/login")


async def test_cve_48_a_reset_link_is_good_once_and_not_after_another_change_of_the_password(issuer: Issuer) -> None:
    await verified(issuer)
    visitor = PageVisitor(issuer)
    used = f"/reset-password?ticket={await a_ticket(issuer, Purpose.RESET_PASSWORD)}"
    token = await visitor.token(used)
    assert (await visitor.post(used, {"password": NEW}, token=token)).status_code == 303
    assert (await visitor.post(used, {"password": PASSWORDS["alice"]}, token=token)).status_code == 400

    stale = f"/reset-password?ticket={await a_ticket(issuer, Purpose.RESET_PASSWORD)}"
    token = await visitor.token(stale)
    sub = await issuer.sub("alice")
    await issuer.services.administration.set_password(sub, "a third one: basalt, ferry, plum 5", actor=None)

    assert (await visitor.post(stale, {"password": NEW}, token=token)).status_code == 400
    # And what lies in the database opens nothing.
    assert all(row["digest"] not in used.encode() for row in issuer.rows("ticket"))


async def test_cve_48_of_two_uses_at_once_one_sets_the_password(issuer: Issuer) -> None:
    ticket = await a_ticket(issuer, Purpose.RESET_PASSWORD)
    recovery = issuer.services.correspondence.recovery
    visitor = PageVisitor(issuer)
    path = f"/reset-password?ticket={ticket}"
    token = await visitor.token(path)

    answers = [await visitor.post(path, {"password": NEW}, token=token) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 400]
    assert await recovery.find(ticket, Purpose.NOT_ME) is None


async def test_cve_50_a_link_for_another_purpose_another_account_or_of_nobodys_making_is_refused(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    paths = {
        Purpose.VERIFY_EMAIL: "/verify-email",
        Purpose.EMAIL_NEW: "/verify-email/new",
        Purpose.EMAIL_OLD: "/verify-email/old",
        Purpose.RESET_PASSWORD: "/reset-password",
        Purpose.NOT_ME: "/secure-account",
    }
    for purpose in Purpose:
        ticket = await a_ticket(issuer, purpose)
        wrong = [f"{path}?ticket={ticket}" for other, path in paths.items() if other is not purpose]
        changed = ticket[:-1] + ("A" if ticket[-1] != "A" else "B")
        wrong += [f"{paths[purpose]}?ticket={value}" for value in (changed, ticket[:32], "eyJhbGciOiJub25lIn0.e30.", "A" * 64)]
        for address in wrong:
            assert (await visitor.send("GET", address)).status_code == 400, address
    bob = await issuer.sub("bob")
    before = issuer.rows("password_credential")
    ticket = await a_ticket(issuer, Purpose.RESET_PASSWORD)
    await visitor.post(f"/reset-password?ticket={ticket}", {"password": NEW, "sub": bob, "username": "bob"})

    changed_subs = [row["sub"] for row, old in zip(issuer.rows("password_credential"), before, strict=True) if row != old]
    assert changed_subs == [await issuer.sub("alice")]


async def test_cve_53_steps_that_are_skipped_or_reordered_lead_nowhere(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    login = path_of(await visitor.authorize(acr_values="urn:example:strong"))
    request = urlsplit(login).query
    token = await visitor.token(login)

    # Consent before signing in, and the end before either.
    assert path_of(await visitor.send("GET", f"/consent?{request}")).startswith("/authorize?")
    assert (await visitor.post(f"/consent?{request}", {"action": "allow"}, token=token)).status_code == 403
    assert path_of(await visitor.send("GET", f"/authorize?{request}")) == login
    # What the form claims of how strong the sign-in was counts for nothing.
    await visitor.post(login, {"username": "alice", "password": PASSWORDS["alice"], "acr": "urn:example:strong", "amr": "hwk"})
    tokens = await _finish(visitor, request)

    assert issuer.rows("session")[0]["amr"] == ("pwd",)
    assert "code" in tokens


async def _finish(visitor: PageVisitor, request: str) -> dict[str, str]:
    await visitor.post(f"/consent?{request}", {"action": "allow"})
    return answer_of(await visitor.send("GET", f"/authorize?{request}"))


async def test_cve_59_nothing_here_talks_to_other_windows(issuer: Issuer) -> None:
    for page in await every_page(PageVisitor(issuer)):
        assert "<script" not in page.text
        assert "<iframe" not in page.text
        assert "script-src" not in header(page, "content-security-policy")
        assert header(page, "content-security-policy").startswith("default-src 'none'")
    metadata = (await issuer.http.get("/.well-known/openid-configuration")).json()
    assert "check_session_iframe" not in metadata


async def test_cve_63_guessing_a_link_or_a_user_code_is_bounded(issuer: Issuer) -> None:
    """A link holds 384 bits, of which 256 are a MAC; letters and user codes, which are few or short, are counted."""
    visitor = PageVisitor(issuer)
    token = await visitor.token("/forgot-password")
    asked = [(await visitor.post("/forgot-password", {"username": f"name{n}"}, token=token)).status_code for n in range(14)]
    assert asked == [303] * 10 + [429] * 4

    await verified(issuer)
    elsewhere = PageVisitor(issuer)
    issuer.clock.advance(3600)
    for _ in range(5):
        await elsewhere.post("/forgot-password", {"username": "alice"})
    assert len(letters(issuer)) == 1

    await visitor.log_in()
    token = await visitor.token("/device")
    codes = [(await visitor.post("/device", {"user_code": "BCDF-GHJK"}, token=token)).status_code for _ in range(12)]
    assert codes == [422] * 5 + [429] * 7


async def test_cve_64_nobody_ends_what_is_anothers_and_links_come_from_the_configured_issuer(issuer: Issuer) -> None:
    alice, bob = PageVisitor(issuer), PageVisitor(issuer)
    await alice.log_in()
    await PageVisitor(issuer).log_in()
    await bob.log_in(username="bob")
    sub = await issuer.sub("alice")
    (his,) = [row["sid"] for row in issuer.rows("session") if row["sub"] != sub]
    await bob.to_consent()
    await alice.post("/account/sessions", {"action": "end", "session": his})
    headers = dict(SAME_ORIGIN)
    me = await alice.send("GET", "/api/me")
    headers["x-csrf-token"] = me.headers["x-csrf-token"]
    assert (await alice.send("DELETE", f"/api/me/sessions/{his}", headers=headers)).status_code == 404
    assert (await alice.send("DELETE", "/api/me/consents/app", headers=headers)).status_code == 404
    assert (await bob.get("/account")).status_code == 200

    await verified(issuer)
    stranger = PageVisitor(issuer)
    token = await stranger.token("/forgot-password")
    forged = {"host": "evil.example", "x-forwarded-host": "evil.example"}
    await stranger.post("/forgot-password", {"username": "alice"}, token=token, headers=forged)
    (letter,) = await issuer.store.run(lambda tx: tx.outbox.claim(most=10, lease_ms=1))
    message = issuer.services.correspondence.writer.write(letter)
    assert message is not None
    assert "http://localhost:8000/reset-password?ticket=" in message.body
    assert "evil" not in message.body


@pytest.mark.parametrize(
    "path, field, stays",
    [
        ("/login", "username", "/login"),
        ("/register-account", "username", "/register-account"),
        ("/forgot-password", "username", "/forgot-password"),
    ],
)
async def test_cve_71_an_empty_form_stays_where_it_is(issuer: Issuer, path: str, field: str, stays: str) -> None:
    visitor = PageVisitor(issuer)
    for fields in ({}, {field: ""}, {"stage": "done", "next": "/account", "sid": "x", "action": "allow"}):
        answer = await visitor.post(path, fields)
        assert answer.status_code == 422
        assert f'action="{stays}"' in answer.text
    assert "session" not in visitor.cookies


async def test_cve_71_an_empty_consent_is_none(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    consent = await visitor.to_consent()

    for fields in ({}, {"action": ""}, {"action": "perhaps"}, {"scope": "notes:write"}):
        assert path_of(await visitor.post(consent, fields)) == consent

    assert issuer.rows("authorization_code") == []
    await PageVisitor(issuer).log_in()
    await _finish(visitor, urlsplit(consent).query)
    for path, _ in FORMS[:-1]:
        answer = await visitor.post(path, {})
        assert answer.status_code in (303, 422), path


@pytest.mark.parametrize("path, fields", FORMS)
async def test_cve_74_no_form_counts_without_its_token_or_from_another_origin(
    issuer: Issuer, path: str, fields: dict[str, str]
) -> None:
    visitor = PageVisitor(issuer)
    await PageVisitor(issuer).log_in()
    await _finish(visitor, urlsplit(await visitor.to_consent()).query)
    token = await visitor.token(path)
    before = issuer.dump()

    without = await visitor.post(path, fields, token=None)
    foreign = await visitor.post(path, fields, token=token, headers={"origin": "https://evil.example"})
    sibling = await visitor.post(path, fields, token=token, headers={"origin": "null", "sec-fetch-site": "same-site"})

    assert [answer.status_code for answer in (without, foreign, sibling)] == [403] * 3
    assert issuer.dump() == before


async def test_cve_74_nor_does_a_json_request_with_the_cookie_alone(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    await visitor.log_in()
    body = {"current_password": PASSWORDS["alice"], "password": NEW}
    token = (await visitor.send("GET", "/api/me")).headers["x-csrf-token"]

    refused = [
        await visitor.send("POST", "/api/me/password", json=body, headers=headers)
        for headers in (
            SAME_ORIGIN,
            {"x-csrf-token": token, "origin": "https://evil.example"},
            {**SAME_ORIGIN, "x-csrf-token": "no"},
        )
    ]
    assert [answer.status_code for answer in refused] == [403] * 3
    accepted = await visitor.send("POST", "/api/me/password", json=body, headers={**SAME_ORIGIN, "x-csrf-token": token})
    assert accepted.status_code == 204


@pytest.mark.parametrize("name", ["request", "ticket", "user_code", "for", "as", "ui_locales", "theme", "done", "show", "before"])
async def test_cve_80_no_parameter_is_shown_unescaped(issuer: Issuer, name: str) -> None:
    visitor = PageVisitor(issuer)
    await visitor.log_in()
    for path in {path.partition("?")[0] for path in (*PAGES, *ACCOUNT)}:
        answer = await visitor.send("GET", f"{path}?{name}={quote(CANARY)}", headers={"accept": "text/html"})
        assert answer.status_code < 500, path
        assert "<svg onload" not in answer.text, path
        assert "alert(7413)>" not in answer.text, path


async def test_cve_80_nor_is_what_was_typed(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    for path, fields in (
        ("/login", {"username": CANARY, "password": "x"}),
        ("/register-account", {"username": CANARY, "email": CANARY, "password": "x"}),
        ("/authorize", {"client_id": CANARY, "error_hint": CANARY}),
    ):
        answer = await (visitor.post(path, fields) if path != "/authorize" else visitor.get(path, **fields))
        assert answer.status_code < 500
        assert "<svg onload" not in answer.text
        assert answer.status_code == 400 or token_in(answer)
