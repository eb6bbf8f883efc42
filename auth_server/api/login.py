"""`POST /api/login`: the seed flow. Username and password, once, for tokens of the built-in first-party client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from auth_server.accounts.login import Login, SignedIn
from auth_server.api.members import optional_text_member, text_member
from auth_server.api.token_cookies import TokenCookies
from auth_server.clients.service import FIRST_PARTY
from auth_server.protocol.authorization import Authorization, SignIn, StartFamily
from auth_server.protocol.directory import Directory
from auth_server.protocol.errors import ApiError, InvalidScope, TemporarilyUnavailable
from auth_server.protocol.people import permissions_of_roles, visible_to
from auth_server.protocol.resource import ACCOUNT, Resource, choose_audience
from auth_server.protocol.scope import UNOWNED, may_go_offline, narrow_scope
from auth_server.rate_limits.known_devices import KNOWN_FOR_SECONDS
from auth_server.tokens.issuer import TokenAnswer, TokenIssuer
from auth_server.tokens.standing import Moment
from auth_server.web.cookies import CookieJar
from auth_server.web.door import Door
from auth_server.web.own_pages import OwnPages
from auth_server.web.request import Request
from auth_server.web.request_facts import RequestFacts
from auth_server.web.responses import NO_STORE, Response, json_response
from shared import scope

DEVICE_COOKIE = "dev"
_ATTEMPTS = 3
_TOLD_BESIDE_COOKIES = ("expires_in", "scope")


class LoginDoor(Door):
    """JSON `username`, `password`, and if wanted `resource`, `scope`, `transport`; the answer is RFC 6749's token response.

    With `"transport": "cookie"` the tokens go into cookies that no script can read, and the answer says how long they live.
    """

    path = "/api/login"
    methods = ("POST",)
    own_pages: OwnPages

    def __init__(
        self,
        *,
        login: Login,
        issuer: TokenIssuer,
        directory: Callable[[], Awaitable[Directory]],
        default_resource: str | None,
        cookies: CookieJar,
        token_cookies: TokenCookies,
        pages: OwnPages,
        own_resource: Resource,
    ) -> None:
        self._login = login
        self._issuer = issuer
        self._directory = directory
        self._default_resource = default_resource
        self._cookies = cookies
        self._token_cookies = token_cookies
        self.own_pages = pages
        self._own_resource = replace(own_resource, first_party=True)

    async def answer(self, request: Request) -> Response:
        """Answer a sign-in."""
        body = await request.json()
        into_cookies = self._goes_into_cookies(optional_text_member(body, "transport"), request)
        username, password = text_member(body, "username"), text_member(body, "password")
        asked = _scope(optional_text_member(body, "scope"))
        resource = optional_text_member(body, "resource")
        # Where the token would go is decided before the password is looked at, so that a refusal costs no hash and tells nothing.
        before = self._issuer.moment()
        directory = await self._look(asked)
        choose_audience(resource, asked and asked - UNOWNED, FIRST_PARTY, directory.resources, self._default_resource)
        signed_in = await self._login.sign_in(username, password, request.facts)
        # The session's own second: its start was stamped before the person's roles were read.
        moment = replace(before, now=signed_in.session.auth_time)
        answer = await self._issued(signed_in, asked, resource, directory, request.facts, moment)
        headers = NO_STORE + self._device(signed_in)
        if not into_cookies:
            return json_response(answer.to_json(), headers=headers)
        told = {name: value for name, value in answer.to_json().items() if name in _TOLD_BESIDE_COOKIES}
        return json_response(told, headers=headers + self._token_cookies.set(answer))

    async def _look(self, asked: frozenset[str] | None) -> Directory:
        """Return the directory, with the issuer among the resources for whoever asks for the scope of its own API."""
        directory = await self._directory()
        if asked is None or ACCOUNT not in asked:
            return directory
        return replace(directory, resources={**directory.resources, self._own_resource.identifier: self._own_resource})

    def _goes_into_cookies(self, transport: str | None, request: Request) -> bool:
        if transport in (None, "body"):
            return False
        if transport != "cookie":
            raise ApiError(400, "invalid_request", "transport is body or cookie")
        # Another page that signed its own account in here would read what the person then writes.
        self.own_pages.check_if_told(request)
        return True

    async def _issued(
        self,
        signed_in: SignedIn,
        asked: frozenset[str] | None,
        resource: str | None,
        directory: Directory,
        facts: RequestFacts,
        moment: Moment,
    ) -> TokenAnswer:
        for _ in range(_ATTEMPTS):
            answer = await self._issuer.issue(self._authorization(signed_in, asked, resource, directory), facts, moment)
            if answer is not None:
                return answer
            # Something about the person or their roles was revoked in this very second.
            moment = self._issuer.moment()
            directory = await self._look(asked)
            signed_in = await self._login.look_again(signed_in)
        raise TemporarilyUnavailable("this account is being changed", retry_after=1)

    def _authorization(
        self, signed_in: SignedIn, asked: frozenset[str] | None, resource_asked: str | None, directory: Directory
    ) -> Authorization:
        owned = None if asked is None else asked - UNOWNED
        resource = choose_audience(resource_asked, owned, FIRST_PARTY, directory.resources, self._default_resource)
        permissions = permissions_of_roles(signed_in.roles, directory.permissions_of)
        visible = visible_to(resource, signed_in.roles, directory.permissions_of)
        # A family that outlives the session does not name it: ending the session must not seem to end the family.
        sid = None if may_go_offline(asked, FIRST_PARTY) else signed_in.session.sid
        session = signed_in.session
        return Authorization(
            client=FIRST_PARTY,
            subject=signed_in.account.sub,
            resource=resource,
            scope=narrow_scope(owned or None, FIRST_PARTY, resource, permissions),
            sign_in=SignIn(session.auth_time, session.acr, session.amr, sid),
            roles=visible.roles,
            entitlements=visible.permissions,
            settlement=StartFamily(sid),
        )

    def _device(self, signed_in: SignedIn) -> tuple[tuple[bytes, bytes], ...]:
        cookie = self._cookies.set(DEVICE_COOKIE, signed_in.device_cookie, KNOWN_FOR_SECONDS)
        return ((b"set-cookie", cookie),)


def _scope(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    try:
        return scope.parse(text)
    except ValueError as error:
        raise InvalidScope("the scope is malformed") from error
