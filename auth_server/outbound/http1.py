"""One HTTP/1.1 exchange on an open connection (RFC 9112), every part of the answer bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_HEAD_BYTES: Final = 16 * 1024
_LINE_BYTES: Final = 256
_INTERIM_ANSWERS: Final = 3


class MalformedAnswer(ValueError):
    """The answer is no HTTP, or over a bound."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, media type without parameters, and body."""

    status: int
    media_type: str
    body: bytes = field(repr=False)


def request_bytes(method: str, host: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a whole request, after which the connection is closed. No cookie, no credential, no referrer."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {f'[{host}]' if ':' in host else host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


async def read_answer(reader: asyncio.StreamReader, most: int) -> Answer:
    """Read one answer with a body of at most `most` bytes.

    Raises:
        MalformedAnswer: not HTTP/1, cut short, or over a bound.
    """
    for _ in range(_INTERIM_ANSWERS):
        status, headers = await _head(reader)
        if status >= 200:
            media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
            return Answer(status, media_type, await _body(reader, status, headers, most))
    raise MalformedAnswer("too many interim answers")


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise MalformedAnswer("no head") from error
    if len(head) > _HEAD_BYTES:
        raise MalformedAnswer("the head is too long")
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not (rest[:3].isascii() and rest[:3].isdigit()):
        raise MalformedAnswer("not HTTP/1")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise MalformedAnswer("a malformed header")
        headers.setdefault(name.lower(), value.strip())
    return int(rest[:3]), headers


async def _body(reader: asyncio.StreamReader, status: int, headers: Mapping[str, str], most: int) -> bytes:
    if status in (204, 304):
        return b""
    if "transfer-encoding" in headers:
        if headers["transfer-encoding"].lower() != "chunked":
            raise MalformedAnswer("an unknown transfer coding")
        return await _chunks(reader, most)
    length = headers.get("content-length")
    if length is not None:
        if not (length.isascii() and length.isdigit() and len(length) < 12) or int(length) > most:
            raise MalformedAnswer("too long")
        return await _exactly(reader, int(length))
    return await _rest(reader, most)


async def _chunks(reader: asyncio.StreamReader, most: int) -> bytes:
    body = b""
    while True:
        line = await _line(reader)
        try:
            size = int(line.partition(b";")[0].strip(), 16)
        except ValueError as error:
            raise MalformedAnswer("a malformed chunk") from error
        if size < 0 or len(body) + size > most:
            raise MalformedAnswer("too long")
        if size == 0:
            return body
        body += await _exactly(reader, size)
        if await _exactly(reader, 2) != b"\r\n":
            raise MalformedAnswer("a malformed chunk")


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readuntil(b"\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise MalformedAnswer("cut short") from error
    if len(line) > _LINE_BYTES:
        raise MalformedAnswer("a chunk's head is too long")
    return line


async def _exactly(reader: asyncio.StreamReader, size: int) -> bytes:
    try:
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as error:
        raise MalformedAnswer("cut short") from error


async def _rest(reader: asyncio.StreamReader, most: int) -> bytes:
    body = b""
    while piece := await reader.read(most + 1 - len(body)):
        body += piece
        if len(body) > most:
            raise MalformedAnswer("too long")
    return body
