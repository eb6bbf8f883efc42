"""What every answer of the service has in common: request id, log line, security headers, a bound on bodies. Pure ASGI."""

from __future__ import annotations

import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from resource_server.adapters.asgi import HINT_KEY, PRINCIPAL_KEY, REASON_KEY, AsgiApp, Message, Receive, Scope, Send
from resource_server.principal import Principal
from resource_server.verifier import strict_json
from shared.log_line import format_line

MAX_BODY_BYTES: Final = 64 * 1024
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_UNLOGGED: Final = frozenset({"/livez", "/readyz", "/healthz"})


class BodyRefused(Exception):
    """A request body that is not read, or not understood."""

    def __init__(self, status: int, reason: str, description: str) -> None:
        super().__init__(reason)
        self.status, self.reason, self.description = status, reason, description


def log(level: str, event: str, fields: Mapping[str, object]) -> None:
    """Write one line of JSON to standard output."""
    sys.stdout.write(format_line(time.time(), level, event, fields) + "\n")
    sys.stdout.flush()


def error(status: int, reason: str, description: str, request: Request | None = None) -> JSONResponse:
    """Return an error answer: a code, a fixed sentence, and the stable reason."""
    code = {400: "invalid_request", 403: "access_denied", 404: "not_found", 405: "method_not_allowed"}.get(status, reason)
    if request is not None:
        request.scope[REASON_KEY] = reason
    body = {"error": code, "error_description": description, "reason": reason}
    return JSONResponse(body, status, {"Cache-Control": "no-store"})


async def read_json(request: Request) -> strict_json.FrozenObject:
    """Return the JSON object in a request's body.

    Raises:
        BodyRefused: 415 for another media type, 413 beyond 64 KiB counted as they arrive, 400 for what is not strict JSON.
    """
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() != "application/json" or parameters.strip().lower() not in {"", "charset=utf-8"}:
        raise BodyRefused(415, "unsupported_media_type", "Send application/json.")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise BodyRefused(413, "body_too_large", f"A body has at most {MAX_BODY_BYTES} bytes.")
    except ClientDisconnect as gone:
        raise BodyRefused(400, "incomplete_body", "The body did not arrive whole.") from gone
    try:
        return strict_json.parse_object_with_space(bytes(body))
    except ValueError as malformed:
        raise BodyRefused(400, "malformed_json", "The body is not one JSON object with unique members.") from malformed


class Edge:
    """The outermost layer. Takes a request id from the client if it is well-formed, else makes one; logs one line a request.

    A log line holds the path and never the query string, the token or any header. `counts` takes the number of answers by status and
    of refusals by reason.
    """

    def __init__(self, app: AsgiApp, counts: Counter[tuple[str, str]]) -> None:
        self._app, self._counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        started_at = time.monotonic()
        status = 500

        async def dressed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = list(message.get("headers", ()))
                named = {name.lower() for name, _ in own}
                added = [header for header in _SECURITY_HEADERS if header[0] not in named]
                message = {**message, "headers": [*own, *added, (b"x-request-id", request_id)]}
            await send(message)

        try:
            await self._app(scope, receive, dressed_send)
        finally:
            self._note(scope, status, request_id.decode("ascii"), time.monotonic() - started_at)

    def _note(self, scope: Scope, status: int, request_id: str, seconds: float) -> None:
        reason = scope.get(REASON_KEY)
        self._counts["status", str(status)] += 1
        if reason is not None:
            self._counts["reason", reason] += 1
        if scope["path"] in _UNLOGGED and status in {200, 503}:
            return  # probes come every second, and what they find out is told as an event of its own
        who = scope.get("state", {}).get(PRINCIPAL_KEY)
        caller = who if isinstance(who, Principal) else None
        client = scope.get("client")
        fields = {
            "request_id": request_id,
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "duration_ms": round(seconds * 1000, 2),
            "ip": client[0] if client else None,
            "sub": caller.sub if caller else None,
            "client_id": caller.client_id if caller else None,
            "reason": reason,
            "hint": scope.get(HINT_KEY),
        }
        log("error" if status == 500 else "info", "request", fields)


def _request_id(scope: Scope) -> bytes:
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]):
        identifier: bytes = given[0]
        return identifier
    return secrets.token_hex(16).encode("ascii")
