"""Starlette: a middleware, and `@guard.requires(...)`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from resource_server import Guard

guard = Guard.from_env()


async def livez(request: Request) -> JSONResponse:
    return JSONResponse({"status": "alive"})


async def me(request: Request) -> JSONResponse:
    return JSONResponse({"sub": request.state.principal.sub})


@guard.requires("orders:read")
async def list_orders(request: Request) -> JSONResponse:
    return JSONResponse({"orders": [], "sub": request.state.principal.sub})


@guard.requires(role="admin")
def list_all(request: Request) -> JSONResponse:
    return JSONResponse({"orders": []})


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    await guard.awarm(2)  # optional: the first request need not wait for the keys
    yield
    guard.close()


app = Starlette(
    routes=[
        Route("/livez", livez),
        Route("/me", me),
        Route("/orders", list_orders),
        Route("/admin/orders", list_all),
    ],
    middleware=[guard.asgi(public={"/livez"})],
    lifespan=lifespan,
)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
