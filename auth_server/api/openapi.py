"""`/openapi.json`: the table of operations as OpenAPI 3.1, as far as their doors are open; and which of them a page shows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from auth_server import __version__
from auth_server.api.operation import Auth, Operation
from auth_server.api.operations import OPERATIONS
from auth_server.api.schemas import SCHEMAS, TEXT
from auth_server.web.cookies import CookieJar
from auth_server.web.door import Cors, Door
from auth_server.web.request import Request
from auth_server.web.responses import Response

_FORM: Final = "application/x-www-form-urlencoded"
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_MEANINGS: Final = {
    200: "done", 201: "made", 204: "done", 303: "leads on", 304: "as before", 400: "malformed, or refused", 401: "not proven who asks",
    403: "not allowed", 404: "there is no such thing", 409: "taken", 422: "not acceptable", 429: "too many tries; see Retry-After",
    503: "cannot be decided now",
}  # fmt: skip
_SCHEMES: Final[dict[Auth, tuple[str, ...]]] = {
    Auth.NOBODY: (),
    # A public client names itself in the form, and proves nothing.
    Auth.CLIENT: ("client", ""),
    Auth.TOKEN: ("token",),
    Auth.ACCOUNT: ("session", "token"),
    Auth.COOKIES: ("tokenCookies", ""),
}


class OpenApiDoor(Door):
    """`GET /openapi.json`."""

    path = "/openapi.json"
    methods = ("GET",)
    cors = Cors.ANYBODY

    def __init__(self, issuer: str, jar: CookieJar, doors: Callable[[], Iterable[Door]]) -> None:
        self._issuer = issuer
        self._jar = jar
        self._doors = doors
        self._body: bytes | None = None

    async def answer(self, request: Request) -> Response:
        """Answer with the description; it is made when it is first asked for, and does not change while this process runs."""
        if self._body is None:
            document = describe(self._issuer, self._jar, offered(self._doors()))
            self._body = json.dumps(document, separators=(",", ":")).encode("ascii")
        return Response(200, self._body, ((b"content-type", b"application/json"), (b"cache-control", b"public, max-age=300")))


def path_of(door: Door) -> str:
    """Return a door's path as OpenAPI writes it."""
    return _PARAMETER.sub(r"{\1}", door.path)


def offered(doors: Iterable[Door]) -> tuple[Operation, ...]:
    """Return the operations whose doors are there."""
    there = {(method, path_of(door)) for door in doors for method in door.methods}
    return tuple(row for row in OPERATIONS if (row.method, row.path) in there)


def describe(issuer: str, jar: CookieJar, operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for row in operations:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sealwright auth server",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": issuer}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "client": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "client_secret_basic; other methods are in the form",
                },
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT (RFC 9068)"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": jar.name("session"),
                    "description": "the sign-in session; changes need the header X-CSRF-Token, which GET /api/me hands out",
                },
                "tokenCookies": {"type": "apiKey", "in": "cookie", "name": jar.name("refresh_token")},
            },
        },
    }


def _operation(row: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{row.method.lower()}{row.path}").strip("_"),
        "tags": [row.tag],
        "summary": row.summary,
        "responses": {str(status): _response(status, names) for status, names in row.answers.items()},
    }
    parameters = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in _PARAMETER.findall(row.path)]
    if row.method == "GET":
        parameters += [_in_query(word) for word in row.form.split()]
    elif row.form:
        made["requestBody"] = {"required": True, "content": {_FORM: {"schema": _form(row.form)}}}
    if row.body:
        made["requestBody"] = {
            "required": row.auth is not Auth.COOKIES,
            "content": {"application/json": {"schema": _reference(row.body)}},
        }
    if parameters:
        made["parameters"] = parameters
    if schemes := _SCHEMES[row.auth]:
        made["security"] = [{name: []} if name else {} for name in schemes]
    return made


def _response(status: int, names: str) -> dict[str, Any]:
    made: dict[str, Any] = {"description": _MEANINGS[status]}
    if names:
        references = [_reference(name) for name in names.split()]
        schema = references[0] if len(references) == 1 else {"anyOf": references}
        made["content"] = {"application/json": {"schema": schema}}
    return made


def _in_query(word: str) -> dict[str, Any]:
    return {"name": word.rstrip("*"), "in": "query", "required": word.endswith("*"), "schema": TEXT}


def _form(words: str) -> dict[str, Any]:
    named = words.split()
    made: dict[str, Any] = {"type": "object", "properties": {word.rstrip("*"): TEXT for word in named}}
    required = [word.rstrip("*") for word in named if word.endswith("*")]
    return made | ({"required": required} if required else {})


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
