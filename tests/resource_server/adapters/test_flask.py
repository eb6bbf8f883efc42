"""Flask and plain WSGI, beyond what the examples show."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from resource_server import Guard
from resource_server.adapters import wsgi
from resource_server.verifier.errors import InvalidRequest, NoToken
from tests.resource_server.support import IssuerServer, a_guard, a_token, claims


def bearer(issuer: IssuerServer, **members: object) -> dict[str, str]:
    return {"Authorization": "Bearer " + a_token(claims(iss=issuer.url, **members)).decode()}


def build(guard: Guard, *, installed: bool = True) -> Flask:
    app = Flask("notes")
    if installed:
        guard.flask(app, public=["/open"])

    @app.get("/open")
    def open_to_all() -> str:
        return "open"

    @app.get("/me")
    def me() -> str:
        return guard.current.sub

    @app.get("/read")
    @guard.requires("notes:read")
    def read() -> str:
        return guard.current.sub

    @app.get("/late")
    def late() -> str:
        guard.current.require("admin:all")
        return "in"

    return app


def test_everything_but_public_paths_needs_a_token(guard: Guard, issuer: IssuerServer) -> None:
    client = build(guard).test_client()

    assert client.get("/open").text == "open"
    for path in ("/me", "/read", "/open/", "/nothing"):
        assert client.get(path).status_code == 401
    assert client.get("/me", headers=bearer(issuer)).text == "alice"
    assert client.get("/nothing", headers=bearer(issuer)).status_code == 404


def test_a_decorated_view_is_guarded_without_the_rest(guard: Guard, issuer: IssuerServer) -> None:
    client = build(guard, installed=False).test_client()

    assert client.get("/read").status_code == 401
    assert client.get("/read", headers=bearer(issuer)).text == "alice"
    assert client.get("/read", headers=bearer(issuer, scope="x")).json == {
        "error": "insufficient_scope",
        "error_description": "The access token's scope is not enough for this request.",
        "reason": "insufficient_scope",
    }


def test_a_refusal_that_a_view_raises_is_answered(guard: Guard, issuer: IssuerServer) -> None:
    answer = build(guard).test_client().get("/late", headers=bearer(issuer))

    assert (answer.status_code, answer.get_json()["reason"]) == (403, "insufficient_scope")


def test_an_asynchronous_view_is_guarded_too(guard: Guard, issuer: IssuerServer) -> None:
    app = build(guard)

    @app.get("/async")
    @guard.requires("notes:read")
    async def asynchronous() -> str:
        return guard.current.sub

    client = app.test_client()
    assert client.get("/async", headers=bearer(issuer)).text == "alice"
    assert client.get("/async", headers=bearer(issuer, scope="x")).status_code == 403


def test_nobody_is_current_where_nobody_was_let_in(guard: Guard, issuer: IssuerServer) -> None:
    with pytest.raises(LookupError):
        _ = guard.current
    app = build(guard, installed=False)
    with app.test_request_context("/"), pytest.raises(LookupError):
        _ = guard.current
    with a_guard(issuer) as other, app.test_request_context("/", headers=bearer(issuer)) as context:
        wsgi.authenticate(context.request.environ, guard)
        assert guard.current.sub == "alice"
        with pytest.raises(LookupError):
            _ = other.current


def test_one_path_as_text_is_a_mistake(guard: Guard) -> None:
    with pytest.raises(TypeError):
        guard.flask(Flask("x"), public="/open")
    with pytest.raises(TypeError):
        guard.wsgi(lambda *_: [], public="/open")


# The header of a WSGI environment.


def token_of(header: str | None) -> bytes:
    guard = Guard(issuer="https://id.example.com", audience="https://api.example.com")
    return wsgi.token_of({} if header is None else {"HTTP_AUTHORIZATION": header}, guard)


def test_one_header_is_read_as_it_is() -> None:
    assert token_of("Bearer a.b.c") == b"a.b.c"
    assert token_of("bearer a,b") == b"a,b"
    with pytest.raises(NoToken):
        token_of(None)
    for other in ("Basic YTpi", 'Digest username="bearer x", realm="a b", nonce="c"', 'DPoP a, b="c"'):
        with pytest.raises(NoToken):
            token_of(other)


@pytest.mark.parametrize(
    "joined",
    [
        "Bearer a,Bearer b",
        "Bearer a, Bearer b",
        "Basic YTpi,Bearer a",
        "Bearer a, Basic YTpi",
        "Bearer a,DPoP b",
        "DPoP a, bearer b",
    ],
)
def test_headers_that_a_server_joined_are_still_several(joined: str) -> None:
    with pytest.raises(InvalidRequest):
        token_of(joined)


def test_odd_characters_in_a_header_are_refused_and_nothing_else() -> None:
    with pytest.raises(InvalidRequest):
        token_of("Bearer \u20ac x")
    assert token_of("Bearer \u20ac") == b"?"


# The middleware.


def run(app: Any, path: str = "/", **environ: str) -> tuple[str, dict[str, str], bytes]:
    seen: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        seen.extend([status, dict(headers)])

    body = b"".join(app({"PATH_INFO": path, "REQUEST_METHOD": "GET", **environ}, start_response))
    return seen[0], seen[1], body


def inner(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    who = environ.get("resource_server.principal")
    return [who.sub.encode() if who else b"nobody"]


def test_the_middleware_of_plain_wsgi_lets_good_tokens_in(guard: Guard, issuer: IssuerServer) -> None:
    app = guard.wsgi(inner, "notes:read", public=["/open"])
    good, poor = bearer(issuer)["Authorization"], bearer(issuer, scope="x")["Authorization"]

    assert run(app, "/open")[2] == b"nobody"
    assert run(app)[0] == "401 Unauthorized"
    assert run(app, HTTP_AUTHORIZATION=good)[2] == b"alice"
    assert run(app, HTTP_AUTHORIZATION=poor)[0] == "403 Forbidden"


def test_two_guards_around_one_application_judge_for_themselves(guard: Guard, issuer: IssuerServer) -> None:
    with a_guard(issuer, audience="https://inner.example.com") as other:
        status, _, body = run(guard.wsgi(other.wsgi(inner)), HTTP_AUTHORIZATION=bearer(issuer)["Authorization"])

    assert status == "401 Unauthorized"
    assert b"wrong_audience" in body


def test_an_empty_path_is_the_root(guard: Guard) -> None:
    assert run(guard.wsgi(inner, public=["/"]), "")[2] == b"nobody"
