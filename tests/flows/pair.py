"""Both servers as real processes on free ports, with a demo user whose password is known."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docs.demo.servers import Server, command, config_for, free_ports
from docs.demo.story import Answer, call

# Small timings that are legal, so that what takes minutes in production takes a second here.
TIMINGS = {
    "AUTH_SERVER_ACCESS_TOKEN_LIFETIME": "2",
    "AUTH_SERVER_CLOCK_ERROR": "0.5",
    "AUTH_SERVER_KEY_SIGN_LEASE": "3",
    "AUTH_SERVER_KEY_VIEW_LEASE": "3",
    "AUTH_SERVER_JWKS_MAX_AGE": "2",
    "AUTH_SERVER_KEY_PUBLISH_AHEAD": "5.5",
    "AUTH_SERVER_KEY_RETIRE_AFTER": "80",
    "AUTH_SERVER_KEY_ROTATION_PERIOD": "90",
}


@dataclass(slots=True)
class Pair:
    """An issuer and an API."""

    issuer: str
    api: str
    environment: dict[str, str]
    auth: Server
    resource: Server
    password: str = field(repr=False)

    def operate(self, *arguments: str, given: str | None = None) -> dict[str, Any]:
        """Run an operator's command; its JSON answer."""
        return command(*arguments, environment=self.environment, given=given)

    def login(self, username: str, **more: str) -> Answer:
        """Sign in with the known password."""
        return call("POST", f"{self.issuer}/api/login", json_body={"username": username, "password": self.password, **more})

    def access_token(self, username: str = "alice", **more: str) -> str:
        """Return an access token of a user."""
        token: str = self.login(username, **more).body["access_token"]
        return token

    def get(self, path: str, token: str | None) -> Answer:
        """Call the API."""
        return call("GET", self.api + path, token=token)


OTHER_API = "https://other.example"
_USER = """
[[users]]
username = "{username}"
email = "{username}@example.com"
roles = {roles}
password_file = "password"
"""
_OTHER_API = f"""
[[resources]]
identifier = "{OTHER_API}"
name = "Another API"

[[resources.scopes]]
name = "things:read"
description = "Read things"
"""


def make_pair(folder: Path, users: Mapping[str, list[str]], **settings: str) -> Pair:
    """Return a pair that is not started.

    Args:
        users: their roles by name; all have the same password.
        settings: go on top of the small timings.
    """
    password = "a long pass phrase " + secrets.token_hex(8)
    (folder / "password").write_text(password, encoding="utf-8")
    auth_port, api_port = free_ports(2)
    issuer, api = f"http://localhost:{auth_port}", f"http://localhost:{api_port}"
    config = config_for(api, folder)
    with config.open("a", encoding="utf-8") as file:
        file.write(_OTHER_API)
        file.writelines(_USER.format(username=name, roles=json.dumps(roles)) for name, roles in users.items())
    environment = {
        "AUTH_SERVER_ISSUER": issuer,
        "AUTH_SERVER_PORT": str(auth_port),
        "AUTH_SERVER_DATA_DIR": str(folder / "data"),
        "AUTH_SERVER_CONFIG": str(config),
        "AUTH_SERVER_DEFAULT_RESOURCE": api,
        **TIMINGS,
        **settings,
    }
    api_environment = {
        "RESOURCE_SERVER_ISSUER": issuer,
        "RESOURCE_SERVER_PORT": str(api_port),
        "RESOURCE_SERVER_AUDIENCE": api,
        "RESOURCE_SERVER_JWKS_REFRESH": "1",
        "RESOURCE_SERVER_LEEWAY": "1",
    }
    auth = Server("auth server", "auth_server", issuer, environment, folder / "auth_server.log")
    resource = Server("resource server", "resource_server", api, api_environment, folder / "resource_server.log")
    return Pair(issuer, api, environment, auth, resource, password)
