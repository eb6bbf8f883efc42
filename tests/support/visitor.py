"""A person's browser before the auth server: cookies of its own, forms answered through the services that the pages use."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

from auth_server.interaction.interaction import Interaction
from auth_server.interaction.logout import SignOuts
from auth_server.interaction.routes import interactions_of, sign_outs_of
from auth_server.interaction.service import Interactions
from auth_server.protocol.pkce import challenge_of
from auth_server.store.sessions import Session
from auth_server.web.browser import Browser, CookieChange
from tests.support.auth_app import ISSUER, Issuer
from tests.support.builders import FACTS
from tests.support.registered import PASSWORDS, REDIRECTS

CALLBACK: Final = REDIRECTS["app"]
VERIFIER: Final = "a-code-verifier-of-a-test-that-nobody-would-guess-7413"
CHALLENGE: Final = challenge_of(VERIFIER)


def parameters(client: str = "app", **changes: str | None) -> dict[str, str]:
    """The parameters of an ordinary authorization request; None leaves one out."""
    ordinary: dict[str, str | None] = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": REDIRECTS.get(client, CALLBACK),
        "scope": "openid notes:read",
        "state": "state-of-a-test",
        "nonce": "nonce-of-a-test",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in (ordinary | changes).items() if value is not None}


def answer_of(response: httpx2.Response) -> dict[str, str]:
    """The parameters of an answer that goes to a client by redirect."""
    assert response.status_code == 303, (response.status_code, response.text)
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}


@dataclass
class Visitor:
    """One browser."""

    issuer: Issuer
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def browser(self) -> Browser:
        """What the server sees of it."""
        return Browser(self.cookies.get("session"), self.cookies.get("interaction"))

    @property
    def interactions(self) -> Interactions:
        """What the pages work with."""
        return interactions_of(self.issuer.services)

    @property
    def sign_outs(self) -> SignOuts:
        """What the sign-out page works with."""
        return sign_outs_of(self.issuer.services)

    async def get(self, path: str, **query: str) -> httpx2.Response:
        """Follow a link."""
        return await self.send("GET", f"{path}?{urlencode(query)}" if query else path)

    async def send(self, method: str, address: str, **more: Any) -> httpx2.Response:
        """Send a request with the cookies, and keep those of the answer."""
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        headers |= more.pop("headers", {})
        response = await self.issuer.http.request(method, address, headers=headers, **more)
        for line in response.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return response

    async def authorize(self, client: str = "app", **changes: str | None) -> httpx2.Response:
        """Come to the authorization endpoint with an ordinary request, changed."""
        return await self.get("/authorize", **parameters(client, **changes))

    async def refusal(self, client: str = "app", **changes: str | None) -> dict[str, str]:
        """Come with a request that is at fault; the error that goes back to the client: with `state`, with `iss`, without a code."""
        response = await self.authorize(client, **changes)
        assert response.headers["location"].startswith(f"{REDIRECTS[client]}?"), response.headers["location"]
        answer = answer_of(response)
        assert (answer["iss"], answer["state"]) == (ISSUER, "state-of-a-test")
        assert "code" not in answer
        return answer

    async def sign_in(self, username: str = "alice", interaction_id: str | None = None) -> Session:
        """Do what the sign-in page does with right credentials."""
        change = CookieChange.of(self.cookies.get("session"))
        signed_in = await self.issuer.services.login.sign_in(username, PASSWORDS[username], FACTS, browser=change)
        self.cookies["session"] = change.new
        if interaction_id is not None:
            await self.interactions.signed_in(interaction_id, self.browser, signed_in.session.sid)
        return signed_in.session

    async def waiting(self, response: httpx2.Response) -> Interaction:
        """What the page that an answer leads to is about."""
        return await self.interactions.find(answer_of(response)["request"], self.browser)

    async def through(self, response: httpx2.Response, username: str = "alice") -> httpx2.Response:
        """Do what each page asks until the answer goes to the client."""
        for _ in range(4):
            target = urlsplit(response.headers.get("location", ""))
            if f"{target.scheme}://{target.netloc}" != "http://localhost:8000":
                return response
            asked = await self.waiting(response)
            if target.path in ("/login", "/login/confirm"):
                await self.sign_in(username, asked.id)
            else:
                assert target.path == "/consent", target.path
                await self.interactions.approve(asked, self.browser)
            response = await self.send("GET", asked.resume_path)
        raise AssertionError("no end of pages")

    async def code(self, client: str = "app", username: str = "alice", **changes: str | None) -> str:
        """Get a code as an honest person and client do."""
        return answer_of(await self.through(await self.authorize(client, **changes), username))["code"]

    async def exchange(self, code: str, client: str | None = "app", **changes: str | None) -> httpx2.Response:
        """Redeem a code."""
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": parameters(client or "app")["redirect_uri"],
            "code_verifier": VERIFIER,
        }
        return await self.issuer.token(client, **{name: value for name, value in (form | changes).items() if value is not None})

    async def tokens(self, client: str = "app", username: str = "alice", **changes: str | None) -> dict[str, Any]:
        """Go through the whole flow."""
        code = await self.code(client, username, **changes)
        answer = await self.exchange(code, client, redirect_uri=changes.get("redirect_uri") or parameters(client)["redirect_uri"])
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


def a_code() -> str:
    """Something that looks like a code and is none."""
    return secrets.token_urlsafe(32)
