"""A browser without JavaScript, as far as forms need one: follows links, keeps cookies, fills in the first form of a page."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Self

import httpx2


class _FirstForm(HTMLParser):
    """The action, the fields and the first button of the first form that posts."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._state = "before"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag == "form" and self._state == "before" and values.get("method", "").lower() == "post":
            self._state, self.action = "inside", values.get("action", "")
        elif self._state == "inside" and values.get("name"):
            self._take(tag, values["name"], values.get("value", ""))

    def _take(self, tag: str, name: str, value: str) -> None:
        # The first submit button is the one that goes on.
        if tag == "input" or (tag == "button" and name not in self.fields):
            self.fields[name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._state == "inside":
            self._state = "after"


class FormBrowser:
    """One browser before a running server."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.http = httpx2.Client(base_url=origin, timeout=10)

    def open(self, address: str) -> httpx2.Response:
        """Follow an address as long as it stays with the server; return the page, or the redirect that leaves."""
        return self._follow(self.http.get(address))

    def submit(self, page: httpx2.Response, **values: str) -> httpx2.Response:
        """Fill in the first form of a page and send it, as the page's own origin."""
        form = _FirstForm()
        form.feed(page.text)
        assert form.action is not None, page.text
        target = page.url.join(form.action) if form.action else page.url
        return self._follow(self.http.post(target, data=form.fields | values, headers={"Origin": self.origin}))

    def sign_in(self, address: str, username: str, password: str) -> httpx2.Response:
        """Go through the pages of an authorization request; return the redirect to the client."""
        page = self.open(address)
        for _ in range(4):
            if page.is_redirect:
                return page
            assert page.status_code == 200, page.text
            filled = {"username": username, "password": password} if page.url.path.startswith("/login") else {}
            page = self.submit(page, **filled)
        raise AssertionError("no end of pages")

    def close(self) -> None:
        """Let go of the connections."""
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _follow(self, response: httpx2.Response) -> httpx2.Response:
        for _ in range(8):
            if not response.is_redirect or not response.headers["location"].startswith((self.origin, "/")):
                return response
            response = self.http.get(response.headers["location"])
        raise AssertionError("no end of redirects")
