"""`make run`: both servers on SQLite, a demo user with a new password, and a line to paste."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
from pathlib import Path

from docs.demo.servers import DidNotStart, Server, command, config_for, is_taken

PORTS = {
    name: os.environ.get(name) or default for name, default in (("AUTH_SERVER_PORT", "8000"), ("RESOURCE_SERVER_PORT", "8001"))
}
ISSUER = os.environ.get("AUTH_SERVER_ISSUER", f"http://localhost:{PORTS['AUTH_SERVER_PORT']}")
API = os.environ.get("RESOURCE_SERVER_AUDIENCE", f"http://localhost:{PORTS['RESOURCE_SERVER_PORT']}")
DATA = Path(os.environ.get("AUTH_SERVER_DATA_DIR", "data"))


def main() -> int:
    """Start, print the box, wait for Ctrl-C, stop."""
    if taken := [name for name, port in PORTS.items() if port.isdecimal() and is_taken(int(port))]:
        for name in taken:
            print(f"port {PORTS[name]} is taken: something listens there already; {name}=... chooses another", file=sys.stderr)
        return 1
    DATA.mkdir(mode=0o700, parents=True, exist_ok=True)
    auth = {
        "AUTH_SERVER_ISSUER": ISSUER,
        "AUTH_SERVER_DATA_DIR": str(DATA.resolve()),
        # A banner on every page: this is no place for real passwords.
        "AUTH_SERVER_DEMO": os.environ.get("AUTH_SERVER_DEMO", "true"),
        "AUTH_SERVER_CONFIG": os.environ.get("AUTH_SERVER_CONFIG") or str(config_for(API, DATA).resolve()),
        "AUTH_SERVER_DEFAULT_RESOURCE": os.environ.get("AUTH_SERVER_DEFAULT_RESOURCE", API),
    }
    api = {"RESOURCE_SERVER_ISSUER": ISSUER, "RESOURCE_SERVER_AUDIENCE": API}
    servers = [
        Server("auth server", "auth_server", ISSUER, auth, DATA / "auth_server.log"),
        Server("resource server", "resource_server", API, api, DATA / "resource_server.log"),
    ]
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stopped.set())
    try:
        password = _demo_user(auth)
        for server in servers:
            server.start()
        print(_box(password), flush=True)
        while not stopped.wait(0.5):
            if ended := [server for server in servers if server.has_ended()]:
                raise DidNotStart(f"the {ended[0].name} ended by itself; see {ended[0].log}")
    except DidNotStart as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        for server in reversed(servers):
            server.stop()
    print("\nBoth servers stopped.")
    return 0


def _demo_user(environment: dict[str, str]) -> str:
    """Make the demo user, or give it a new password: the box must always hold one that works."""
    password = "-".join(secrets.token_hex(3) for _ in range(4))
    command("init", environment=environment)
    create = ("user", "create", "--username", "demo", "--email", "demo@example.com", "--role", "editor")
    made = command(*create, "--password-file", "-", "--if-missing", environment=environment, given=password)
    if not made["created"]:
        command("user", "reset-password", "demo", "--password-file", "-", environment=environment, given=password)
    return password


def _box(password: str) -> str:
    body = f'{{"username":"demo","password":"{password}"}}'
    token = """python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])'"""
    login = f"curl -s {ISSUER}/api/login -H 'Content-Type: application/json' -d '{body}'"
    rule = "─" * 78
    return f"""
╭{rule}╮
  Sealwright is running. Ctrl-C stops both servers.

  Auth server       {ISSUER}      (signs tokens)
  Resource server   {API}      (verifies them by itself)
  Metadata          {ISSUER}/.well-known/openid-configuration
  Public keys       {ISSUER}/.well-known/jwks.json
  Logs              {DATA}/auth_server.log, {DATA}/resource_server.log

  Demo user         demo
  Password          {password}      (new at each start)

  Your account      {ISSUER}/account

  Sign in, then call the protected API with the token:
╰{rule}╯

curl -s -H "Authorization: Bearer $({login} | {token})" {API}/me
"""


if __name__ == "__main__":
    sys.exit(main())
