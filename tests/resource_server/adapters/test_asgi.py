"""The pure ASGI middleware."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from resource_server import Guard
from resource_server.verifier.errors import Expired
from tests.resource_server.calls import call
from tests.resource_server.support import AUDIENCE, IssuerServer, a_guard, a_token, claims


async def who_app(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    who = scope.get("state", {}).get("principal")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": who.sub.encode() if who else b"nobody"})


def test_a_good_token_passes_and_the_caller_is_in_the_state(guard: Guard, issuer: IssuerServer) -> None:
    answer = call(guard.wrap(who_app), token=a_token(claims(iss=issuer.url)))

    assert (answer.status, answer.body) == (200, b"alice")


def test_without_a_token_nothing_passes_but_public_paths(guard: Guard) -> None:
    app = guard.wrap(who_app, public={"/open"})

    assert call(app, "/open").body == b"nobody"
    for path in ("/", "/open/", "/open/x", "/OPEN", "//open"):
        assert call(app, path).status == 401


def test_one_path_as_text_is_a_mistake(guard: Guard) -> None:
    with pytest.raises(TypeError):
        guard.wrap(who_app, public="/open")


def test_an_entry_of_a_middleware_list_builds_the_same(guard: Guard) -> None:
    build, args, kwargs = guard.asgi(public=["/open"])

    app = build(who_app, *args, **kwargs)

    assert call(app, "/open").status == 200
    assert call(app, "/me").status == 401


def test_a_refusal_that_a_handler_raises_is_answered(guard: Guard, issuer: IssuerServer) -> None:
    async def strict(scope: dict[str, Any], _receive: Any, _send: Any) -> None:
        scope["state"]["principal"].require("admin:all")

    answer = call(guard.wrap(strict), token=a_token(claims(iss=issuer.url)))

    assert answer.status == 403
    assert 'scope="admin:all"' in (answer.header("www-authenticate") or "")


def test_a_refusal_after_the_answer_began_is_not_answered_twice(guard: Guard, issuer: IssuerServer) -> None:
    async def late(_scope: dict[str, Any], _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise Expired

    with pytest.raises(Expired):
        call(guard.wrap(late), token=a_token(claims(iss=issuer.url)))


def test_another_guards_word_is_not_taken(issuer: IssuerServer) -> None:
    """Two guards in one application: the inner one judges for itself, whatever stands in the state."""
    with a_guard(issuer) as outer, a_guard(issuer, audience="https://inner.example.com") as inner:
        app = outer.wrap(inner.wrap(who_app))

        assert call(app, token=a_token(claims(iss=issuer.url))).json["reason"] == "wrong_audience"
        assert call(app, token=a_token(claims(iss=issuer.url, aud=[AUDIENCE, "https://inner.example.com"]))).status == 200


def run_websocket(app: Any, scope: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    asyncio.run(app({"type": "websocket", "path": "/", "headers": [], **scope}, receive, send))
    return sent


def test_a_websocket_without_a_token_is_not_accepted(guard: Guard) -> None:
    closed = run_websocket(guard.wrap(who_app), {})
    denied = run_websocket(guard.wrap(who_app), {"extensions": {"websocket.http.response": {}}})

    assert [(m["type"], m["code"]) for m in closed] == [("websocket.close", 1008)]
    assert (denied[0]["type"], denied[0]["status"]) == ("websocket.http.response.start", 401)


def test_starting_up_begins_to_load_keys_and_passes_on(guard: Guard) -> None:
    seen: list[str] = []

    async def inner(scope: dict[str, Any], _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(guard.wrap(inner)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]

    assert seen == ["lifespan"]
    assert guard.warm(5)


def test_a_whole_application_may_ask_for_scopes_and_roles(guard: Guard, issuer: IssuerServer) -> None:
    app = guard.wrap(who_app, "notes:read", role="admin", public={"/open"})

    def reason(**members: object) -> object:
        answer = call(app, token=a_token(claims(iss=issuer.url, **members)))
        return answer.json["reason"] if answer.status != 200 else None

    assert reason(roles=["admin"]) is None
    assert reason() == "missing_role"
    assert reason(roles=["admin"], scope="x") == "insufficient_scope"
    assert call(app, "/open").status == 200


def test_the_metadata_is_served_to_everybody_and_by_reading_alone(guard: Guard) -> None:
    app = guard.wrap(who_app, "notes:read")
    path = "/.well-known/oauth-protected-resource"

    assert call(app, path).json["scopes_supported"] == ["notes:read"]
    for method in ("POST", "DELETE", "OPTIONS"):
        assert call(app, path, method=method).status == 401
    assert [m["type"] for m in run_websocket(app, {"path": path})] == ["websocket.close"]


def test_an_application_may_serve_its_metadata_itself(guard: Guard) -> None:
    app = guard.wrap(who_app, public=guard.document_paths)

    assert call(app, "/.well-known/oauth-protected-resource").body == b"nobody"


def test_the_metadata_of_a_resource_with_a_path_is_under_that_path_too(issuer: IssuerServer) -> None:
    with a_guard(issuer, audience="https://api.example.com/v1/orders") as guard:
        answer = call(guard.wrap(who_app), "/.well-known/oauth-protected-resource/v1/orders")

    assert answer.json["resource"] == "https://api.example.com/v1/orders"
