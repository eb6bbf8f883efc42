"""`/api/me…`: the caller's own account, as JSON.

The caller is known by the sign-in session's cookie, with the pages' rule against forged requests (a token in `X-CSRF-Token`, which every
GET of `/api/me` hands out, and an `Origin` of ours), or by an access token whose audience holds the issuer and whose scope holds `account`.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from auth_server.accounts.profile import Profile
from auth_server.api.callers import Caller, Callers
from auth_server.api.members import optional_text_member, text_member
from auth_server.interaction.own_account import App, OwnAccount
from auth_server.protocol.errors import ApiError
from auth_server.store.sessions import Session
from auth_server.web.door import Door
from auth_server.web.request import Request
from auth_server.web.responses import NO_STORE, Headers, Response, json_response

_SAFE: Final = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Me:
    """Who calls, and their profile."""

    caller: Caller
    profile: Profile

    @property
    def sub(self) -> str:
        """The subject."""
        return self.caller.sub

    @property
    def sid(self) -> str | None:
        """The session that the call is made in."""
        return self.caller.sid


class OwnDoor(Door):
    """A door for the owner of an account alone."""

    def __init__(self, callers: Callers, own: OwnAccount) -> None:
        self._callers = callers
        self._own = own

    async def answer(self, request: Request) -> Response:
        """Answer the owner; everybody else hears 401, and a forged request 403."""
        caller = await self._callers.identify(request, is_change=request.method not in _SAFE)
        profile = await self._own.profile(caller.sub)
        if profile is None:
            raise ApiError(401, "not_signed_in", "Sign in first.")
        return await self.serve(request, Me(caller, profile))

    @abstractmethod
    async def serve(self, request: Request, me: Me) -> Response:
        """Answer the owner."""


class MeDoor(OwnDoor):
    """`/api/me`: GET the profile; PATCH the `locale`."""

    path = "/api/me"
    methods: ClassVar[tuple[str, ...]] = ("GET", "PATCH")

    async def serve(self, request: Request, me: Me) -> Response:
        if request.method == "PATCH":
            body = await request.json()
            if body.keys() - {"locale"}:
                raise ApiError(422, "invalid_profile", "Only locale can be changed here.")
            await self._own.set_locale(me.sub, optional_text_member(body, "locale"), request.facts)
            me = Me(me.caller, await self._own.profile(me.sub) or me.profile)
        token = self._callers.csrf_token(me.caller)
        headers: Headers = NO_STORE if token is None else (*NO_STORE, (b"x-csrf-token", token.encode("ascii")))
        return json_response(_profile(me.profile), headers=headers)


class OwnPasswordDoor(OwnDoor):
    """`POST /api/me/password`: `current_password` and `password`; 204. Every other session ends."""

    path = "/api/me/password"
    methods: ClassVar[tuple[str, ...]] = ("POST",)

    async def serve(self, request: Request, me: Me) -> Response:
        body = await request.json()
        current, password = text_member(body, "current_password"), text_member(body, "password")
        await self._own.login.check_password(me.sub, current, request.facts)
        await self._own.change_password(me.sub, password, request.facts, keep_sid=me.sid)
        return Response(204, headers=NO_STORE)


class OwnSessionsDoor(OwnDoor):
    """`/api/me/sessions`: GET where the account is signed in; DELETE every session but the one that asks."""

    path = "/api/me/sessions"
    methods: ClassVar[tuple[str, ...]] = ("GET", "DELETE")

    async def serve(self, request: Request, me: Me) -> Response:
        if request.method == "DELETE":
            ended = await self._own.end_others(me.sub, request.facts, keep_sid=me.sid)
            return json_response({"ended": ended})
        sessions = await self._own.live_sessions(me.sub)
        return json_response({"sessions": [_session(session, session.sid == me.sid) for session in sessions]})


class OwnSessionDoor(OwnDoor):
    """`DELETE /api/me/sessions/{sid}`: 204, or 404 when the account has no such session."""

    path = "/api/me/sessions/{sid}"
    methods: ClassVar[tuple[str, ...]] = ("DELETE",)

    async def serve(self, request: Request, me: Me) -> Response:
        if not await self._own.end_session(me.sub, request.path_parameter("sid"), request.facts):
            raise ApiError(404, "not_found", "There is no such session.")
        return Response(204, headers=NO_STORE)


class OwnConsentsDoor(OwnDoor):
    """`GET /api/me/consents`: the apps that may act for the account."""

    path = "/api/me/consents"
    methods: ClassVar[tuple[str, ...]] = ("GET",)

    async def serve(self, request: Request, me: Me) -> Response:
        return json_response({"consents": [_app(app) for app in await self._own.apps(me.sub)]})


class OwnConsentDoor(OwnDoor):
    """`DELETE /api/me/consents/{client_id}`: 204, or 404 when the app may do nothing."""

    path = "/api/me/consents/{client_id:path}"
    methods: ClassVar[tuple[str, ...]] = ("DELETE",)

    async def serve(self, request: Request, me: Me) -> Response:
        if not await self._own.revoke_app(me.sub, request.path_parameter("client_id"), request.facts):
            raise ApiError(404, "not_found", "This app has no access.")
        return Response(204, headers=NO_STORE)


def _profile(profile: Profile) -> dict[str, Any]:
    account = profile.account
    return {
        "sub": account.sub,
        "username": account.username,
        "email": account.email,
        "email_verified": account.email_verified,
        "locale": profile.locale,
        "created_at": account.created_at // 1000,
    }


def _session(session: Session, is_current: bool) -> dict[str, Any]:
    return {
        "sid": session.sid,
        "auth_time": session.auth_time,
        "address": session.address,
        "user_agent": session.user_agent,
        "current": is_current,
    }


def _app(app: App) -> dict[str, Any]:
    return {
        "client_id": app.client_id,
        "name": app.name,
        "scope": " ".join(sorted(app.scope)),
        "granted_at": app.since // 1000,
        "used_at": None if app.used_at is None else app.used_at // 1000,
    }
