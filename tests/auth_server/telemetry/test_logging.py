"""Log records become lines that name what happened and hold no text of an exception."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from auth_server.telemetry import logging as telemetry


def _line(level: int, message: str, error: BaseException | None = None, **fields: object) -> dict[str, Any]:
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord("auth_server.test", level, __file__, 1, message, None, exc_info)
    record.fields = fields
    line: dict[str, Any] = json.loads(telemetry.JsonFormatter().format(record))
    return line


def _raised() -> BaseException:
    try:
        raise ValueError("canary: what a stranger sent")
    except ValueError as error:
        return error


def test_fields_stand_beside_the_event() -> None:
    line = _line(logging.INFO, "request", status=200, refresh_token="rt1_x")

    assert (line["event"], line["level"], line["logger"], line["status"]) == ("request", "info", "auth_server.test", 200)
    assert line["refresh_token"] == "***"


def test_an_exception_is_told_by_kind_and_place_and_not_by_its_text() -> None:
    line = _line(logging.ERROR, "unexpected", _raised())

    assert line["exception"] == "ValueError"
    assert line["where"][-1].startswith("test_logging.py:")
    assert "canary" not in json.dumps(line)


def test_a_line_bears_the_request_it_belongs_to() -> None:
    mark = telemetry.REQUEST_ID.set("request-1")
    try:
        assert _line(logging.INFO, "x")["request_id"] == "request-1"
    finally:
        telemetry.REQUEST_ID.reset(mark)
    assert "request_id" not in _line(logging.INFO, "x")


def test_everything_goes_to_standard_output_in_one_form(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        telemetry.configure("warning")

        logging.getLogger("somebody").warning("happened")
        logging.getLogger("uvicorn.error").warning("happened")
        logging.getLogger("somebody").info("not told")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["logger"], line["event"]) for line in lines] == [("somebody", "happened"), ("uvicorn.error", "happened")]
