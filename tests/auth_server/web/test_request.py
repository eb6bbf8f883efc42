"""A request as a door sees it: every bound on what a stranger may send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.protocol.errors import ApiError, InvalidRequest, OAuthError, RequestTooLarge
from auth_server.web import request as web
from auth_server.web.request import FACTS, ClientGone, Request, parse_object
from tests.support.builders import FACTS as SOMEBODY

FORM = (b"content-type", b"application/x-www-form-urlencoded")
JSON = (b"content-type", b"application/json; charset=utf-8")


def _request(*chunks: bytes | str, headers: tuple[tuple[bytes, bytes], ...] = (FORM,), query: bytes = b"") -> Request:
    """A request whose body comes in chunks; the text "gone" is a connection that closes, "never" one that says nothing more."""
    waiting = list(chunks)

    async def receive() -> MutableMapping[str, Any]:
        chunk = waiting.pop(0) if waiting else b""
        if chunk == "never":
            await asyncio.Event().wait()
        if isinstance(chunk, str):
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    scope = {"method": "POST", "headers": list(headers), "query_string": query, FACTS: SOMEBODY}
    return Request(scope, receive)


@pytest.mark.parametrize("chunks", [(b"a=1&b=2",), (b"a=1&", b"b=2"), (b"", b"a=1&b=2", b"")])
async def test_a_form_is_read_however_it_arrives(chunks: tuple[bytes, ...]) -> None:
    form = await _request(*chunks).form()

    assert (form.required("a"), form.required("b")) == ("1", "2")


@pytest.mark.parametrize(
    "media_type",
    [b"application/json", b"multipart/form-data; boundary=x", b"text/plain", b"", b"application/x-www-form-urlencodedx"],
)
async def test_an_oauth_endpoint_takes_forms_alone(media_type: bytes) -> None:
    with pytest.raises(InvalidRequest):
        await _request(b"a=1", headers=((b"content-type", media_type),)).form()


async def test_a_request_without_a_content_type_is_no_form() -> None:
    with pytest.raises(InvalidRequest):
        await _request(b"a=1", headers=()).form()


async def test_parameters_in_the_address_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        await _request(b"a=1", query=b"client_secret=x").form()


@pytest.mark.parametrize("chunks", [(b"x" * 101,), (b"x" * 60, b"x" * 60), (b"x",) * 101])
async def test_a_long_body_is_refused_as_it_arrives(chunks: tuple[bytes, ...]) -> None:
    with pytest.raises(RequestTooLarge):
        await _request(*chunks).form(100)


async def test_a_long_body_is_refused_by_its_stated_length_before_it_is_read() -> None:
    with pytest.raises(RequestTooLarge):
        await _request("never", headers=(FORM, (b"content-length", b"101"))).form(100)


async def test_a_body_as_long_as_allowed_is_read() -> None:
    form = await _request(b"a=" + b"x" * 98).form(100)

    assert form.required("a") == "x" * 98


@pytest.mark.parametrize("chunks", [("gone",), (b"a=1", "gone")])
async def test_a_connection_that_closes_is_noticed(chunks: tuple[bytes | str, ...]) -> None:
    with pytest.raises(ClientGone):
        await _request(*chunks).form()


@pytest.mark.parametrize("chunks", [("never",), (b"a=1", "never")], ids=["at once", "half way"])
async def test_nobody_is_waited_for_without_end(chunks: tuple[bytes | str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "BODY_SECONDS", 0.01)

    with pytest.raises(InvalidRequest):
        async with asyncio.timeout(1):
            await _request(*chunks).form()


@pytest.mark.parametrize("name", [b"authorization", b"content-type"])
async def test_a_header_that_decides_may_stand_there_once(name: bytes) -> None:
    with pytest.raises(InvalidRequest):
        _request(headers=((name, b"a"), (name, b"b"))).header(name)


async def test_a_cookie_is_found_by_its_whole_name_and_not_when_it_was_planted() -> None:
    def cookie(*values: bytes) -> str | None:
        return _request(headers=tuple((b"cookie", value) for value in values)).cookie("dev")

    assert cookie(b"a=1; dev=x; b=2") == "x"
    assert cookie(b"a=1", b"dev=x") == "x"
    assert cookie(b"xdev=1; device=2") is None
    assert cookie(b"dev=x; dev=y") is None
    assert cookie() is None


# JSON


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.text())))
def test_any_object_is_read(members: dict[str, Any]) -> None:
    assert parse_object(json.dumps(members).encode()) == members


@given(st.binary(max_size=100) | st.text('{}[]":,0aeE+-.\\u\n ', max_size=40).map(str.encode))
def test_any_bytes_are_an_object_or_a_refusal(body: bytes) -> None:
    try:
        assert isinstance(parse_object(body), dict)
    except ApiError as refused:
        assert (refused.status, refused.error) == (400, "invalid_request")  # noqa: PT017 - both ends are right


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"a":1}{"a":1}', id="two objects"),
        pytest.param(b'{"a":1,"a":2}', id="a member twice"),
        pytest.param(b'{"a":{"b":1,"b":1}}', id="a member twice, inside"),
        pytest.param(b'{"a":NaN}', id="NaN"),
        pytest.param(b'{"a":-Infinity}', id="Infinity"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", id="a number of 5,000 digits"),
        pytest.param(b'{"a":' + b"[" * 7000 + b"]" * 7000 + b"}", id="deep"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="a byte order mark"),
        pytest.param(b'{"a":"\xff"}', id="not UTF-8"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"a":"\x00"}', id="a bare NUL"),
    ],
)
def test_malformed_json_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        parse_object(body)

    assert (refused.value.status, refused.value.error) == (400, "invalid_request")


@pytest.mark.parametrize("media_type", [b"application/x-www-form-urlencoded", b"text/json", b"multipart/form-data", b""])
async def test_the_api_takes_json_alone(media_type: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        await _request(b"{}", headers=((b"content-type", media_type),)).json()

    assert refused.value.status == 415


async def test_a_long_json_body_is_refused() -> None:
    with pytest.raises(ApiError) as refused:
        await _request(b'{"a":"' + b"x" * 20_000 + b'"}', headers=(JSON,)).json()

    assert refused.value.status == 413


@given(st.binary(max_size=300), st.sampled_from([FORM, JSON]))
def test_whatever_is_sent_is_read_or_refused(body: bytes, media_type: tuple[bytes, bytes]) -> None:
    request = _request(body, headers=(media_type,))
    try:
        asyncio.run(request.form() if media_type is FORM else request.json())  # type: ignore[arg-type]
    except (OAuthError, ApiError):
        return
