"""Signs a person in from a program on their own machine: authorization code with PKCE (RFC 8252, RFC 7636). Standard library alone.

    python docs/demo/sign_in.py http://localhost:8000 notes-cli "openid profile notes:read offline_access"

Prints the address to open in a browser, waits for the answer on a free port of 127.0.0.1, and prints what came of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import sys
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

WAIT_SECONDS = 300


def main(issuer: str, client_id: str, scope: str) -> None:
    """Sign in, and print the claims and the names of what was handed out."""
    server = _json(f"{issuer}/.well-known/openid-configuration")
    if server["issuer"] != issuer:
        raise SystemExit("these metadata are another issuer's")
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    with _Listener() as listener:
        redirect_uri = f"http://127.0.0.1:{listener.server_port}/cb"
        request = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "state": state,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        print(f"open {server['authorization_endpoint']}?{urllib.parse.urlencode(request)}", flush=True)
        answer = listener.wait()
    # Whose answer is it? The state ties it to this request, and `iss` to this server (RFC 9207).
    if not hmac.compare_digest(answer.get("state", ""), state) or answer.get("iss") != issuer:
        raise SystemExit("this is not the answer to our request")
    if "code" not in answer:
        raise SystemExit(f"refused: {answer.get('error')}: {answer.get('error_description', '')}")
    form = {"grant_type": "authorization_code", "client_id": client_id, "code": answer["code"]}
    tokens = _json(server["token_endpoint"], form | {"redirect_uri": redirect_uri, "code_verifier": verifier})
    print(json.dumps({"tokens": sorted(tokens), "scope": tokens.get("scope")}))
    print(json.dumps(_json(server["userinfo_endpoint"], token=tokens["access_token"])))


class _Listener(HTTPServer):
    """Waits for one answer of the browser."""

    timeout = WAIT_SECONDS

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Callback)
        self.answer: dict[str, str] = {}

    def wait(self) -> dict[str, str]:
        """Return the parameters of the answer."""
        self.handle_request()
        return self.answer


class _Callback(BaseHTTPRequestHandler):
    server: _Listener

    def do_GET(self) -> None:
        """Take the answer, and tell the person to go back."""
        self.server.answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"You can close this window.\n")

    def log_message(self, *args: object) -> None:
        """Say nothing: the address holds the code."""


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


def _json(url: str, form: dict[str, str] | None = None, *, token: str | None = None) -> dict[str, Any]:
    body = None if form is None else urllib.parse.urlencode(form).encode("ascii")
    request = urllib.request.Request(url, body, {} if token is None else {"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        document: dict[str, Any] = json.load(answer)
    return document


if __name__ == "__main__":
    main(*sys.argv[1:])
