"""Refusals as pages: a plain title, what to do, and the request's id for whoever is asked about it. JSON for programs that ask for it.

Nothing of the request is repeated on such a page, and it never leads to an address that the request named.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from auth_server.protocol.errors import ApiError, InternalError, InvalidRequest, OAuthError, PageError
from auth_server.web.csrf import CsrfRefused
from auth_server.web.page_kit import PageKit
from auth_server.web.request import Request
from auth_server.web.responses import NO_STORE, Response, json_response, retry_later

_RETRY_SECONDS: Final = 1


class Kind(StrEnum):
    """What went wrong, as far as a person needs to know; the catalogue has `error.<kind>.title` and `.lead`."""

    REQUEST = "request"
    EXPIRED = "expired"
    CSRF = "csrf"
    NOT_FOUND = "not_found"
    METHOD = "method"
    SLOW = "slow"
    UNAVAILABLE = "unavailable"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Failure:
    """One refusal. `link` with its text is where to go on from here: a path of ours."""

    kind: Kind
    status: int
    code: str
    retry_after: int | None = None
    link: str | None = None
    link_text: str | None = None
    allowed: bytes | None = None


def failure_of(error: OAuthError | ApiError | InternalError) -> Failure:
    """Return how an error is told on a page."""
    if isinstance(error, CsrfRefused):
        return Failure(Kind.CSRF, error.status, error.error)
    if isinstance(error, InternalError):
        return Failure(Kind.UNAVAILABLE, 503, "temporarily_unavailable", retry_after=_RETRY_SECONDS)
    kind = Kind.SLOW if error.status == 429 else Kind.UNAVAILABLE if error.status == 503 else Kind.REQUEST
    status = error.status if isinstance(error, ApiError | PageError | InvalidRequest) else max(error.status, 400)
    return Failure(kind, status, error.error, retry_after=error.retry_after)


def error_page(kit: PageKit, request: Request, failure: Failure) -> Response:
    """Return a refusal as a page, or as JSON for whoever takes JSON and no page."""
    retry_after = failure.retry_after if failure.retry_after or failure.kind is not Kind.UNAVAILABLE else _RETRY_SECONDS
    headers = retry_later(retry_after)
    if failure.allowed is not None:
        headers += ((b"allow", failure.allowed),)
    if not takes_pages(request, otherwise=True):
        value = {"error": failure.code, "error_description": "This request cannot be completed."}
        return json_response(value, status=failure.status, headers=NO_STORE + headers, outcome=failure.code)
    request.answer_is_page()
    visit = kit.visit(request)
    words = visit.words
    lead = f"error.{failure.kind}.lead"
    text = words.text(lead) if retry_after is None else words.text(lead, duration=words.duration(retry_after))
    return kit.pages.render(
        visit,
        "error.html",
        words.text(f"error.{failure.kind}.title"),
        status=failure.status,
        headers=headers,
        outcome=failure.code,
        is_request=failure.kind is Kind.REQUEST,
        paragraphs=(text,),
        code=failure.code,
        link=failure.link,
        link_text=failure.link_text and words.text(failure.link_text),
    )


def takes_pages(request: Request, *, otherwise: bool) -> bool:
    """Say whether the client wants a page rather than JSON; `otherwise` where it does not say."""
    try:
        accept = request.header(b"accept") or b""
    except InvalidRequest:
        return otherwise
    if b"text/html" in accept or b"application/xhtml+xml" in accept:
        return True
    return False if b"application/json" in accept else otherwise
