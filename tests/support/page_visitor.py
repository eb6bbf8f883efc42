"""A person's browser that reads pages and sends their forms, without a browser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from auth_server.accounts.tickets import Purpose, TicketRef
from tests.support.auth_app import ISSUER, Issuer
from tests.support.registered import PASSWORDS
from tests.support.visitor import Visitor

SAME_ORIGIN: Final = {"origin": ISSUER, "sec-fetch-site": "same-origin"}
_TOKEN: Final = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass
class PageVisitor(Visitor):
    """One browser that goes through the pages."""

    async def send(self, method: str, address: str, **more: Any) -> httpx2.Response:
        """Send a request with this browser's own cookies alone: the client beneath, which all share, would add those of others."""
        self.issuer.http.cookies.clear()
        return await super().send(method, address, **more)

    async def token(self, path: str) -> str:
        """Open a page and return the token of its form."""
        response = await self.send("GET", path)
        return token_in(response)

    async def post(
        self, path: str, fields: dict[str, str], *, headers: dict[str, str] | None = None, token: str | None = "its own"
    ) -> httpx2.Response:
        """Send a page's form: with the token that the page has, with another one, or (None) with none."""
        if token == "its own":
            token = await self.token(path)
        body = dict(fields) | ({} if token is None else {"csrf": token})
        return await self.send("POST", path, data=body, headers=SAME_ORIGIN if headers is None else headers)

    async def log_in(self, path: str = "/login", username: str = "alice", password: str | None = None) -> httpx2.Response:
        """Sign in at a page."""
        return await self.post(path, {"username": username, "password": password or PASSWORDS[username]})

    async def to_consent(self, client: str = "app", **changes: str | None) -> str:
        """Go through an authorization request up to consent; return the page's path."""
        login = path_of(await self.authorize(client, **changes))
        if login.startswith("/consent"):
            return login
        assert login.startswith("/login?"), login
        resumed = await self.send("GET", path_of(await self.log_in(login)))
        return path_of(resumed)

    async def follow(self, response: httpx2.Response) -> httpx2.Response:
        """Go where an answer leads."""
        return await self.send("GET", path_of(response))


def token_in(response: httpx2.Response) -> str:
    """Return the token of a page's form."""
    found = _TOKEN.search(response.text)
    assert found is not None, (response.status_code, response.text[:300])
    return unescape(found[1])


def path_of(response: httpx2.Response) -> str:
    """Return the path, with its query, that an answer leads to."""
    assert response.status_code == 303, (response.status_code, response.text[:300])
    parts = urlsplit(response.headers["location"])
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


async def a_ticket(issuer: Issuer, purpose: Purpose, username: str = "alice", *, address: str | None = None) -> str:
    """Return the token of a link that was sent to somebody."""
    sub = await issuer.sub(username)
    tickets = issuer.services.correspondence.tickets
    sent_to = address or f"{username}@mail.example"
    ref: TicketRef = await issuer.store.run(lambda tx: tickets.issue(tx, purpose, sub, address=sent_to))
    return tickets.token(ref)


async def verified(issuer: Issuer, username: str = "alice") -> None:
    """Verify somebody's mail address."""
    sub, address = await issuer.sub(username), f"{username}@mail.example"
    await issuer.store.run(lambda tx: tx.accounts.set_verified_email(sub, address, address))


def letters(issuer: Issuer) -> list[dict[str, Any]]:
    """Return what lies in the outbox and would be sent."""
    return [row for row in issuer.rows("outbox_mail") if row["recipient"] is not None]
