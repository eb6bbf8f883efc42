"""FastAPI: what its OpenAPI document says, and what the example does not show. Annotations here are real: FastAPI reads them."""

from typing import Annotated, Any

import pytest
from fastapi import FastAPI, WebSocket
from starlette.requests import Request

from resource_server import Guard, Principal
from tests.resource_server.adapters.test_asgi import run_websocket
from tests.resource_server.calls import call
from tests.resource_server.support import IssuerServer, a_guard, a_token, claims


def build(guard: Guard) -> FastAPI:
    app = FastAPI()
    guard.install(app)

    @app.get("/read")
    async def read(who: Annotated[Principal, guard.fastapi("notes:read", "notes:list")]) -> dict[str, Any]:
        return {"sub": who.sub}

    @app.get("/any")
    def anybody(who: Annotated[Principal, guard.fastapi()]) -> dict[str, Any]:
        return {"sub": who.sub}

    @app.get("/either", dependencies=[guard.fastapi(any_scope=["a", "notes:read"], permission="p")])
    async def either() -> dict[str, Any]:
        return {}

    @app.get("/decorated")
    @guard.requires("notes:read")
    async def decorated(request: Request) -> dict[str, Any]:
        return {"sub": request.state.principal.sub}

    @app.get("/{anything}")
    async def anything(anything: str) -> dict[str, Any]:
        return {"public": anything}

    @app.websocket("/socket")
    async def socket(socket: WebSocket, who: Annotated[Principal, guard.fastapi()]) -> None:
        await socket.accept()

    return app


def test_the_openapi_document_has_the_scheme_and_each_routes_scopes(guard: Guard, issuer: IssuerServer) -> None:
    document = build(guard).openapi()

    assert document["components"]["securitySchemes"] == {
        "openIdConnect": {
            "type": "openIdConnect",
            "openIdConnectUrl": f"{issuer.url}/.well-known/openid-configuration",
            "description": f"An access token of {issuer.url} for https://notes.example.com",
        }
    }
    assert document["paths"]["/read"]["get"]["security"] == [{"openIdConnect": ["notes:read", "notes:list"]}]
    assert document["paths"]["/any"]["get"]["security"] == [{"openIdConnect": []}]
    assert "security" not in document["paths"]["/{anything}"]["get"]
    assert all(not path.startswith("/.well-known") for path in document["paths"])
    # The caller is no parameter of the request.
    assert "parameters" not in document["paths"]["/read"]["get"]


def test_all_scopes_are_needed_and_told(guard: Guard, issuer: IssuerServer) -> None:
    app = build(guard)

    assert call(app, "/read", token=a_token(claims(iss=issuer.url, scope="notes:read notes:list"))).json == {"sub": "alice"}
    refused = call(app, "/read", token=a_token(claims(iss=issuer.url)))
    assert (refused.status, refused.json["reason"]) == (403, "insufficient_scope")
    assert 'scope="notes:list notes:read"' in (refused.header("www-authenticate") or "")


def test_alternatives_and_permissions_can_be_asked_for(guard: Guard, issuer: IssuerServer) -> None:
    app = build(guard)

    assert call(app, "/either", token=a_token(claims(iss=issuer.url, entitlements=["p"]))).status == 200
    assert call(app, "/either", token=a_token(claims(iss=issuer.url))).json["reason"] == "missing_permission"
    assert call(app, "/either", token=a_token(claims(iss=issuer.url, scope="b"))).json["reason"] == "insufficient_scope"


def test_plain_functions_and_decorated_endpoints_work(guard: Guard, issuer: IssuerServer) -> None:
    app = build(guard)
    token = a_token(claims(iss=issuer.url))

    assert call(app, "/any", token=token).json == call(app, "/decorated", token=token).json == {"sub": "alice"}
    assert call(app, "/decorated").status == 401


def test_a_path_parameter_at_the_root_does_not_swallow_the_metadata(guard: Guard) -> None:
    app = build(guard)

    assert "resource" in call(app, "/.well-known/oauth-protected-resource").json
    assert call(app, "/x").json == {"public": "x"}


def test_the_metadata_lists_every_scope_that_a_route_asks_for(guard: Guard) -> None:
    document = call(build(guard), "/.well-known/oauth-protected-resource").json

    assert document["scopes_supported"] == ["a", "notes:list", "notes:read"]


def test_another_guards_word_is_not_taken(guard: Guard, issuer: IssuerServer) -> None:
    with a_guard(issuer, audience="https://inner.example.com") as inner:
        app = guard.wrap(build(inner))

        assert call(app, "/any", token=a_token(claims(iss=issuer.url))).json["reason"] == "wrong_audience"


def test_a_websocket_without_a_token_is_closed(guard: Guard) -> None:
    sent = run_websocket(build(guard), {"path": "/socket", "query_string": b"", "subprotocols": [], "app": None})

    assert [(message["type"], message.get("code")) for message in sent] == [("websocket.close", 1008)]


@pytest.mark.parametrize("wrong", [{"any_scope": []}, {"role": ""}, {"max_age": -1}])
def test_a_rule_that_says_nothing_is_an_error(guard: Guard, wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        guard.fastapi(**wrong)
