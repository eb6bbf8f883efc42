"""Litestar: `guards=[guard.litestar(...)]`, and `on_app_init=[guard.install]`."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from litestar import Litestar, Request, get

from resource_server import Guard

guard = Guard.from_env()


@get("/livez")
async def livez() -> dict[str, Any]:
    return {"status": "alive"}


@get("/me", guards=[guard.litestar()])
async def me(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return {"sub": request.state.principal.sub}


@get("/orders", guards=[guard.litestar("orders:read")])
async def list_orders(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return {"orders": [], "sub": request.state.principal.sub}


@get("/admin/orders", guards=[guard.litestar(role="admin")])
async def list_all() -> dict[str, Any]:
    return {"orders": []}


app = Litestar([livez, me, list_orders, list_all], on_app_init=[guard.install])

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
