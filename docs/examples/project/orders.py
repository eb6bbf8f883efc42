"""An API for orders, in Flask. Run it with `flask --app orders run`; settings are RESOURCE_SERVER_ISSUER and RESOURCE_SERVER_AUDIENCE."""

from __future__ import annotations

from typing import Any

from flask import Flask, request

from resource_server import Guard


def create_app(guard: Guard | None = None) -> Flask:
    """Return the API, guarded by what the environment says, or by a guard that is handed in."""
    guard = guard or Guard.from_env()
    app = Flask(__name__)
    guard.flask(app, public={"/livez"})
    orders: list[dict[str, Any]] = []

    @app.get("/livez")
    def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/orders")
    @guard.requires("orders:read")
    def list_orders() -> dict[str, Any]:
        return {"orders": [order for order in orders if order["owner"] == guard.current.sub]}

    @app.post("/orders")
    @guard.requires("orders:write", person=True)
    def place_order() -> tuple[dict[str, Any], int]:
        order = {"item": str(request.get_json()["item"]), "owner": guard.current.sub}
        orders.append(order)
        return order, 201

    @app.delete("/orders")
    @guard.requires(role="admin")
    def forget_orders() -> tuple[str, int]:
        orders.clear()
        return "", 204

    return app
