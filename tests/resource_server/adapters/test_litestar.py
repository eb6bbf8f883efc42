"""Litestar, beyond what the example shows: guards in layers, and refusals that handlers raise."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Controller, Litestar, Request, get

from resource_server import Guard
from tests.resource_server.calls import call
from tests.resource_server.support import IssuerServer, a_token, claims


@pytest.fixture
def app(guard: Guard) -> Litestar:
    class Notes(Controller):
        path = "/notes"
        guards = [guard.litestar("notes:read")]  # noqa: RUF012  # as the framework has it

        @get("/mine")
        async def mine(self, request: Request[Any, Any, Any]) -> str:
            return str(request.state.principal.sub)

        @get("/all", guards=[guard.litestar(role="admin")], sync_to_thread=False)
        def every(self) -> str:
            return "all"

        @get("/late")
        async def late(self, request: Request[Any, Any, Any]) -> str:
            request.state.principal.require("admin:all")
            return "in"

    @get("/plain")
    async def plain() -> str:
        return "plain"

    return Litestar([Notes, plain], guards=[guard.litestar()], on_app_init=[guard.install])


def test_guards_of_all_layers_are_asked(app: Litestar, issuer: IssuerServer) -> None:
    def asked(path: str, **members: object) -> tuple[int, bytes]:
        answer = call(app, path, token=a_token(claims(iss=issuer.url, **members)))
        return answer.status, answer.body

    assert asked("/notes/mine") == (200, b"alice")
    assert asked("/notes/mine", scope="x")[0] == 403
    assert asked("/notes/all")[0] == 403
    assert asked("/notes/all", roles=["admin"]) == (200, b"all")
    assert asked("/plain", scope="") == (200, b"plain")
    assert call(app, "/plain").status == 401


def test_a_refusal_that_a_handler_raises_is_answered(app: Litestar, issuer: IssuerServer) -> None:
    answer = call(app, "/notes/late", token=a_token(claims(iss=issuer.url)))

    assert (answer.status, answer.json["reason"]) == (403, "insufficient_scope")


def test_a_guard_of_the_whole_application_leaves_the_metadata_open(app: Litestar) -> None:
    assert "resource" in call(app, "/.well-known/oauth-protected-resource").json
