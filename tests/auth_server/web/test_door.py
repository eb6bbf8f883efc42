"""A door: methods, CORS, and how refusals become answers."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, ClassVar

import pytest

from auth_server.protocol.errors import (
    ApiError,
    InternalError,
    InvalidClient,
    InvalidGrant,
    OAuthError,
    PageError,
    TooManyRequests,
)
from auth_server.web.door import OUTCOME, Cors, Door
from auth_server.web.request import FACTS, ClientGone, Request
from auth_server.web.responses import Response, json_response
from tests.support.builders import FACTS as SOMEBODY


class _Door(Door):
    path = "/here"
    methods: ClassVar[tuple[str, ...]] = ("GET",)

    def __init__(self, answer: Response | Exception, cors: Cors = Cors.NOBODY, methods: tuple[str, ...] = ("GET",)) -> None:
        self._canned = answer
        self.cors = cors  # type: ignore[misc]
        self.methods = methods  # type: ignore[misc]

    async def answer(self, request: Request) -> Response:
        if isinstance(self._canned, Exception):
            raise self._canned
        return self._canned


class _Answer:
    def __init__(self, messages: list[MutableMapping[str, Any]], outcome: Any) -> None:
        self.status = messages[0]["status"] if messages else None
        self.headers = {name.decode(): value.decode() for name, value in (messages[0]["headers"] if messages else ())}
        self.body = b"".join(message.get("body", b"") for message in messages[1:])
        self.outcome = outcome


async def _knock(door: Door, method: str = "GET") -> _Answer:
    messages: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    async def send(message: MutableMapping[str, Any]) -> None:
        messages.append(message)

    scope: dict[str, Any] = {"type": "http", "method": method, "headers": [], "query_string": b"", FACTS: SOMEBODY}
    await door(scope, receive, send)
    return _Answer(messages, scope.get(OUTCOME))


async def test_an_answer_is_sent_with_its_length() -> None:
    answer = await _knock(_Door(json_response({"a": 1})))

    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b'{"a":1}', "7")


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    answer = await _knock(_Door(json_response({"a": 1})), "HEAD")

    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "7")


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_has_no_content_claims_no_length(status: int) -> None:
    """RFC 9110 section 8.6: none with 204, and with 304 none but that of the answer it stands for."""
    assert "content-length" not in (await _knock(_Door(Response(status)))).headers


async def test_another_method_is_told_which_are_ours_and_is_not_kept() -> None:
    answer = await _knock(_Door(json_response({}), methods=("POST",)), "DELETE")

    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert answer.headers["cache-control"] == "no-store"


async def test_only_a_door_open_to_anybody_answers_a_preflight() -> None:
    opened = await _knock(_Door(json_response({}), Cors.ANYBODY), "OPTIONS")
    closed = await _knock(_Door(json_response({}), Cors.NOBODY), "OPTIONS")

    assert (opened.status, opened.headers["access-control-allow-methods"]) == (204, "GET")
    assert opened.headers["access-control-allow-origin"] == "*"
    assert closed.status == 405
    assert not any(name.startswith("access-control") for name in closed.headers)
    assert "access-control-allow-credentials" not in opened.headers


@pytest.mark.parametrize(
    "refusal, status, body",
    [
        (InvalidGrant("no", detail="secret cause"), 400, b'{"error":"invalid_grant","error_description":"no"}'),
        (InvalidClient("no"), 401, b'{"error":"invalid_client","error_description":"no"}'),
        (TooManyRequests("no", retry_after=7), 429, b'{"error":"slow_down","error_description":"no"}'),
        (ApiError(409, "taken", "no"), 409, b'{"error":"taken","error_description":"no"}'),
        (
            InternalError("the cause"),
            503,
            b'{"error":"temporarily_unavailable","error_description":"try again in a moment"}',
        ),
    ],
)
async def test_a_refusal_is_an_answer_without_its_cause(refusal: Exception, status: int, body: bytes) -> None:
    answer = await _knock(_Door(refusal, Cors.ANYBODY))

    assert (answer.status, answer.body) == (status, body)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_refused_client_is_challenged() -> None:
    """RFC 6749 section 5.2, RFC 9110 section 11.6.1."""
    assert (await _knock(_Door(InvalidClient("no")))).headers["www-authenticate"].startswith("Basic ")


async def test_who_must_wait_is_told_how_long() -> None:
    assert (await _knock(_Door(TooManyRequests("no", retry_after=7)))).headers["retry-after"] == "7"
    assert (await _knock(_Door(ApiError(429, "slow_down", "no", retry_after=9)))).headers["retry-after"] == "9"
    assert (await _knock(_Door(InternalError("x")))).headers["retry-after"] == "1"


async def test_the_cause_goes_to_the_log_alone() -> None:
    assert (await _knock(_Door(InvalidGrant("no", detail="wrong family")))).outcome == ("invalid_grant", "wrong family")


async def test_nothing_is_answered_to_who_has_gone() -> None:
    answer = await _knock(_Door(ClientGone()))

    assert (answer.status, answer.outcome) == (None, ("client_gone", None))


def test_every_refusal_has_a_code_of_its_own() -> None:
    # What is told on a page of ours reaches no client; RFC 8628 section 3.5 has its own use for the code of a throttled request.
    shared = {PageError, TooManyRequests}
    codes = [kind.error for kind in OAuthError.__subclasses__() if kind not in shared]

    assert len(codes) == len(set(codes))
