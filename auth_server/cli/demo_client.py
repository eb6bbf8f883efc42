"""A small OAuth client for `auth-server perform`: asks a server over HTTP, waits for a browser's answer, looks into tokens.

It is a client like any other, and knows of the server only what that publishes. Codes, verifiers and secrets are never printed; tokens are
shown taken apart, and whole only when that was asked for.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from auth_server.cli.command import CommandFailed, ExitCode, refused
from auth_server.protocol.pkce import challenge_of
from auth_server.protocol.secret import Secret
from shared import base64url, well_known
from shared.log_line import neutralise

_SECONDS: Final = 10.0
_MAX_BYTES: Final = 256 * 1024
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: a client id, and a secret unless it is public."""

    client_id: str
    secret: Secret | None = None

    def authentication(self) -> dict[str, str]:
        """Return the header of `client_secret_basic` (RFC 6749 section 2.3.1); none for a public client."""
        if self.secret is None:
            return {}
        pair = f"{quote(self.client_id, safe='')}:{quote(self.secret.reveal(), safe='')}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii")}


@dataclass(frozen=True, slots=True)
class Server:
    """A server by what it says of itself."""

    issuer: str
    metadata: Mapping[str, Any]

    @classmethod
    def discover(cls, issuer: str) -> Server:
        """Read the metadata (RFC 8414).

        Raises:
            CommandFailed: there are none, or they are another issuer's.
        """
        metadata = request(well_known.authorization_server_url(issuer))
        if metadata.get("issuer") != issuer:
            raise refused(
                f"the metadata are those of {neutralise(str(metadata.get('issuer')))}, not of {issuer}", error="wrong_issuer"
            )
        return cls(issuer, metadata)

    def endpoint(self, name: str) -> str:
        """Return the address of an endpoint.

        Raises:
            CommandFailed: the server has none.
        """
        address = self.metadata.get(name)
        if not isinstance(address, str):
            raise refused(f"the server names no {name}", error="unsupported")
        return address

    def post(self, endpoint: str, client: Client, form: Mapping[str, str | None]) -> dict[str, Any]:
        """Post a form as a client.

        Raises:
            CommandFailed: refused; `error` is the server's own code.
        """
        kept = {name: value for name, value in form.items() if value}
        return request(self.endpoint(endpoint), form=kept | {"client_id": client.client_id}, headers=client.authentication())


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """One authorization request: what is sent, and what the answer is compared with."""

    client: Client
    redirect_uri: str
    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls, client: Client, redirect_uri: str) -> CodeRequest:
        """Return one with random values."""
        return cls(client, redirect_uri, secrets.token_urlsafe(16), secrets.token_urlsafe(16), secrets.token_urlsafe(48))

    def address(self, server: Server, scope: str | None, resource: str | None) -> str:
        """Return what the browser is sent to (RFC 6749 section 4.1.1, RFC 7636, RFC 8707)."""
        parameters = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scope,
            "resource": resource,
            "state": self.state,
            "nonce": self.nonce if scope and "openid" in scope.split() else None,
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
        }
        query = urlencode({name: value for name, value in parameters.items() if value})
        return f"{server.endpoint('authorization_endpoint')}?{query}"

    def redeem(self, server: Server, answer: Mapping[str, str]) -> dict[str, Any]:
        """Check the answer, redeem its code, and check the ID token.

        Raises:
            CommandFailed: it is no answer to this request, or a refusal.
        """
        if not hmac.compare_digest(answer.get("state", "").encode(), self.state.encode()) or answer.get("iss") != server.issuer:
            raise refused("the answer belongs to another request or to another server", error="wrong_answer")
        if "code" not in answer:
            raise _refusal(answer)
        form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": self.redirect_uri}
        tokens = server.post("token_endpoint", self.client, form | {"code_verifier": self.verifier})
        if "id_token" in tokens:
            claims = taken_apart(tokens["id_token"])["claims"]
            expected = {"iss": server.issuer, "aud": self.client.client_id, "nonce": self.nonce}
            if {name: claims.get(name) for name in expected} != expected:
                raise refused("the ID token is not for this client and this request", error="wrong_id_token")
        return tokens


class Listener(HTTPServer):
    """Waits on 127.0.0.1 for the browser's answer (RFC 8252 section 7.3)."""

    def __init__(self, port: int, path: str) -> None:
        super().__init__(("127.0.0.1", port), _Callback)
        self.path = path
        self.answer: dict[str, str] | None = None

    @property
    def redirect_uri(self) -> str:
        """Where the answer has to go."""
        return f"http://127.0.0.1:{self.server_port}{self.path}"

    def wait(self, seconds: float) -> dict[str, str]:
        """Return the answer; whatever else knocks is sent away.

        Raises:
            CommandFailed: nobody answered in time.
        """
        self.timeout = seconds
        while self.answer is None:
            self.handle_request()
        if not self.answer:
            raise refused("nobody answered in time", error="timeout")
        return self.answer

    def handle_timeout(self) -> None:
        """Give up."""
        self.answer = {}


class _Callback(BaseHTTPRequestHandler):
    server: Listener

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        is_answer = parts.path == self.server.path
        if is_answer:
            self.server.answer = dict(parse_qsl(parts.query)) or None
        self.send_response(200 if is_answer else 404)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"You can close this window and go back to the terminal.\n" if is_answer else b"not here\n")

    def log_message(self, *_: object) -> None:
        """Say nothing: the address holds the code."""


def request(url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Ask, and return the JSON answer.

    Raises:
        CommandFailed: refused, or no answer.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise refused(f"not an address to ask: {neutralise(url)}")
    body = None if form is None else urlencode(form).encode("ascii")
    sent = urllib.request.Request(url, body, {"Accept": "application/json", **(headers or {})})  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(sent, timeout=_SECONDS) as answer:  # noqa: S310
            return _object(answer.read(_MAX_BYTES))
    except urllib.error.HTTPError as error:
        raise _refusal(_object(error.read(_MAX_BYTES)), f"{urlsplit(url).path} answered {error.code}") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise CommandFailed(ExitCode.UNAVAILABLE, "no_answer", f"{urlsplit(url).netloc} does not answer: {why}") from error


def taken_apart(token: object) -> dict[str, Any]:
    """Return header and claims of a JWT: to look at, not to believe. Anything else is `opaque`."""
    try:
        header, claims, _ = (part.encode("ascii") for part in str(token).split("."))
        return {"header": json.loads(base64url.decode(header)), "claims": json.loads(base64url.decode(claims))}
    except ValueError:
        return {"opaque": f"{len(str(token))} characters"}


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(answer: Mapping[str, Any], otherwise: str = "refused") -> CommandFailed:
    code, why = answer.get("error"), answer.get("error_description")
    return refused(": ".join(neutralise(str(word)) for word in (code or otherwise, why) if word), error=str(code or "refused"))
