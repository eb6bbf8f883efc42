"""Lines of requests share a write, stand in their order, and wait for no longer than the handler holds them."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from auth_server.telemetry.logging import JsonFormatter, LineHandler, tell_request


class _Counting(io.StringIO):
    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


class _Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.fixture
def stream() -> _Counting:
    return _Counting()


@pytest.fixture
def handler(stream: _Counting) -> Iterator[LineHandler]:
    with _added(stream) as made:
        yield made


@contextmanager
def _added(stream: io.StringIO, formatter: logging.Formatter | None = None) -> Iterator[LineHandler]:
    made = LineHandler(stream, held_seconds=0)
    made.setFormatter(formatter or JsonFormatter())
    logger = logging.getLogger("auth_server")
    logger.addHandler(made)
    logger.setLevel(logging.INFO)
    try:
        yield made
    finally:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(made)


@pytest.mark.usefixtures("handler")
async def test_requests_that_come_together_share_a_write(stream: _Counting) -> None:
    for number in range(3):
        tell_request({"number": number})
    before = stream.getvalue()
    await asyncio.sleep(0.001)

    assert before == ""
    assert [json.loads(line)["number"] for line in stream.getvalue().splitlines()] == [0, 1, 2]
    assert stream.writes == 1


@pytest.mark.usefixtures("handler")
async def test_any_other_line_is_written_at_once_and_in_its_order(stream: _Counting) -> None:
    tell_request({"path": "/token"})
    logging.getLogger("auth_server").error("unavailable")

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["request", "unavailable"]


async def test_the_end_of_logging_writes_what_is_held(handler: LineHandler, stream: _Counting) -> None:
    """`logging.shutdown` flushes each handler when the interpreter ends."""
    tell_request({"path": "/token"})
    handler.flush()

    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.usefixtures("handler")
async def test_a_line_of_a_request_has_the_form_of_any_other(stream: _Counting) -> None:
    tell_request({"path": "/token", "client_secret": "canary"})
    await asyncio.sleep(0.001)
    line = json.loads(stream.getvalue())

    assert (line["level"], line["event"], line["logger"]) == ("info", "request", "auth_server.access")
    assert line["client_secret"] == "***"
    assert line["ts"].endswith("Z")


async def test_whoever_read_the_log_may_go_and_requests_go_on() -> None:
    with _added(_Gone()):
        tell_request({"path": "/token"})
        logging.getLogger("auth_server").error("unavailable")


async def test_other_formatters_find_what_they_ask_for() -> None:
    stream = io.StringIO()
    formatter = logging.Formatter("%(levelname)s %(name)s %(filename)s:%(lineno)d %(message)s %(asctime)s")
    with _added(stream, formatter) as handler:
        tell_request({})
        handler.flush()

    assert stream.getvalue().startswith("INFO auth_server.access logging.py:0 request ")
