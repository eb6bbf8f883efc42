"""What every page has in common: headers once, its weight, where its forms may end, and how refusals look."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from auth_server.languages.catalogue import LANGUAGES
from tests.attacks.test_pages import every_page
from tests.support.auth_app import Issuer, running
from tests.support.databases import Database
from tests.support.page_visitor import SAME_ORIGIN, PageVisitor, path_of
from tests.support.visitor import answer_of

FIXED = "This request cannot be completed."


async def test_no_page_weighs_more_than_15_kilobytes_with_its_stylesheet(issuer: Issuer) -> None:
    pages = await every_page(PageVisitor(issuer))
    style = issuer.services.page_kit.pages.stylesheet
    weight = len((await issuer.http.get(style)).content)

    assert all(style in page.text for page in pages)
    assert max(len(page.content) for page in pages) + weight < 15_000


async def test_every_header_is_there_once(issuer: Issuer) -> None:
    for page in await every_page(PageVisitor(issuer)):
        names = [name for name, _ in page.headers.multi_items() if name != "set-cookie"]
        assert len(names) == len(set(names)), page.url


async def test_only_pages_that_no_app_waits_for_cut_themselves_off_from_their_opener(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    login = path_of(await visitor.authorize())
    consent = await visitor.to_consent()

    along = [await visitor.get("/authorize", client_id="nobody"), *[await visitor.send("GET", path) for path in (login, consent)]]
    own = [await visitor.get(path) for path in ("/account", "/account/password", "/device")]

    assert ["cross-origin-opener-policy" in page.headers for page in along] == [False] * 3
    assert [page.headers["cross-origin-opener-policy"] for page in own] == ["same-origin"] * 3


@pytest.mark.parametrize(
    "client, redirect_uri, source",
    [
        ("app", "https://app.example/cb", "https://app.example"),
        ("native", "http://127.0.0.1:54321/cb", "http://127.0.0.1:54321"),
        ("native", "com.example.app:/cb", "com.example.app:"),
    ],
)
async def test_forms_may_end_at_the_client_that_asks_and_nowhere_else(
    issuer: Issuer, client: str, redirect_uri: str, source: str
) -> None:
    visitor = PageVisitor(issuer)
    login = path_of(await visitor.authorize(client, redirect_uri=redirect_uri))

    page = await visitor.send("GET", login)

    assert page.headers["content-security-policy"].endswith(f"form-action 'self' {source}")
    assert (await visitor.get("/login")).headers["content-security-policy"].endswith("form-action 'self'")


async def test_the_stylesheet_is_kept_for_good_under_an_address_that_changes_with_it(issuer: Issuer) -> None:
    answer = await issuer.http.get(issuer.services.page_kit.pages.stylesheet)

    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert (await issuer.http.get("/assets/pages-0000000000000000.css")).status_code == 404


def _is_page(answer: httpx2.Response) -> bool:
    return answer.headers["content-type"].startswith("text/html") and FIXED in answer.text


async def test_refusals_are_pages_with_the_right_status_and_json_for_who_asks_for_it(issuer: Issuer) -> None:
    html = {"accept": "text/html,*/*"}
    found = {
        404: await issuer.http.get("/nowhere", headers=html),
        405: await issuer.http.put("/login", headers=html),
        400: await issuer.http.get("/consent", headers=html),
        403: await issuer.http.post("/login", data={"username": "x"}, headers=SAME_ORIGIN | html),
        413: await issuer.http.post("/login", data={"username": "x" * 70_000}, headers=SAME_ORIGIN | html),
    }
    assert {status: answer.status_code for status, answer in found.items()} == {status: status for status in found}
    assert all(map(_is_page, found.values()))
    assert found[405].headers["allow"] == "GET, POST"
    assert all(answer.headers["x-request-id"] in answer.text for answer in found.values())

    as_json = await issuer.http.put("/login", headers={"accept": "application/json"})
    assert (as_json.status_code, as_json.json()["error"]) == (405, "method_not_allowed")
    assert (await issuer.http.get("/nowhere")).json()["error"] == "not_found"


async def test_while_the_database_is_away_pages_say_so_and_nothing_changes(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    token = await visitor.token("/register-account")
    typed = {"username": "newcomer", "email": "newcomer@mail.example", "password": "umbrella gravel otter lantern 99"}

    with issuer.failing("account", "INSERT"):
        answer = await visitor.post("/register-account", typed, token=token)

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert _is_page(answer)
    assert (await visitor.post("/register-account", typed, token=token)).status_code == 303


async def test_a_page_can_be_asked_for_its_head(issuer: Issuer) -> None:
    answer = await issuer.http.head("/login")

    assert (answer.status_code, answer.content) == (200, b"")


async def test_the_request_asks_for_a_language_and_the_page_speaks_it(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    login = path_of(await visitor.authorize(ui_locales="fr he de"))

    page = await visitor.send("GET", login, headers={"accept-language": "de"})

    assert '<html lang="he" dir="rtl">' in page.text
    assert all(f'hreflang="{language}"' in page.text for language in LANGUAGES if language != "he")


async def test_who_signs_up_with_a_domain_that_is_not_welcome_is_told(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path, {"REGISTRATION_DOMAINS": "Example.org"}) as issuer:
        visitor = PageVisitor(issuer)
        typed = {"username": "newcomer", "password": "umbrella gravel otter lantern 99"}

        refused = await visitor.post("/register-account", typed | {"email": "a@sub.example.org"})
        taken = await visitor.post("/register-account", typed | {"email": "a@EXAMPLE.org"})

        assert (refused.status_code, taken.status_code) == (422, 303)
        assert "Addresses of this domain cannot sign up here." in refused.text


@pytest.mark.parametrize("mode, text", [("closed", "Registration is closed"), ("invite", "Registration is by invitation")])
async def test_signing_up_says_when_it_is_not_open(issuer_database: Database, tmp_path: Path, mode: str, text: str) -> None:
    async with running(issuer_database, tmp_path, {"REGISTRATION": mode}) as issuer:
        visitor = PageVisitor(issuer)
        page = await visitor.get("/register-account")

        assert (page.status_code, text in page.text) == (403, True)
        assert "/register-account" not in (await visitor.get("/login")).text


async def test_the_brand_is_on_every_page(issuer_database: Database, tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    settings = {"BRAND_NAME": "Acme & Co", "BRAND_COLOR": "#ffee00", "BRAND_LOGO": str(logo), "DEMO": "true"}
    async with running(issuer_database, tmp_path, settings) as issuer:
        pages = await every_page(PageVisitor(issuer))

        assert all("Acme &amp; Co" in page.text for page in pages)
        assert all("do not use real passwords here" in page.text for page in pages)
        (path,) = {page.text.split('<img src="')[1].split('"')[0] for page in pages}
        assert (await issuer.http.get(path)).headers["content-type"] == "image/svg+xml"


async def test_a_request_that_lapsed_is_started_again(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    login = path_of(await visitor.authorize())
    issuer.clock.advance(3601)
    over = await visitor.send("GET", login)
    assert over.status_code == 400

    again = await visitor.send("GET", login.replace("/login", "/start-again"))
    await visitor.follow(again)
    fresh = path_of(await visitor.follow(again))
    consent = path_of(await visitor.follow(await visitor.log_in(fresh)))
    answer = await visitor.follow(await visitor.post(consent, {"action": "allow"}))

    assert fresh != login
    assert "code" in answer_of(answer)
    # Another browser cannot.
    assert (await PageVisitor(issuer).send("GET", login.replace("/login", "/start-again"))).status_code == 400


async def test_an_account_whose_session_lapsed_is_offered_again_with_its_name(issuer: Issuer) -> None:
    visitor = PageVisitor(issuer)
    await visitor.log_in()
    issuer.clock.advance(86_401)
    await visitor.log_in(username="bob")

    chooser = path_of(await visitor.authorize(prompt="select_account"))
    page = await visitor.send("GET", chooser)
    assert "Signed out" in page.text
    sid = page.text.split('name="account" value="')[-1].split('"')[0]
    login = path_of(await visitor.post(chooser, {"action": "use", "account": sid}))

    assert 'value="alice"' in (await visitor.send("GET", login)).text
    assert path_of(await visitor.post(chooser, {"action": "forget", "account": sid})) == chooser
    assert "Signed out" not in (await visitor.send("GET", chooser)).text
