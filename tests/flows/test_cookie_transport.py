"""A browser's way through two real processes: cookies on one host, two ports, and no token in any page."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.cookiejar import CookieJar

from tests.flows.pair import Pair


class Browser:
    """Keeps cookies, and says which page it is on."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(self, method: str, url: str, body: object = None, origin: str | None = None) -> tuple[int, object]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Origin": origin or self._origin, **({"Content-Type": "application/json"} if data else {})}
        try:
            with self._opener.open(urllib.request.Request(url, data, headers, method=method), timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")


def test_sign_in_use_refresh_sign_out(pair: Pair) -> None:
    browser = Browser(pair.issuer)
    credentials = {"username": "alice", "password": pair.password, "transport": "cookie"}

    status, told = browser.ask("POST", f"{pair.issuer}/api/login", credentials)
    assert (status, told) == (200, {"expires_in": 2, "scope": "notes:read notes:write"})
    assert browser.ask("GET", f"{pair.api}/me")[0] == 200
    assert browser.ask("POST", f"{pair.api}/notes", {"text": "written by a page"})[0] == 201
    status, refused = browser.ask("POST", f"{pair.api}/notes", {"text": "forged"}, origin="https://evil.example")
    assert (status, refused["reason"]) == (403, "origin_not_allowed")  # type: ignore[index]
    assert browser.ask("POST", f"{pair.issuer}/api/refresh") == (200, {"expires_in": 2})
    assert browser.ask("GET", f"{pair.api}/me")[0] == 200
    assert browser.ask("POST", f"{pair.issuer}/api/logout") == (204, None)
    assert browser.ask("GET", f"{pair.api}/me")[0] == 401
    assert browser.ask("POST", f"{pair.issuer}/api/refresh")[0] == 401
