"""Both servers as real processes on free ports, with a demo user whose password is known."""

from __future__ import annotations

import secrets
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
    password: str = field(default_factory=lambda: "a long pass phrase " + secrets.token_hex(8), repr=False)

    def operate(self, *arguments: str, given: str | None = None) -> dict[str, Any]:
        """Run an operator's command; its JSON answer."""
        return command(*arguments, environment=self.environment, given=given)

    def create_user(self, username: str, *roles: str) -> None:
        """Make a user with the known password."""
        role_options = [word for role in roles for word in ("--role", role)]
        create = ("user", "create", "--username", username, "--email", f"{username}@example.com", "--password-file", "-")
        self.operate(*create, *role_options, given=self.password)

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


def make_pair(folder: Path, **settings: str) -> Pair:
    """Return a pair that is not started; `settings` go on top of the small timings."""
    auth_port, api_port = free_ports(2)
    issuer, api = f"http://localhost:{auth_port}", f"http://localhost:{api_port}"
    environment = {
        "AUTH_SERVER_ISSUER": issuer,
        "AUTH_SERVER_PORT": str(auth_port),
        "AUTH_SERVER_DATA_DIR": str(folder / "data"),
        "AUTH_SERVER_CONFIG": str(config_for(api, folder)),
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
    return Pair(issuer, api, environment, auth, resource)
