"""An MCP client that is known nowhere: it finds the issuer by asking the MCP server, makes itself known there, and signs a person in.

    python docs/examples/mcp_client.py http://localhost:8080/mcp
    python docs/examples/mcp_client.py http://localhost:8080/mcp https://app.example/client.json

With the address of a metadata document the client is known by that; without one it registers itself. Everything that has to do with OAuth
is the MCP Python SDK's.
"""

from __future__ import annotations

import asyncio
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from mcp.types import TextContent
from pydantic import AnyUrl


class Memory:
    """Where the SDK keeps tokens and its registration; a real client keeps them in the system's key store."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """Return what was kept."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep tokens."""
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Return what was kept."""
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep the registration."""
        self.client = client_info


class Listener(HTTPServer):
    """Waits on a free port of this machine for the browser's answer (RFC 8252)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Callback)
        self.answer: dict[str, str] = {}

    async def wait(self) -> AuthorizationCodeResult:
        """Return the answer."""
        await asyncio.to_thread(self.handle_request)
        return AuthorizationCodeResult(
            code=self.answer.get("code", ""), state=self.answer.get("state"), iss=self.answer.get("iss")
        )


class Callback(BaseHTTPRequestHandler):
    """Takes the one answer."""

    server: Listener

    def do_GET(self) -> None:
        """Take it."""
        self.server.answer = dict(parse_qsl(urlsplit(self.path).query))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"You can close this window.\n")

    def log_message(self, *args: object) -> None:
        """Say nothing: the address holds the code."""


async def main(server: str, document: str | None) -> None:
    """Call the tool `whoami`, twice: the second time nobody is asked anything."""
    memory = Memory()
    with Listener() as listener:
        auth = OAuthClientProvider(
            server,
            OAuthClientMetadata(client_name="Example", redirect_uris=[AnyUrl(f"http://127.0.0.1:{listener.server_port}/cb")]),
            memory,
            redirect_handler=tell,
            callback_handler=listener.wait,
            client_metadata_url=document,
        )
        async with httpx2.AsyncClient(auth=auth, timeout=60) as http:
            for _ in range(2):
                async with Client(streamable_http_client(server, http_client=http)) as client:
                    (said,) = (await client.call_tool("whoami")).content
                    assert isinstance(said, TextContent)
                    print(f"the tool says: {said.text}", flush=True)
    assert memory.client is not None
    assert memory.tokens is not None
    print(f"known as {memory.client.client_id}, with {memory.tokens.scope}")


async def tell(address: str) -> None:
    """Ask the person to sign in."""
    print(f"open {address}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
