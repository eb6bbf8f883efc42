"""The ASGI application: the only place that knows all doors, and where every request begins and ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, MutableMapping
from typing import Any, Final

from starlette.routing import Route, Router

from auth_server.api.login import DEVICE_COOKIE
from auth_server.api.registry import all_doors, description_doors, management_doors
from auth_server.endpoints.registry import all_endpoints
from auth_server.interaction.routes import all_pages
from auth_server.jobs.registry import all_jobs
from auth_server.jobs.runner import JobRunner
from auth_server.services import Services
from auth_server.telemetry.logging import REQUEST_ID, tell_request
from auth_server.web.cookies import CookieJar
from auth_server.web.door import OUTCOME, Door
from auth_server.web.failures import Failure, Kind, error_page, takes_pages
from auth_server.web.page_kit import PageKit
from auth_server.web.request import FACTS, IS_PAGE, Receive, Request, Scope, Send
from auth_server.web.request_facts import RequestFacts, client_address, parse_networks, request_id
from auth_server.web.responses import Headers, Response, json_response

_LOG: Final = logging.getLogger("auth_server")


class Application:
    """Gives each request its facts, each answer its headers, and each outcome its log line."""

    def __init__(
        self,
        services: Services,
        *,
        doors: tuple[Door, ...] | None = None,
        runs_jobs: bool = True,
    ) -> None:
        self._services = services
        self._runs_jobs = runs_jobs
        served = doors or (
            *all_endpoints(services),
            *all_doors(services),
            *all_pages(services),
            *self._shared_management(),
            *description_doors(services, lambda: served),
        )
        self.doors: Final = served
        # The router alone: Starlette's own last net would answer before ours. And it must not redirect to a path with or without a
        # slash: the address would come from the Host header, and a 307 repeats the body, with the client's secret in it.
        routes = [Route(door.path, door) for door in served]
        self._app = Router(routes, redirect_slashes=False, default=_NotFound(services.page_kit), lifespan=self._lifespan)
        # A path without parameters needs no walk over every regular expression before its own.
        self._fixed = {door.path: door for door in served if "{" not in door.path}
        self._paths = frozenset(door.path for door in served)
        self._trusted = parse_networks(services.settings.trusted_proxies)
        self._device_cookie = CookieJar(services.settings.issuer.startswith("https:")).name(DEVICE_COOKIE)
        self._headers = _security_headers(is_https=services.settings.issuer.startswith("https:"))
        # A page has a policy of its own; two would both hold.
        self._page_headers = tuple(header for header in self._headers if header[0] != b"content-security-policy")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        facts = scope[FACTS] = self._facts(scope, receive)
        REQUEST_ID.set(facts.request_id)
        status = 0
        named = (b"x-request-id", facts.request_id.encode("ascii"))

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], named, *(self._page_headers if IS_PAGE in scope else self._headers)]
            await send(message)

        try:
            await self._fixed.get(scope["path"], self._app)(scope, receive, send_with_headers)
        except Exception as error:  # the last net: the client learns nothing of it, the log its kind and place
            _LOG.error("unexpected", exc_info=error)
            scope[OUTCOME] = ("server_error", type(error).__name__)
            if status == 0:
                await _send(send_with_headers, self._failed(Request(scope, receive)))
        seconds = time.perf_counter() - began
        path = scope["path"]
        self._services.metrics.count_request(path if path in self._paths else "other", status, seconds)
        _tell(scope, facts, status, seconds)

    def _facts(self, scope: Scope, receive: Receive) -> RequestFacts:
        peer = scope["client"][0] if scope.get("client") else "0.0.0.0"  # noqa: S104 - stands for "unknown", nothing listens
        headers = scope["headers"]
        address = peer
        if self._trusted:
            forwarded = [value for name, value in headers if name == b"x-forwarded-for"]
            address = client_address(peer, forwarded, self._trusted)
        facts = RequestFacts(address, request_id(dict(headers).get(b"x-request-id")))
        if scope["path"] not in _PASSWORD_PATHS:
            return facts
        scope[FACTS] = facts
        return RequestFacts(address, facts.request_id, Request(scope, receive).cookie(self._device_cookie))

    def _failed(self, request: Request) -> Response:
        if not takes_pages(request, otherwise=False):
            return _SERVER_ERROR
        try:
            return error_page(self._services.page_kit, request, Failure(Kind.SERVER, 500, "server_error"))
        except Exception as error:  # what failed may be what shows pages
            _LOG.error("unexpected", exc_info=error)
            return _SERVER_ERROR

    def _shared_management(self) -> tuple[Door, ...]:
        return management_doors(self._services) if self._services.settings.management_port is None else ()

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: object) -> AsyncIterator[None]:
        if not self._runs_jobs:
            yield
            return
        await self._services.start()
        runner = JobRunner(all_jobs(self._services))
        runner.start()
        try:
            yield
        finally:
            await runner.stop()
            await asyncio.to_thread(self._services.close)


class _NotFound:
    def __init__(self, kit: PageKit) -> None:
        self._kit = kit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[OUTCOME] = ("not_found", None)
            request = Request(scope, receive)
            is_page = takes_pages(request, otherwise=False)
            page = error_page(self._kit, request, Failure(Kind.NOT_FOUND, 404, "not_found")) if is_page else _NOT_FOUND
            await _send(send, page)


# Where a password is typed: there the browser says whether the account knows it.
_PASSWORD_PATHS: Final = frozenset({"/api/login", "/login", "/login/confirm", "/register-account"})
_NOT_FOUND: Final = json_response({"error": "not_found", "error_description": "there is nothing here"}, status=404)
_SERVER_ERROR: Final = json_response(
    {"error": "server_error", "error_description": "the server failed; nothing was granted"}, status=500
)


async def _send(send: Send, response: Response) -> None:
    headers = [*response.headers, (b"content-length", str(len(response.body)).encode("ascii"))]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _security_headers(*, is_https: bool) -> Headers:
    headers: Headers = (
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-frame-options", b"DENY"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    )
    return (*headers, (b"strict-transport-security", b"max-age=63072000; includeSubDomains")) if is_https else headers


def _tell(scope: Scope, facts: RequestFacts, status: int, seconds: float) -> None:
    outcome, detail = scope.get(OUTCOME, ("ok", None))
    # The path without its query: parameters may be secrets.
    fields = {
        "request_id": facts.request_id,
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "ms": round(seconds * 1000, 2),
        "ip": facts.address,
        "outcome": outcome,
        "detail": detail,
    }
    tell_request(fields)
