"""The notes API as an ASGI application.

Inside out: routes, each with what it asks of its caller; the guard, which lets only good tokens through to paths that are not public;
the edge, with what all answers have in common.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from typing import Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from resource_server.adapters.asgi import AsgiApp
from resource_server.demo import health
from resource_server.demo.http import BodyRefused, Edge, error, log, read_json
from resource_server.demo.notes import Note, NoteRefused, Notes, read_text
from resource_server.guard import Guard
from resource_server.principal import Principal
from shared import well_known

READ: Final = "notes:read"
WRITE: Final = "notes:write"
ADMIN: Final = "admin"
_NO_STORE: Final = {"Cache-Control": "no-store"}
# Browser clients find the issuer by this document (RFC 9728 section 3.1); it holds nothing about anybody.
_FOR_EVERYBODY: Final = {
    "Cache-Control": "max-age=300",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_ROUTES: Final = {
    "GET /": "nothing",
    "GET /me": "a valid access token",
    "GET /notes": f"scope {READ}",
    "POST /notes": f'scope {WRITE}; body {{"text": "..."}}',
    "DELETE /notes/{id}": f"scope {WRITE}, and the note must be yours",
    "GET /admin/notes": f"role {ADMIN}",
    f"GET {well_known.PROTECTED_RESOURCE}": "nothing",
    "GET /livez, /readyz, /healthz, /version, /metrics": "nothing",
}


def build_app(guard: Guard, draining: health.Draining | None = None) -> AsgiApp:
    """Return the service, guarded. `draining` lets whoever serves it say that it is about to stop."""
    counts: Counter[tuple[str, str]] = Counter()
    metadata_paths = {well_known.PROTECTED_RESOURCE, urlsplit(well_known.protected_resource_url(guard.resource)).path}
    service = Starlette(
        routes=[
            *_public_routes(guard, metadata_paths),
            *_notes_routes(guard, Notes()),
            *health.routes(guard, draining or health.Draining(), counts),
        ],
        exception_handlers={HTTPException: _http_error, NoteRefused: _refused, BodyRefused: _refused, Exception: _unexpected},
    )
    return Edge(guard.wrap(service, public={"/", *metadata_paths, *health.PATHS}), counts)


def _public_routes(guard: Guard, metadata_paths: set[str]) -> list[Route]:
    welcome = {
        "name": "notes",
        "description": "A small notes API. It judges access tokens by itself, with the issuer's public keys and no shared secret.",
        "routes": _ROUTES,
        "authorization": {
            "issuer": guard.policy.issuer,
            "resource": guard.resource,
            "how": "Get an access token for this resource from the issuer and send it as 'Authorization: Bearer TOKEN'.",
        },
    }
    document = guard.metadata((READ, WRITE), name="Notes")

    async def root(_request: Request) -> Response:
        return JSONResponse(welcome)

    async def metadata(_request: Request) -> Response:
        return JSONResponse(document, headers=_FOR_EVERYBODY)

    return [Route("/", root), *(Route(path, metadata) for path in sorted(metadata_paths))]


def _notes_routes(guard: Guard, notes: Notes) -> list[Route]:
    @guard.requires()
    async def me(request: Request) -> Response:
        who = _caller(request)
        return JSONResponse({"sub": who.sub, "client_id": who.client_id, "claims": who.claims}, headers=_NO_STORE)

    @guard.requires(READ)
    async def list_own(request: Request) -> Response:
        return JSONResponse({"notes": [note.as_json() for note in notes.of(_caller(request).sub)]}, headers=_NO_STORE)

    @guard.requires(WRITE)
    async def create(request: Request) -> Response:
        text = read_text(await read_json(request))
        note = Note(secrets.token_urlsafe(12), text, _caller(request).sub, int(time.time()))
        notes.add(note)
        return JSONResponse(note.as_json(), 201, {**_NO_STORE, "Location": f"/notes/{note.id}"})

    async def notes_of_caller(request: Request) -> Response:
        answered: Response = await (create(request) if request.method == "POST" else list_own(request))
        return answered

    @guard.requires(WRITE)
    async def delete(request: Request) -> Response:
        notes.delete(request.path_params["id"], _caller(request).sub)
        return Response(status_code=204, headers=_NO_STORE)

    @guard.requires(role=ADMIN)
    async def list_all(_request: Request) -> Response:
        return JSONResponse({"notes": [note.as_json() for note in notes.all()]}, headers=_NO_STORE)

    return [
        Route("/me", me, methods=["GET"]),
        # One route for both methods: of two, the first would answer 405 with half of the `Allow` it should have.
        Route("/notes", notes_of_caller, methods=["GET", "POST"]),
        Route("/notes/{id}", delete, methods=["DELETE"]),
        Route("/admin/notes", list_all, methods=["GET"]),
    ]


def _caller(request: Request) -> Principal:
    who: Principal = request.state.principal
    return who


async def _http_error(request: Request, exception: Exception) -> Response:
    assert isinstance(exception, HTTPException)
    reason, description = {
        404: ("unknown_path", "There is nothing at this path."),
        405: ("method_not_allowed", "The path does not take this method; see Allow."),
    }.get(exception.status_code, ("refused", "The request was refused."))
    answered = error(exception.status_code, reason, description, request)
    answered.headers.update(exception.headers or {})
    return answered


async def _refused(request: Request, exception: Exception) -> Response:
    assert isinstance(exception, NoteRefused | BodyRefused)
    return error(exception.status, exception.reason, exception.description, request)


async def _unexpected(request: Request, exception: Exception) -> Response:
    log("error", "unexpected_error", {"path": request.url.path, "cause": type(exception).__name__})
    return error(500, "unexpected_error", "Something went wrong here; it has been noted.", request)
