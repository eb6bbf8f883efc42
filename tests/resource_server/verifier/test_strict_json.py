"""JSON with one meaning."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_server.verifier.strict_json import MAX_DEPTH, FrozenObject, parse_object, parse_object_with_space


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'"x"',
        b"1",
        b"null",
        b"{",
        b"{}{}",
        b"{} ",
        b" {}",
        b'{"a":1,"a":2}',
        b'{"b":{"a":1,"a":2}}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":[-1e400]}',
        b'{"a":9007199254740992}',
        b'{"a":[9007199254740992]}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":["\\ud800"]}',
        b'{"a":"\\u0000"}',
        b'{"a":"\x00"}',
        b'{"a":"\n"}',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'{"a":' * 100_000,
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":01}',
        b"\x00",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):  # any ValueError is the contract
        parse_object(raw)


def test_values_come_back_as_they_are() -> None:
    text = '{"s":"é\\u00e9\\ud83d\\ude00","i":-1,"f":1.5,"t":true,"n":null,"l":["a",{"b":[1]}],"o":{}}'

    assert json.dumps(parse_object(text.encode())) == json.dumps(json.loads(text))


def test_depth_is_bounded_exactly() -> None:
    def nested(depth: int) -> bytes:
        return b'{"a":' * depth + b"1" + b"}" * depth

    assert parse_object(nested(MAX_DEPTH))
    with pytest.raises(ValueError, match="deep"):
        parse_object(nested(MAX_DEPTH + 1))
    with pytest.raises(ValueError, match="deep"):
        parse_object(b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}")


@pytest.mark.parametrize(
    "change",
    [
        lambda o: o.__setitem__("a", 1),
        lambda o: o.__delitem__("a"),
        lambda o: o.update(a=1),
        lambda o: o.pop("a"),
        lambda o: o.popitem(),
        lambda o: o.setdefault("z", 1),
        lambda o: o.clear(),
        lambda o: o.__ior__({"z": 1}),
        lambda o: o["o"].__setitem__("a", 1),
        lambda o: o["l"][0].__setitem__("a", 1),
    ],
)
def test_an_object_is_frozen_to_its_depth(change) -> None:
    parsed = parse_object(b'{"a":1,"o":{"a":1},"l":[{"a":1}]}')

    with pytest.raises(TypeError):
        change(parsed)


def test_a_copy_can_be_changed_and_a_clone_is_equal() -> None:
    parsed = parse_object(b'{"a":{"b":["c"]}}')

    mine = parsed.copy()
    mine["z"] = 1

    assert "z" not in parsed
    assert copy.deepcopy(parsed) == parsed
    assert isinstance(pickle.loads(pickle.dumps(parsed)), FrozenObject)


def test_a_document_may_have_white_space_around() -> None:
    assert parse_object_with_space(b' \r\n{"a":1}\t\n') == {"a": 1}


# What an object is made of, as text and as value: with marks, colons and names that may meet, and with and without escapes.
_TEXTS = st.text(alphabet='ab":,{}[]é\\', max_size=3)
_VALUES = st.recursive(
    _TEXTS | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.none() | st.lists(_TEXTS, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=5,
)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _frozen(member) for name, member in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


@given(st.lists(st.tuples(_TEXTS, _VALUES), max_size=6), st.sampled_from(["", " ", "\n\t"]))
def test_a_member_named_twice_is_found_wherever_the_marks_and_colons_are(pairs: list[tuple[str, Any]], space: str) -> None:
    members = (f"{json.dumps(name)}{space}:{space}{json.dumps(value)}" for name, value in pairs)
    raw = ("{" + f"{space},{space}".join(members) + "}").encode()

    if len(dict(pairs)) < len(pairs):
        with pytest.raises(ValueError, match="named twice"):
            parse_object(raw)
    else:
        assert parse_object(raw) == _frozen(dict(pairs))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a" :2}',
        b'{"a":"","a":""}',
        b'{"":"","":""}',
        b'{"a":["x"],"a":[]}',
        b'{"a":[],"a":["x"],"b":["y","z"]}',
        b'{"a":1,"a":true,"b":null}',
        b'{"a":{},"a":1}',
    ],
)
def test_a_member_named_twice_is_not_made_up_for_by_another_string(raw: bytes) -> None:
    with pytest.raises(ValueError, match="named twice"):
        parse_object(raw)
