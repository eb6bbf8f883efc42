"""Bare servers to compare with, each the least that answers (`python -m benchmarks.apps KIND PORT ISSUER AUDIENCE`).

`hello` is one Starlette route; `open`, `cached` and `uncached` are one and the same API: without a guard, with one, and with one that
remembers no token.
"""

from __future__ import annotations

import sys
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from resource_server import Guard
from resource_server.adapters.asgi import AsgiApp

KINDS: Final = ("hello", "open", "cached", "uncached")
_SCOPE: Final = "notes:read notes:write"
_WELCOME: Final = {"sub": "benchmark", "scope": _SCOPE}


async def hello(_request: Request) -> Response:
    return JSONResponse(_WELCOME)


async def ready(_request: Request) -> Response:
    return PlainTextResponse("ready")


async def me(request: Request) -> Response:
    who = request.auth
    return JSONResponse({"sub": who.sub, "scope": _SCOPE})


def build(kind: str, issuer: str, audience: str) -> AsgiApp:
    """Return the application of this kind."""
    guarded = kind in {"cached", "uncached"}
    app = Starlette(routes=[Route("/me", me if guarded else hello), Route("/ready", ready)])
    if not guarded:
        return app
    guard = Guard(issuer=issuer, audience=audience, cached_tokens=10_000 if kind == "cached" else 0)
    guard.warm()
    return guard.wrap(app, public=["/ready"])


def main() -> None:
    """Serve one of them."""
    kind, port, issuer, audience = sys.argv[1:]
    uvicorn.run(build(kind, issuer, audience), host="127.0.0.1", port=int(port), log_config=None, access_log=False)


if __name__ == "__main__":
    main()
