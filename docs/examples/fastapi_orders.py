"""FastAPI: the caller is a parameter, and the OpenAPI document shows which scopes it takes."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI

from resource_server import Guard, Principal

guard = Guard.from_env()
Caller = Annotated[Principal, guard.fastapi()]
Reader = Annotated[Principal, guard.fastapi("orders:read")]
Admin = Annotated[Principal, guard.fastapi(role="admin")]

app = FastAPI()
guard.install(app)


@app.get("/livez")
async def livez() -> dict[str, Any]:
    return {"status": "alive"}


@app.get("/me")
async def me(who: Caller) -> dict[str, Any]:
    return {"sub": who.sub}


@app.get("/orders")
async def list_orders(who: Reader) -> dict[str, Any]:
    return {"orders": [], "sub": who.sub}


@app.get("/admin/orders")
async def list_all(who: Admin) -> dict[str, Any]:
    return {"orders": []}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
