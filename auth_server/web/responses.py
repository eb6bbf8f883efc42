"""Answers, and how refusals are spelt (RFC 6749 sections 5.1 and 5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auth_server.protocol.errors import ApiError, InvalidClient, OAuthError
from shared import json_text

Headers = tuple[tuple[bytes, bytes], ...]

NO_STORE: Final[Headers] = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
_JSON: Final = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer. `outcome` and `detail` are for the log: what became of the request, in words without secrets."""

    status: int
    body: bytes = field(repr=False, default=b"")
    headers: Headers = ()
    outcome: str = "ok"
    detail: str | None = None


def retry_later(seconds: int | None) -> Headers:
    """Return the header that says when it is worth trying again; none where there is no time to tell."""
    return () if seconds is None else ((b"retry-after", str(seconds).encode("ascii")),)


def json_response(value: Mapping[str, Any], *, status: int = 200, headers: Headers = NO_STORE, outcome: str = "ok") -> Response:
    """Answer with a JSON object."""
    return Response(status, json_text.to_ascii(value).encode("ascii"), (_JSON, *headers), outcome)


def oauth_error(error: OAuthError) -> Response:
    """Answer with a refusal of the protocol."""
    headers = NO_STORE
    if isinstance(error, InvalidClient):
        headers += ((b"www-authenticate", b'Basic realm="token", charset="UTF-8"'),)
    headers += retry_later(error.retry_after)
    body = json_text.to_ascii({"error": error.error, "error_description": error.description}).encode("ascii")
    return Response(error.status, body, (_JSON, *headers), error.error, error.detail or error.description)


def api_error(error: ApiError) -> Response:
    """Answer with a refusal of the first-party API."""
    value: dict[str, Any] = {"error": error.error, "error_description": error.description}
    if error.reasons:
        value["reasons"] = list(error.reasons)
    headers = NO_STORE + retry_later(error.retry_after)
    return json_response(value, status=error.status, headers=headers, outcome=error.error)


def unavailable(retry_after: int = 1) -> Response:
    """Answer that something of ours is not there now; nothing was changed."""
    value = {"error": "temporarily_unavailable", "error_description": "try again in a moment"}
    return json_response(value, status=503, headers=NO_STORE + retry_later(retry_after), outcome="temporarily_unavailable")
