"""`/api/me…`: the caller's own account, by the session's cookie."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.support.auth_app import ISSUER, Issuer
from tests.support.keys import claims_of
from tests.support.page_visitor import SAME_ORIGIN, PageVisitor, letters, path_of, verified
from tests.support.registered import PASSWORDS
from tests.support.visitor import answer_of

NEW = "umbrella gravel otter lantern 99"


class Caller(PageVisitor):
    """Software on a page of ours, in a browser where alice is signed in."""

    async def call(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        headers = dict(SAME_ORIGIN)
        if method != "GET":
            headers["x-csrf-token"] = (await self.send("GET", "/api/me")).headers["x-csrf-token"]
        return await self.send(method, path, headers=headers, **({} if body is None else {"json": body}))


async def alice(issuer: Issuer) -> Caller:
    caller = Caller(issuer)
    await caller.log_in()
    return caller


async def test_a_stranger_is_told_to_sign_in(issuer: Issuer) -> None:
    for path in ("/api/me", "/api/me/sessions", "/api/me/consents"):
        answer = await PageVisitor(issuer).send("GET", path)
        assert (answer.status_code, answer.json()["error"]) == (401, "not_signed_in")
        assert answer.headers["cache-control"] == "no-store"


async def test_the_profile_is_shown_and_its_language_changed(issuer: Issuer) -> None:
    caller = await alice(issuer)

    before = (await caller.call("GET", "/api/me")).json()
    after = (await caller.call("PATCH", "/api/me", {"locale": "he"})).json()

    assert before.keys() == {"sub", "username", "email", "email_verified", "locale", "created_at"}
    assert (before["username"], before["locale"], after["locale"]) == ("alice", None, "he")
    assert 'dir="rtl"' in (await caller.get("/account")).text
    assert (await caller.call("PATCH", "/api/me", {"locale": "tlh"})).json()["error"] == "invalid_locale"
    assert (await caller.call("PATCH", "/api/me", {"username": "root"})).status_code == 422


async def test_the_password_is_changed_by_whoever_knows_it_and_a_letter_tells_of_it(issuer: Issuer) -> None:
    await verified(issuer)
    caller, elsewhere = await alice(issuer), await alice(issuer)

    wrong = await caller.call("POST", "/api/me/password", {"current_password": "no", "password": NEW})
    weak = await caller.call("POST", "/api/me/password", {"current_password": PASSWORDS["alice"], "password": "short"})
    done = await caller.call("POST", "/api/me/password", {"current_password": PASSWORDS["alice"], "password": NEW})

    assert (wrong.status_code, weak.json()["error"], done.status_code) == (401, "weak_password", 204)
    assert (await caller.call("GET", "/api/me")).status_code == 200
    assert (await elsewhere.send("GET", "/api/me")).status_code == 401
    assert [letter["kind"] for letter in letters(issuer)] == ["password_changed"]


async def test_sessions_are_listed_and_ended(issuer: Issuer) -> None:
    caller, second, third = await alice(issuer), await alice(issuer), await alice(issuer)

    listed = (await caller.call("GET", "/api/me/sessions")).json()["sessions"]
    current = [session["current"] for session in listed]
    other = next(session["sid"] for session in listed if not session["current"])
    ended = await caller.call("DELETE", f"/api/me/sessions/{other}")
    again = await caller.call("DELETE", f"/api/me/sessions/{other}")
    rest = await caller.call("DELETE", "/api/me/sessions")

    assert current.count(True) == 1
    assert (len(listed), ended.status_code, again.status_code, rest.json()) == (3, 204, 404, {"ended": 1})
    statuses = [(await visitor.send("GET", "/api/me")).status_code for visitor in (caller, second, third)]
    assert statuses == [200, 401, 401]


async def test_an_app_is_listed_and_its_access_taken_back(issuer: Issuer) -> None:
    await verified(issuer)
    caller = await alice(issuer)
    consent = await caller.to_consent(scope="openid notes:read offline_access")
    code = answer_of(await caller.follow(await caller.post(consent, {"action": "allow"})))["code"]
    tokens = (await caller.exchange(code)).json()

    (app,) = (await caller.call("GET", "/api/me/consents")).json()["consents"]
    taken = await caller.call("DELETE", "/api/me/consents/app")

    assert (app["client_id"], app["scope"]) == ("app", "notes:read offline_access openid")
    assert taken.status_code == 204
    assert (await caller.call("GET", "/api/me/consents")).json() == {"consents": []}
    refreshed = await issuer.refresh(tokens["refresh_token"], "app")
    assert refreshed.json()["error"] == "invalid_grant"
    assert [letter["kind"] for letter in letters(issuer)] == ["app_removed"]
    assert path_of(await caller.authorize()).startswith("/consent")


async def test_a_token_for_the_issuer_with_the_scope_account_does_as_well(issuer: Issuer) -> None:
    body = (await issuer.login(scope="account")).json()
    bearer = {"authorization": f"Bearer {body['access_token']}"}
    claims = claims_of(body["access_token"])
    other = (await issuer.login(scope="notes:read")).json()["access_token"]

    me = await issuer.http.get("/api/me", headers=bearer)
    changed = await issuer.http.patch("/api/me", json={"locale": "de"}, headers=bearer)
    refused = [
        await issuer.http.get("/api/me", headers={"authorization": text})
        for text in (f"Bearer {other}", "Bearer x", "Basic eDp5")
    ]

    assert (claims["aud"], claims["scope"]) == (ISSUER, "account")
    assert (me.status_code, me.json()["username"], changed.json()["locale"]) == (200, "alice", "de")
    assert [answer.status_code for answer in refused] == [401] * 3
    assert (await issuer.refresh(body["refresh_token"], "first-party")).json()["scope"] == "account"
    assert (await issuer.http.delete("/api/me/sessions", headers=bearer)).json() == {"ended": 1}
    await issuer.services.sessions.end(claims["sid"], "signed_out")
    assert (await issuer.http.get("/api/me", headers=bearer)).status_code == 401
