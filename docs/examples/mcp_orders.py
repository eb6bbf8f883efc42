"""MCP: the SDK's token verifier, its settings, and the kit's answers around it."""

from __future__ import annotations

import sys

import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.mcpserver import MCPServer

from resource_server import Guard

guard = Guard.from_env()
server = MCPServer("orders", token_verifier=guard.mcp(), auth=guard.mcp_auth("orders:read"))


@server.tool()
async def whoami() -> str:
    """Say who is calling."""
    token = get_access_token()
    return token.subject or "" if token is not None else ""


app = guard.wrap(server.streamable_http_app(json_response=True, stateless_http=True), "orders:read")

if __name__ == "__main__":
    guard.warm()  # until there are keys the answer is 503, at which the SDK's client gives up
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", lifespan="on")
