"""Attacks on sign-in and consent pages: rows C01 to C15 of the project's checklist (RFC 9700 sections 4.2, 4.3, 4.7, 4.12, 4.16)."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from tests.support.auth_app import Issuer, running
from tests.support.databases import Database
from tests.support.page_visitor import PageVisitor, path_of, token_in
from tests.support.registered import PASSWORDS
from tests.support.visitor import answer_of

EVIL = "https://evil.example"
CANARY = '"><script>alert(1)</script>'
PAGES = (
    "/login",
    "/register-account",
    "/forgot-password",
    "/forgot-password/sent",
    "/reset-password?ticket=none",
    "/reset-password/done",
    "/verify-email?ticket=none",
    "/secure-account?ticket=none",
    "/signed-out",
    "/device/approved",
    "/device/denied",
    "/authorize?client_id=nobody",
    "/consent?request=nothing",
)
ACCOUNT = (
    "/account",
    "/account/email",
    "/account/password",
    "/account/sessions",
    "/account/apps",
    "/account/activity",
    "/signed-in",
    "/device",
)


async def every_page(visitor: PageVisitor) -> list[httpx2.Response]:
    """Every page as it is shown to a stranger, to somebody who is signed in, and along a request."""
    found = [await visitor.send("GET", path, headers={"accept": "text/html"}) for path in (*PAGES, "/nowhere")]
    consent = await visitor.to_consent()
    found.append(await visitor.send("GET", consent))
    found += [await visitor.send("GET", path) for path in ACCOUNT]
    sign_out = path_of(await visitor.send("GET", "/end_session"))
    return [*found, await visitor.send("GET", sign_out)]


def header(response: httpx2.Response, name: str) -> str:
    """A header that must be there once."""
    values = response.headers.get_list(name)
    assert len(values) == 1, (response.url, name, values)
    return values[0]


async def test_c01_no_page_can_be_framed(issuer: Issuer) -> None:
    for page in await every_page(PageVisitor(issuer)):
        assert page.headers["content-type"].startswith("text/html"), page.url
        assert "frame-ancestors 'none'" in header(page, "content-security-policy")
        assert header(page, "x-frame-options") == "DENY"


async def test_c02_right_credentials_without_the_forms_token_sign_nobody_in(issuer: Issuer) -> None:
    visitor, other = PageVisitor(issuer), PageVisitor(issuer)
    await visitor.token("/login")
    right = {"username": "alice", "password": PASSWORDS["alice"]}

    for token in (None, "", await other.token("/login"), await visitor.token("/forgot-password")):
        refused = await visitor.post("/login", right, token=token)
        assert refused.status_code == 403
        assert "session" not in visitor.cookies

    assert issuer.rows("session") == []


async def test_c03_a_consent_without_its_token_or_from_elsewhere_is_refused(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    consent = await visitor.to_consent()
    token = await visitor.token(consent)

    without = await visitor.post(consent, {"action": "allow"}, token=None)
    elsewhere: list[dict[str, str]] = [
        {"origin": EVIL},
        {"origin": EVIL, "sec-fetch-site": "cross-site"},
        {"origin": "null"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://localhost:9999", "sec-fetch-site": "same-site"},
    ]
    forged = [await visitor.post(consent, {"action": "allow"}, token=token, headers=headers) for headers in elsewhere]

    assert [answer.status_code for answer in (without, *forged)] == [403] * 6
    assert issuer.rows("authorization_code") == []


async def test_c04_the_token_of_one_request_does_not_answer_another(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    first = await visitor.to_consent("app")
    second = await visitor.to_consent("other")

    refused = await visitor.post(second, {"action": "allow"}, token=await visitor.token(first))

    assert refused.status_code == 403
    assert issuer.rows("authorization_code") == []


async def test_c05_an_approval_that_is_sent_twice_gives_one_code(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    consent = await visitor.to_consent()
    token = await visitor.token(consent)
    first = await visitor.post(consent, {"action": "allow"}, token=token)

    before_the_code = await visitor.post(consent, {"action": "allow"}, token=token)
    code = answer_of(await visitor.follow(first))["code"]
    after_the_code = await visitor.post(consent, {"action": "allow"}, token=token)

    assert (before_the_code.status_code, after_the_code.status_code) == (400, 400)
    assert len(issuer.rows("authorization_code")) == 1
    assert (await visitor.exchange(code)).status_code == 200


async def test_c06_the_redirect_after_the_sign_in_repeats_nothing(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    login = path_of(await visitor.authorize())

    answer = await visitor.log_in(login)

    assert answer.status_code == 303


async def test_c07_a_planted_session_cookie_is_not_signed_in(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    planted = visitor.cookies["session"] = "A" * 43

    await visitor.log_in()

    assert visitor.cookies["session"] != planted
    attacker = PageVisitor(issuer, {"session": planted})
    assert path_of(await attacker.get("/account")).startswith("/login")


async def test_c08_cookies_cannot_be_read_or_sent_along_from_elsewhere(
    issuer: Issuer, issuer_database: Database, tmp_path: Path
) -> None:
    async def attributes(visitor: PageVisitor) -> dict[str, set[str]]:
        answer = await visitor.log_in()
        found: dict[str, set[str]] = {}
        for line in answer.headers.get_list("set-cookie"):
            name, *more = line.split(";")
            found[name.partition("=")[0]] = {part.strip() for part in more}
        return found

    plain = await attributes(PageVisitor(issuer))
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= plain["session"]

    async with running(issuer_database, tmp_path / "https", {"ISSUER": "https://id.example"}) as secure:
        visitor = PageVisitor(secure)
        visitor.cookies["__Host-interaction"] = "B" * 43
        token = token_in(await visitor.send("GET", "/login"))
        fields = {"username": "alice", "password": PASSWORDS["alice"], "csrf": token}
        answer = await visitor.send("POST", "/login", data=fields, headers={"origin": "https://id.example"})
        lines = answer.headers.get_list("set-cookie")
        assert answer.status_code == 303
        session = next(line for line in lines if line.startswith("__Host-session="))
        assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} <= {part.strip() for part in session.split(";")}
        assert all(line.startswith("__Host-") for line in lines)


async def test_c11_pages_send_no_referrer_and_lead_to_no_other_origin(issuer: Issuer) -> None:
    for page in await every_page(PageVisitor(issuer)):
        assert header(page, "referrer-policy") == "no-referrer"
        links = re.findall(r'(?:href|src|action)="([^"]*)"', page.text)
        assert links
        assert [link for link in links if not link.startswith(("/", "#", "data:,")) or link.startswith("//")] == []


async def test_c12_no_page_and_no_redirect_with_a_code_is_kept_by_caches(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    for page in await every_page(PageVisitor(issuer)):
        assert header(page, "cache-control") == "no-store"
    consent = await visitor.to_consent()
    approved = await visitor.post(consent, {"action": "allow"})
    answer = await visitor.follow(approved)

    assert "code" in answer_of(answer)
    assert header(approved, "cache-control") == header(answer, "cache-control") == "no-store"


async def test_c13_what_others_chose_is_shown_as_text(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    sub = await issuer.sub("alice")
    await issuer.store.run(lambda tx: tx.accounts.set_verified_email(sub, "<b>@mail.example", "<b>@mail.example"))
    client = await issuer.services.clients.find("app")
    assert client is not None
    await _rename(issuer, "app", CANARY)
    login = path_of(await visitor.authorize(login_hint=CANARY, ui_locales=CANARY))
    shown = [await visitor.send("GET", login)]
    shown.append(await visitor.post(login, {"username": CANARY, "password": "wrong"}))
    shown.append(await visitor.send("GET", f"{login}&ui_locales={quote(CANARY)}&theme={quote(CANARY)}"))
    resumed = await visitor.follow(await visitor.log_in(login))
    shown.append(await visitor.follow(resumed))
    await visitor.post(path_of(resumed), {"action": "allow"})
    shown += [await visitor.get("/account"), await visitor.get("/account/apps")]

    for page in shown:
        assert "<script" not in page.text
        assert "<b>@" not in page.text
        policy = header(page, "content-security-policy")
        assert "unsafe-inline" not in policy
        assert policy.startswith("default-src 'none'")
    assert "&lt;script&gt;" in shown[0].text


async def _rename(issuer: Issuer, client_id: str, name: str) -> None:
    with issuer.store.engines.write.begin() as connection:
        connection.exec_driver_sql("UPDATE client SET name = ? WHERE client_id = ?", (name, client_id))
    await issuer.store.run(lambda tx: tx.change_directory())
    await issuer.services.freshness.poll()


@pytest.mark.parametrize("address", [EVIL, "//evil.example", "/\\evil.example", "https:evil.example"])
@pytest.mark.parametrize("name", ["next", "return_to", "for", "redirect_uri", "as", "user_code", "done"])
async def test_c14_no_parameter_of_a_page_leads_elsewhere(issuer: Issuer, name: str, address: str) -> None:
    visitor = PageVisitor(issuer)

    answer = await visitor.log_in(f"/login?{name}={quote(address, safe='')}")

    assert path_of(answer) == "/signed-in"
    assert "evil" not in answer.headers["location"]


async def test_c15_who_signed_out_meanwhile_does_not_consent(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    consent = await visitor.to_consent()
    token = await visitor.token(consent)
    sign_out = path_of(await visitor.send("GET", "/end_session"))
    await visitor.post(sign_out, {"action": "sign_out"})

    answer = await visitor.post(consent, {"action": "allow"}, token=token)

    resumed = await visitor.follow(answer)
    assert path_of(resumed).startswith("/login?")
    assert issuer.rows("authorization_code") == []
