"""One HTTP request, as a door sees it: lean, and with every bound on what a stranger may send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from auth_server.protocol.errors import ApiError, InvalidRequest, PageError, RequestTooLarge
from auth_server.protocol.form import FORM_MEDIA_TYPE, Form
from auth_server.web.request_facts import RequestFacts

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

FACTS: Final = "sealwright.facts"
# Set by the HTTP server when the body arrived whole, which most do before anybody asks for them: then nobody has to be timed.
BODY_IS_WHOLE: Final = "sealwright.body_is_whole"
IS_PAGE: Final = "sealwright.page"
BODY_SECONDS: Final = 10
_FORM: Final = FORM_MEDIA_TYPE.encode("ascii")
FORM_BYTES: Final = 64 * 1024
JSON_BYTES: Final = 16 * 1024


class ClientGone(Exception):
    """The client closed the connection before its body was whole."""


class Request:
    """One request. `facts` says who asks."""

    __slots__ = ("_by_name", "_headers", "_receive", "_scope", "facts", "method")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._by_name = dict(self._headers)
        self.method: str = scope["method"]
        self.facts: RequestFacts = scope[FACTS]

    def header(self, name: bytes) -> bytes | None:
        """Return a header's value; None when absent. `name` is in lower case.

        Raises:
            InvalidRequest: it is there twice.
        """
        is_repeated = len(self._by_name) != len(self._headers) and sum(key == name for key, _ in self._headers) > 1
        if is_repeated:
            raise InvalidRequest("a header that decides is repeated")
        return self._by_name.get(name)

    @property
    def query(self) -> bytes:
        """Return the raw query string."""
        query: bytes = self._scope["query_string"]
        return query

    def cookie(self, name: str) -> str | None:
        """Return a cookie's value; None when absent or when it is there twice (somebody planted one)."""
        wanted = name.encode("ascii") + b"="
        found = [
            part.strip()[len(wanted) :]
            for key, value in self._headers
            if key == b"cookie"
            for part in value.split(b";")
            if part.strip().startswith(wanted)
        ]
        return found[0].decode("latin-1") if len(found) == 1 else None

    async def gone(self) -> None:
        """Return when the client closed the connection. Only for a request whose body nobody reads."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    @property
    def path(self) -> str:
        """Return the path asked for, without the query."""
        path: str = self._scope["path"]
        return path

    def path_parameter(self, name: str) -> str:
        """Return a part of the path that the door's own path leaves open."""
        found: str = self._scope["path_params"][name]
        return found

    def answer_is_page(self) -> None:
        """Say that the answer brings the headers of a page, so that none is there twice."""
        self._scope[IS_PAGE] = True

    def parameters(self) -> Form:
        """Read the parameters of the address.

        Raises:
            InvalidRequest: not well-formed.
        """
        return Form.parse(self.query)

    async def page_form(self, most: int = FORM_BYTES) -> Form:
        """Read the body of a form of our own pages; what the page is about stands in its address.

        Raises:
            InvalidRequest: another content type, or not a well-formed form.
            RequestTooLarge: over `most` bytes, counted as they arrive.
        """
        self._refuse_other_than_form()
        return Form.parse(await self._body(most))

    async def form(self, most: int = FORM_BYTES) -> Form:
        """Read the form-encoded body of an OAuth endpoint.

        Raises:
            InvalidRequest: another content type, parameters in the address as well, or not a well-formed form.
            RequestTooLarge: over `most` bytes, counted as they arrive.
        """
        self._refuse_other_than_form()
        if self.query:
            # A parameter in the address ends in logs and histories (RFC 6750 section 5.3, RFC 9700 section 4.3.2).
            raise InvalidRequest("parameters belong in the body, not in the address")
        return Form.parse(await self._body(most))

    async def form_bytes(self, most: int = FORM_BYTES) -> bytes:
        """Return the form-encoded body that a browser sent, not yet taken apart.

        Raises:
            PageError: another content type.
            RequestTooLarge: over `most` bytes, counted as they arrive.
        """
        if not self._is_form():
            raise PageError("another content type than a form's")
        return await self._body(most)

    async def json(self, most: int = JSON_BYTES) -> dict[str, Any]:
        """Read the JSON object of a first-party request.

        Raises:
            ApiError: 415 another content type, 400 not one JSON object with unique members, 413 over `most` bytes.
        """
        media_type = (self.header(b"content-type") or b"").partition(b";")[0].strip().lower()
        if media_type != b"application/json":
            raise ApiError(415, "unsupported_media_type", "the content type must be application/json")
        try:
            body = await self._body(most)
        except RequestTooLarge as error:
            raise ApiError(413, "request_too_large", error.description) from error
        return parse_object(body)

    async def json_or_nothing(self) -> dict[str, Any]:
        """Read the JSON object of a first-party request that may do without a body.

        Raises:
            ApiError: like `json`.
        """
        says_nothing = self.header(b"content-type") is None and self.header(b"transfer-encoding") is None
        if says_nothing and self.header(b"content-length") in (None, b"0"):
            return {}
        return await self.json()

    def _refuse_other_than_form(self) -> None:
        if not self._is_form():
            raise InvalidRequest(f"the content type must be {FORM_MEDIA_TYPE}")

    def _is_form(self) -> bool:
        named = self.header(b"content-type") or b""
        return named == _FORM or named.partition(b";")[0].strip().lower() == _FORM

    async def _body(self, most: int) -> bytes:
        length = self.header(b"content-length")
        if length is not None and length.isdigit() and int(length) > most:
            raise RequestTooLarge(f"the body is over {most} bytes")
        if BODY_IS_WHOLE in self._scope:
            return await self._whole(most)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._whole(most)
        except TimeoutError as error:
            raise InvalidRequest(f"the body was not whole after {BODY_SECONDS} seconds") from error

    async def _whole(self, most: int) -> bytes:
        body = b""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            body = _bounded(body + message.get("body", b""), most)
            if not message.get("more_body"):
                return body


def _bounded(body: bytes, most: int) -> bytes:
    if len(body) > most:
        raise RequestTooLarge(f"the body is over {most} bytes")
    return body


def parse_object(body: bytes) -> dict[str, Any]:
    """Read one JSON object with unique members.

    Raises:
        ApiError: 400 `invalid_request`.
    """
    refused = ApiError(400, "invalid_request", "the body must be one JSON object, in UTF-8, with each member once")
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise refused from error
    if not isinstance(value, dict):
        raise refused
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
