"""Head and body of an answer go out together; nothing is held past a turn of the loop, and nothing is lost by closing."""

from __future__ import annotations

import asyncio

from auth_server.cli.one_write import OneWrite


class _Connection(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        assert not self.closed
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def test_head_and_body_are_one_write() -> None:
    connection = _Connection()
    answers = OneWrite(connection)

    answers.write(b"head ")
    answers.write(b"body")
    assert connection.written == []
    await asyncio.sleep(0)

    assert connection.written == [b"head body"]


async def test_what_is_streamed_goes_out_turn_by_turn() -> None:
    connection = _Connection()
    answers = OneWrite(connection)

    answers.write(b"head of a stream")
    await asyncio.sleep(0)
    assert connection.written == [b"head of a stream"]

    answers.write(b"and its first piece")
    await asyncio.sleep(0)
    assert connection.written == [b"head of a stream", b"and its first piece"]


async def test_closing_writes_what_is_held_first() -> None:
    connection = _Connection()
    answers = OneWrite(connection)

    answers.write(b"the last words")
    answers.close()
    await asyncio.sleep(0)

    assert connection.written == [b"the last words"]
    assert answers.is_closing()


async def test_aborting_loses_what_is_held() -> None:
    connection = _Connection()
    answers = OneWrite(connection)

    answers.write(b"nobody wants this any more")
    answers.abort()
    await asyncio.sleep(0)

    assert connection.written == []
