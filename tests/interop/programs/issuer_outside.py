"""`auth-server serve`, whose internet is one TLS server of a test: names are public, and the last step alone goes to loopback.

What is at clients' own addresses cannot be asked for otherwise: `outbound/` talks to public addresses on port 443, and no setting changes
that.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import Sequence

from auth_server.cli.main import main
from auth_server.outbound import fetch
from tests.support.outside import PUBLIC


class _Outside(fetch.PublicNetwork):
    async def resolve(self, host: str) -> Sequence[str]:
        return [PUBLIC]

    async def connect(self, address: str, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context(cafile=os.environ["OUTSIDE_AUTHORITY"])
        return await asyncio.open_connection("127.0.0.1", int(os.environ["OUTSIDE_PORT"]), ssl=context, server_hostname=host)


if __name__ == "__main__":
    fetch.PublicNetwork = _Outside  # type: ignore[misc]
    sys.exit(main(["serve"]))
