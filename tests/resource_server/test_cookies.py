"""The access token in a cookie: only where it was asked for, only without an Authorization header, and never for somebody else's page."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from resource_server import Guard
from resource_server.cookies import CookieTransport
from resource_server.verifier.errors import InvalidRequest, NoToken, OriginNotAllowed
from tests.resource_server.calls import call
from tests.resource_server.support import IssuerServer, a_guard, a_token, an_issuer, claims

SHOP = "https://shop.example.com"
OURS = ((b"origin", SHOP.encode()),)


@pytest.fixture
def issuer() -> Iterator[IssuerServer]:
    with an_issuer() as started:
        yield started


@pytest.fixture
def guard(issuer: IssuerServer) -> Iterator[Guard]:
    with a_guard(issuer, cookie_origins=[SHOP]) as made:
        yield made


def app_of(guard: Guard) -> Any:
    async def me(request: Any) -> JSONResponse:
        return JSONResponse({"sub": request.state.principal.sub})

    return guard.wrap(Starlette(routes=[Route("/me", me, methods=["GET", "POST"])]))


def cookie(token: bytes, name: bytes = b"access_token") -> tuple[bytes, bytes]:
    return (b"cookie", b"theme=dark; " + name + b"=" + token)


def good(issuer: IssuerServer, sub: str = "alice") -> bytes:
    return a_token(claims(iss=issuer.url, sub=sub))


def test_a_cookie_is_as_good_as_a_header(guard: Guard, issuer: IssuerServer) -> None:
    answer = call(app_of(guard), headers=(cookie(good(issuer)),))

    assert (answer.status, answer.json) == (200, {"sub": "alice"})


def test_a_guard_that_was_told_no_origin_takes_no_cookie(issuer: IssuerServer) -> None:
    with a_guard(issuer) as guard:
        answer = call(app_of(guard), headers=(cookie(good(issuer)), *OURS))

    assert (answer.status, answer.json["reason"]) == (401, "no_token")


def test_the_header_alone_is_judged_where_there_is_one(guard: Guard, issuer: IssuerServer) -> None:
    app = app_of(guard)

    assert call(app, token=good(issuer), headers=(cookie(good(issuer, "mallory")),)).json == {"sub": "alice"}
    other = call(app, headers=(cookie(good(issuer)), (b"authorization", b"Basic YTpi")))
    assert (other.status, other.json["reason"]) == (401, "no_token")
    bad = call(app, token=b"a.b.c", headers=(cookie(good(issuer)),))
    assert bad.status == 401


def test_two_cookies_are_one_too_many(guard: Guard, issuer: IssuerServer) -> None:
    planted = (b"cookie", b"access_token=" + good(issuer, "mallory"))

    answer = call(app_of(guard), headers=(cookie(good(issuer)), planted))

    assert (answer.status, answer.json["reason"]) == (400, "invalid_request")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("origins", [(), ("https://evil.example",), ("null",), (SHOP, "https://evil.example"), (SHOP + ":8443",)])
def test_what_changes_something_needs_an_origin_that_was_named(
    guard: Guard, issuer: IssuerServer, method: str, origins: tuple[str, ...]
) -> None:
    headers = (cookie(good(issuer)), *((b"origin", origin.encode()) for origin in origins))

    answer = call(app_of(guard), method=method, headers=headers)

    assert (answer.status, answer.json["reason"], answer.header("www-authenticate")) == (403, "origin_not_allowed", None)


def test_our_own_page_may_change_something(guard: Guard, issuer: IssuerServer) -> None:
    assert call(app_of(guard), method="POST", headers=(cookie(good(issuer)), *OURS)).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_only_looks_needs_none(guard: Guard, issuer: IssuerServer, method: str) -> None:
    assert call(app_of(guard), method=method, headers=(cookie(good(issuer)),)).status == 200


def test_a_websocket_needs_an_origin_too(guard: Guard, issuer: IssuerServer) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/me", "headers": [cookie(good(issuer)), (b"origin", b"https://evil.example")]}
    asyncio.run(app_of(guard)(scope, receive, send))

    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "origin_not_allowed"}]


def test_wsgi_reads_it_as_well(guard: Guard, issuer: IssuerServer) -> None:
    def inner(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["resource_server.principal"].sub.encode()]

    def ask(method: str, **more: str) -> tuple[str, bytes]:
        told: list[str] = []
        given = {"REQUEST_METHOD": method, "PATH_INFO": "/me", "HTTP_COOKIE": f"access_token={good(issuer).decode()}", **more}
        body = b"".join(guard.wsgi(inner)(given, lambda status, _headers: told.append(status)))
        return told[0], body

    assert ask("GET") == ("200 OK", b"alice")
    assert ask("POST", HTTP_ORIGIN=SHOP) == ("200 OK", b"alice")
    assert ask("POST")[0] == "403 Forbidden"
    assert ask("POST", HTTP_ORIGIN="https://evil.example")[0] == "403 Forbidden"


def test_over_https_only_the_cookie_that_is_pinned_to_the_host_counts() -> None:
    transport = CookieTransport([SHOP], "https://id.example.com")

    assert transport.find_token("GET", [b"__Host-access_token=a.b.c; x=y"], []) == b"a.b.c"
    for other in (b"access_token=a.b.c", b"x__Host-access_token=a.b.c", b"__Host-access_token="):
        with pytest.raises(NoToken):
            transport.find_token("GET", [other], [])
    with pytest.raises(InvalidRequest):
        transport.find_token("GET", [b"__Host-access_token=a", b"__Host-access_token=a"], [])
    with pytest.raises(OriginNotAllowed):
        transport.find_token("POST", [b"__Host-access_token=a"], [])


@pytest.mark.parametrize("origins", [["https://shop.example/"], ["shop.example"], ["https://SHOP.example"], [""], ["null"]])
def test_an_origin_that_no_browser_sends_is_a_mistake(origins: list[str]) -> None:
    with pytest.raises(ValueError):
        Guard(issuer="https://id.example.com", audience="https://api.example.com", cookie_origins=origins)


def test_one_origin_as_text_is_a_mistake() -> None:
    with pytest.raises(TypeError):
        Guard(issuer="https://id.example.com", audience="https://api.example.com", cookie_origins=SHOP)
