"""Any ASGI application: `app = guard.wrap(app)`."""

from __future__ import annotations

import json
import sys
from typing import Any

import uvicorn

from resource_server import Guard

guard = Guard.from_env()
may_read = guard.requirement("orders:read")
is_admin = guard.requirement(role="admin")


async def orders(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if scope["path"] == "/livez":
        await answer(send, {"status": "alive"})
        return
    who = scope["state"]["principal"]
    if scope["path"] == "/me":
        await answer(send, {"sub": who.sub})
    elif scope["path"] == "/orders":
        guard.check(who, may_read)  # a refusal that is raised is answered by the guard
        await answer(send, {"orders": [], "sub": who.sub})
    elif scope["path"] == "/admin/orders":
        guard.check(who, is_admin)
        await answer(send, {"orders": []})


async def answer(send: Any, content: dict[str, Any]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


app = guard.wrap(orders, public={"/livez"})

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), lifespan="off", log_level="warning")
