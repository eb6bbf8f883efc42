"""Plain WSGI: `app = guard.wsgi(app)`, and the caller in the environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any
from wsgiref.simple_server import make_server

from resource_server import Guard

guard = Guard.from_env()
may_read = guard.requirement("orders:read")
is_admin = guard.requirement(role="admin")


def orders(environ: Any, start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/livez":
        return answer(start_response, {"status": "alive"})
    who = environ["resource_server.principal"]
    if path == "/me":
        return answer(start_response, {"sub": who.sub})
    if path == "/orders":
        guard.check(who, may_read)  # a refusal that is raised is answered by the guard
        return answer(start_response, {"orders": [], "sub": who.sub})
    if path == "/admin/orders":
        guard.check(who, is_admin)
        return answer(start_response, {"orders": []})
    start_response("404 Not Found", [])
    return []


def answer(start_response: Any, content: dict[str, Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(content).encode()]


app = guard.wsgi(orders, public={"/livez"})

if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), app).serve_forever()
