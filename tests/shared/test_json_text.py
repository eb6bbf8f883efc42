"""The encoder that is made once writes what the standard library's writes, and refuses what is no JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import json_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES)
def test_it_writes_what_the_standard_library_writes(value: object) -> None:
    assert json_text.to_ascii(value) == json.dumps(value, separators=(",", ":"))
    assert json_text.to_text(value) == json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        json_text.to_ascii(value)


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, {(1,): 2}])
def test_what_has_no_json_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        json_text.to_ascii(value)
