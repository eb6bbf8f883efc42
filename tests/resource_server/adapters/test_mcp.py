"""The MCP SDK's side alone: what its verifier hears, and what the server answers without `guard.wrap` around it."""

from __future__ import annotations

import asyncio
import json

import pytest
from mcp.server.mcpserver import MCPServer

from resource_server import Guard
from resource_server.verifier import errors
from tests.resource_server.calls import call
from tests.resource_server.support import AUDIENCE, NOW, Events, IssuerServer, a_guard, a_token, claims


def test_a_good_token_is_told_in_the_sdks_words(guard: Guard, issuer: IssuerServer) -> None:
    token = a_token(claims(iss=issuer.url)).decode()

    told = asyncio.run(guard.mcp().verify_token(token))

    assert (told.client_id, told.subject, told.scopes, told.expires_at) == ("app", "alice", ["notes:read"], NOW + 600)
    assert (told.resource, told.token, told.claims["iss"]) == (AUDIENCE, token, issuer.url)


def test_any_other_token_is_none_and_the_operator_hears_why(issuer: IssuerServer) -> None:
    events = Events()
    with a_guard(issuer, on_event=events) as guard:
        refuses_everything_else(guard, issuer)

    assert [told["reason"] for told in events.named("token_refused")] == ["wrong_audience", "malformed_token", "malformed_token"]


def refuses_everything_else(guard: Guard, issuer: IssuerServer) -> None:
    for bad in (a_token(claims(iss=issuer.url, aud="x")).decode(), "x", ""):
        assert asyncio.run(guard.mcp().verify_token(bad)) is None


def test_a_token_that_cannot_be_judged_is_not_called_bad(issuer: IssuerServer) -> None:
    issuer.replies.clear()
    with a_guard(issuer) as guard, pytest.raises(errors.KeysUnavailable):
        asyncio.run(guard.mcp().verify_token(a_token(claims(iss=issuer.url)).decode()))


def test_a_token_of_which_nobody_knows_whether_it_was_revoked_is_not_called_bad(issuer: IssuerServer) -> None:
    with a_guard(issuer, silent_feed="closed") as guard, pytest.raises(errors.RevocationsUnknown):
        asyncio.run(guard.mcp().verify_token(a_token(claims(iss=issuer.url)).decode()))


def test_the_settings_name_the_issuer_this_resource_and_the_scopes(guard: Guard, issuer: IssuerServer) -> None:
    settings = guard.mcp_auth("orders:read")

    assert str(settings.issuer_url) == issuer.url
    assert str(settings.resource_server_url) == AUDIENCE
    assert (settings.required_scopes, settings.validate_token_resource) == (["orders:read"], True)
    assert guard.metadata()["scopes_supported"] == ["orders:read"]
    with pytest.raises(ValueError, match="scope"):
        guard.mcp_auth("two words")


def test_an_audience_that_is_no_address_is_an_error_there(issuer: IssuerServer) -> None:
    with a_guard(issuer, audience="orders") as guard, pytest.raises(ValueError, match="resource_server_url"):
        guard.mcp_auth()


def test_the_verifier_alone_makes_the_server_safe(guard: Guard, issuer: IssuerServer) -> None:
    app = MCPServer("orders", token_verifier=guard.mcp(), auth=guard.mcp_auth("orders:read")).streamable_http_app()
    body = (json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode(),)

    def status(token: bytes | None) -> int:
        return call(app, "/mcp", method="POST", token=token, body=body).status

    assert status(None) == 401
    assert status(a_token(claims(iss=issuer.url, aud="https://other.example", scope="orders:read"))) == 401
    assert status(a_token(claims(iss=issuer.url))) in {401, 403}
