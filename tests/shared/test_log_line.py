"""A log line is one JSON object on one line, whatever was logged; no control character and no secret survives in it."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import log_line

SECRET_NAMES = ["password", "client_secret", "refresh_token", "Authorization", "set-cookie", "code_verifier", "client_assertion"]
# Every character that could move a cursor, turn a line or hide in it stands in here often.
TEXTS = st.text(st.characters() | st.sampled_from("\n\r\t\x00\x1b\x7f\x85\u2028\u2029\u202e\u2066\ufeff\ud800"), max_size=300)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3) | st.tuples(inner),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.sampled_from(["ip", "path", "detail", "outcome", "status"]), VALUES, max_size=4)


def _line(fields: dict[str, Any], event: str = "request") -> str:
    return log_line.format_line(1_800_000_000.25, "info", event, fields)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


@given(FIELDS, TEXTS)
def test_whatever_is_logged_the_line_is_one_json_object(fields: dict[str, Any], event: str) -> None:
    line = _line(fields, event)

    parsed = json.loads(line, parse_constant=_no_constant)
    assert parsed.keys() == {"ts", "level", "event", *(name for name, value in fields.items() if value is not None)}


@given(FIELDS, TEXTS)
def test_no_control_character_survives(fields: dict[str, Any], event: str) -> None:
    line = _line(fields, event)

    assert line.encode("utf-8").decode("utf-8") == line
    assert not {unicodedata.category(c) for c in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not {unicodedata.category(c) for c in _texts(json.loads(line))} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.sampled_from(SECRET_NAMES), VALUES.filter(lambda value: value is not None), st.booleans())
def test_a_member_whose_name_speaks_of_a_secret_is_masked_at_any_depth(name: str, value: object, nested: bool) -> None:
    line = json.loads(_line({"detail": {"inner": [{name: value}]}} if nested else {name: value}))

    assert (line["detail"]["inner"][0] if nested else line)[name] == log_line.MASK


@pytest.mark.parametrize("name", ["token_type", "status", "ip", "kid", "path"])
def test_other_members_are_not(name: str) -> None:
    assert json.loads(_line({name: "value"}))[name] == "value"


def test_long_values_are_cut() -> None:
    shown = json.loads(_line({"path": "/" + "a" * 10_000}))["path"]

    assert len(shown) == log_line.MAX_VALUE_CHARACTERS + 1
    assert shown.endswith("…")


def test_a_line_cannot_be_forged() -> None:
    line = _line({"path": '"}\n{"event":"login.succeeded","sub":"admin'})

    assert "\n" not in line
    assert json.loads(line)["event"] == "request"


def test_the_time_is_rfc_3339_in_utc_with_milliseconds() -> None:
    assert json.loads(_line({}))["ts"] == "2027-01-15T08:00:00.250Z"


def test_no_member_takes_the_place_of_what_every_line_begins_with() -> None:
    line = json.loads(_line({"ts": "yesterday", "level": "none", "event": "nothing", "path": "/token"}))

    assert (line["level"], line["event"]) == ("info", "request")
    assert line["ts"].startswith("2027-")
    assert (line["field_ts"], line["field_level"], line["field_event"]) == ("yesterday", "none", "nothing")
    assert line["path"] == "/token"


def _texts(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(_texts(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return "".join(_texts(part) for part in value)
    return str(value)
