"""Flask: `guard.flask(app)`, `@guard.requires(...)`, `guard.current`."""

from __future__ import annotations

import sys
from typing import Any

from flask import Flask

from resource_server import Guard

guard = Guard.from_env()
app = Flask(__name__)
guard.flask(app, public={"/livez"})


@app.get("/livez")
def livez() -> dict[str, Any]:
    return {"status": "alive"}


@app.get("/me")
def me() -> dict[str, Any]:
    return {"sub": guard.current.sub}


@app.get("/orders")
@guard.requires("orders:read")
def list_orders() -> dict[str, Any]:
    return {"orders": [], "sub": guard.current.sub}


@app.get("/admin/orders")
@guard.requires(role="admin")
def list_all() -> dict[str, Any]:
    return {"orders": []}


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]))
