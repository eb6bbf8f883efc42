"""The cookie transport: pages that never see a token sign in, carry on and sign out; other pages may do none of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path

import httpx2
import pytest

from tests.support.auth_app import ISSUER, Issuer, running
from tests.support.databases import Database
from tests.support.keys import claims_of
from tests.support.registered import PASSWORDS

OURS = {"origin": ISSUER}
EVIL = "https://evil.example"
APP = "http://localhost:3000"


@pytest.fixture
async def browser(issuer: Issuer) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that keeps cookies, with alice signed in."""
    async with issuer.client_at("192.0.2.8") as client:
        body = {"username": "alice", "password": PASSWORDS["alice"], "transport": "cookie"}
        answer = await client.post("/api/login", json=body, headers=OURS)
        assert answer.status_code == 200, answer.text
        yield client


def _cookies(answer: httpx2.Response) -> dict[str, str]:
    """Return each cookie that an answer sets, with its whole line."""
    return {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}


async def test_the_answer_holds_no_token_and_no_script_can_read_the_cookies(issuer: Issuer) -> None:
    answer = await issuer.login(transport="cookie")

    assert answer.json() == {"expires_in": 600, "scope": "notes:read notes:write"}
    cookies = _cookies(answer)
    assert cookies.keys() == {"access_token", "refresh_token", "dev"}
    for line in cookies.values():
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))
        assert "Secure" not in line.split("; ")
    access = SimpleCookie(cookies["access_token"])["access_token"]
    assert claims_of(access.value)["sub"] == await issuer.sub()
    assert access["max-age"] == "600"
    assert access.value not in answer.text


async def test_over_https_the_cookies_are_pinned_to_the_host(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path, {"ISSUER": "https://id.example"}) as issuer:
        cookies = _cookies(await issuer.login(transport="cookie"))

    assert {"__Host-access_token", "__Host-refresh_token"} <= cookies.keys()
    assert all(line.endswith("; Secure") for line in cookies.values())


async def test_a_refresh_sets_new_cookies_and_says_how_long_they_live(issuer: Issuer, browser: httpx2.AsyncClient) -> None:
    before = dict(browser.cookies)

    answer = await browser.post("/api/refresh", headers=OURS)

    assert (answer.status_code, answer.json()) == (200, {"expires_in": 600})
    assert _cookies(answer).keys() == {"access_token", "refresh_token"}
    assert browser.cookies["access_token"] != before["access_token"]
    assert browser.cookies["refresh_token"] != before["refresh_token"]


async def test_a_reused_refresh_cookie_ends_the_family(issuer: Issuer, browser: httpx2.AsyncClient) -> None:
    stolen = browser.cookies["refresh_token"]
    await browser.post("/api/refresh", headers=OURS)
    await issuer.advance(151)
    async with issuer.client_at("192.0.2.66") as thief:
        thief.cookies.set("refresh_token", stolen)
        refused = await thief.post("/api/refresh", headers=OURS)

    assert (refused.status_code, refused.json()["error"]) == (401, "login_required")
    assert [row["reason"] for row in issuer.rows("refresh_family")] == ["reuse"]
    refused = await browser.post("/api/refresh", headers=OURS)
    assert refused.status_code == 401
    # What is of no use any more leaves the browser.
    assert not {"access_token", "refresh_token"} & set(browser.cookies)


async def test_without_a_cookie_nothing_can_be_carried_on(issuer: Issuer) -> None:
    answer = await issuer.http.post("/api/refresh", headers=OURS)

    assert (answer.status_code, answer.json()["error"]) == (401, "login_required")


async def test_a_refresh_takes_no_token_of_a_body(issuer: Issuer) -> None:
    token = (await issuer.login()).json()["refresh_token"]

    answer = await issuer.http.post("/api/refresh", json={"refresh_token": token}, headers=OURS)

    assert answer.status_code == 401


