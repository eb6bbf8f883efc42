"""Starlette's decorator, behind the middleware and without it."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from resource_server import Guard
from tests.resource_server.calls import call
from tests.resource_server.support import AUDIENCE, IssuerServer, a_guard, a_token, claims


def build(guard: Guard) -> list[Route]:
    @guard.requires("notes:read")
    async def read(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.state.principal.sub)

    @guard.requires("notes:write")
    def write(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("written")

    @guard.requires(any_scope=["x", "notes:read"], any_role=["admin", "editor"], permission="p", any_permission="p")
    async def mixed(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("mixed")

    @guard.requires(person=True)
    def person(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.state.principal.sub)

    class Thing(HTTPEndpoint):
        @guard.requires(role="admin")
        async def get(self, _request: Request) -> PlainTextResponse:
            return PlainTextResponse("thing")

    return [
        Route("/read", read),
        Route("/write", write),
        Route("/mixed", mixed),
        Route("/person", person),
        Route("/thing", Thing),
    ]


@pytest.fixture(params=["alone", "behind the middleware"])
def app(request: pytest.FixtureRequest, guard: Guard) -> Starlette:
    return Starlette(routes=build(guard), middleware=[guard.asgi()] if request.param == "behind the middleware" else [])


def test_who_has_the_scope_passes(app: Starlette, issuer: IssuerServer) -> None:
    assert call(app, "/read", token=a_token(claims(iss=issuer.url))).body == b"alice"
    assert call(app, "/write", token=a_token(claims(iss=issuer.url, scope="notes:write"))).body == b"written"


@pytest.mark.parametrize(
    "path, reason, scope", [("/write", "insufficient_scope", "notes:write"), ("/thing", "missing_role", None)]
)
def test_who_has_not_is_told_what_is_missing(
    app: Starlette, issuer: IssuerServer, path: str, reason: str, scope: str | None
) -> None:
    answer = call(app, path, token=a_token(claims(iss=issuer.url)))

    assert (answer.status, answer.json["reason"]) == (403, reason)
    challenge = (answer.header("www-authenticate") or "").replace("insufficient_scope", "")
    assert (f'scope="{scope}"' in challenge) if scope else ("scope=" not in challenge)


def test_without_a_token_there_is_the_bare_challenge(app: Starlette) -> None:
    for path in ("/read", "/write"):
        answer = call(app, path)
        assert answer.status == 401
        assert "error=" not in (answer.header("www-authenticate") or "")


def test_alternatives_and_conjunctions(app: Starlette, issuer: IssuerServer) -> None:
    def answered(**members: object) -> int:
        return call(app, "/mixed", token=a_token(claims(iss=issuer.url, **members))).status

    assert answered(roles=["editor"], entitlements=["p"]) == 200
    assert answered(roles=["editor"]) == 403
    assert answered(entitlements=["p"]) == 403
    assert answered(roles=["editor"], entitlements=["p"], scope="y") == 403


def test_class_based_endpoints_work(app: Starlette, issuer: IssuerServer) -> None:
    assert call(app, "/thing", token=a_token(claims(iss=issuer.url, roles=["admin"]))).body == b"thing"


def test_a_client_is_no_person(app: Starlette, issuer: IssuerServer) -> None:
    assert call(app, "/person", token=a_token(claims(iss=issuer.url))).status == 200
    assert call(app, "/person", token=a_token(claims(iss=issuer.url, sub="app"))).json["reason"] == "person_required"


def test_a_function_without_a_request_is_a_mistake_of_its_author(guard: Guard) -> None:
    @guard.requires("a")
    def no_request() -> None: ...

    with pytest.raises(TypeError, match="Request"):
        no_request()


def test_the_decorated_endpoint_looks_the_same(guard: Guard) -> None:
    @guard.requires("a")
    async def named(_request: Request) -> None:
        """What it does."""

    assert (named.__name__, named.__doc__) == ("named", "What it does.")


@pytest.mark.parametrize("wrong", [{"any_scope": []}, {"role": ""}, {"any_role": ()}])
def test_a_rule_that_says_nothing_is_an_error(guard: Guard, wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        guard.requires(**wrong)


def test_the_frameworks_own_decorator_reads_the_scopes_of_the_caller(guard: Guard, issuer: IssuerServer) -> None:
    @requires("notes:read")
    async def read(request: Request) -> PlainTextResponse:
        assert request.auth is request.state.principal
        return PlainTextResponse(request.auth.sub)

    @requires("notes:write")
    async def write(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.auth.sub)

    app = Starlette(routes=[Route("/read", read), Route("/write", write)], middleware=[guard.asgi()])
    token = a_token(claims(iss=issuer.url))

    assert call(app, "/read", token=token).body == b"alice"
    assert call(app, "/write", token=token).status == 403


def test_a_route_does_not_take_another_guards_word(guard: Guard, issuer: IssuerServer) -> None:
    """The middleware of one guard, a decorator of another: the route judges for itself."""
    with a_guard(issuer, audience="https://inner.example.com") as inner:

        @inner.requires()
        async def endpoint(request: Request) -> PlainTextResponse:
            return PlainTextResponse(request.state.principal.sub)

        app = Starlette(routes=[Route("/", endpoint)], middleware=[guard.asgi()])
        both = claims(iss=issuer.url, aud=[AUDIENCE, "https://inner.example.com"])

        assert call(app, "/", token=a_token(claims(iss=issuer.url))).json["reason"] == "wrong_audience"
        assert call(app, "/", token=a_token(both)).status == 200