async def test_signing_out_ends_session_and_family_and_clears_the_cookies(issuer: Issuer, browser: httpx2.AsyncClient) -> None:
    refresh = browser.cookies["refresh_token"]

    answer = await browser.post("/api/logout", headers=OURS)

    assert (answer.status_code, answer.content) == (204, b"")
    assert not {"access_token", "refresh_token"} & set(browser.cookies)
    assert all(row["ended_at"] for row in issuer.rows("session"))
    assert all(row["revoked_at"] for row in issuer.rows("refresh_family"))
    assert (await issuer.refresh(refresh, client="first-party")).json()["error"] == "invalid_grant"
    assert {row["kind"] for row in issuer.rows("feed_entry")} >= {"sid", "grant"}


async def test_signing_out_by_a_refresh_token_needs_no_cookie_and_no_origin(issuer: Issuer) -> None:
    token = (await issuer.login()).json()["refresh_token"]

    answer = await issuer.http.post("/api/logout", json={"refresh_token": token})

    assert answer.status_code == 204
    assert (await issuer.refresh(token, client="first-party")).json()["error"] == "invalid_grant"


async def test_signing_out_ends_a_family_that_outlives_its_session(issuer: Issuer) -> None:
    token = (await issuer.login(scope="notes:read offline_access")).json()["refresh_token"]

    await issuer.http.post("/api/logout", json={"refresh_token": token})

    assert (await issuer.refresh(token, client="first-party")).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("token", ["rubbish", "rt1_AAAA", "a.b.c"])
async def test_signing_out_with_what_is_no_token_changes_nothing(issuer: Issuer, token: str) -> None:
    await issuer.login()
    before = issuer.dump()

    assert (await issuer.http.post("/api/logout", json={"refresh_token": token})).status_code == 204
    assert issuer.dump() == before


async def test_another_clients_token_signs_nobody_out(issuer: Issuer) -> None:
    token = await issuer.family("spa")

    await issuer.http.post("/api/logout", json={"refresh_token": token})

    assert (await issuer.refresh(token)).status_code == 200


@pytest.mark.parametrize("path", ["/api/refresh", "/api/logout"])
@pytest.mark.parametrize(
    "headers", [{}, {"origin": EVIL}, {"origin": "null"}, {"origin": ISSUER + "0"}, {"sec-fetch-site": "same-site"}]
)
async def test_a_page_of_another_origin_acts_with_nobodys_cookies(
    issuer: Issuer, browser: httpx2.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    before = issuer.dump()

    answer = await browser.post(path, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (403, "origin_not_allowed")
    assert issuer.dump() == before
    assert "access-control-allow-origin" not in answer.headers


async def test_the_browsers_own_word_counts_where_it_names_no_origin(browser: httpx2.AsyncClient) -> None:
    assert (await browser.post("/api/refresh", headers={"sec-fetch-site": "same-origin"})).status_code == 200


async def test_nobody_is_signed_in_by_a_page_of_another_origin(issuer: Issuer) -> None:
    body = {"username": "alice", "password": PASSWORDS["alice"], "transport": "cookie"}

    answer = await issuer.http.post("/api/login", json=body, headers={"origin": EVIL})

    assert (answer.status_code, answer.json()["error"]) == (403, "origin_not_allowed")
    assert not issuer.rows("session")


async def test_configured_pages_may_act_and_read(issuer_database: Database, tmp_path: Path) -> None:
    async with running(issuer_database, tmp_path, {"COOKIE_ORIGINS": f"{ISSUER} {APP}"}) as issuer:
        body = {"username": "alice", "password": PASSWORDS["alice"], "transport": "cookie"}
        signed_in = await issuer.http.post("/api/login", json=body, headers={"origin": APP})
        carried_on = await issuer.http.post("/api/refresh", headers={"origin": APP})
        asked = await issuer.http.options("/api/refresh", headers={"origin": APP, "access-control-request-method": "POST"})
        by_others = await issuer.http.options("/api/refresh", headers={"origin": EVIL})

    for answer in (signed_in, carried_on, asked):
        assert answer.is_success
        assert answer.headers["access-control-allow-origin"] == APP
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "origin" in answer.headers["vary"]
    assert "access-control-allow-origin" not in by_others.headers


@pytest.mark.parametrize("path", ["/api/refresh", "/api/logout"])
async def test_another_content_type_is_refused(browser: httpx2.AsyncClient, path: str) -> None:
    answer = await browser.post(path, data={"a": "b"}, headers=OURS)

    assert answer.status_code == 415
