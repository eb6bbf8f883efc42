"""Request parameters: each at most once, nothing odd in them, and never anything but a form or a refusal."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.protocol.errors import InvalidRequest, InvalidScope
from auth_server.protocol.form import MAX_PARAMETERS, Form

PRINTABLE = st.text(st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"]), max_size=20)


@given(st.binary(max_size=200) | st.text("a=&+%;0f\x00\n", max_size=60).map(str.encode))
def test_any_bytes_are_a_form_or_an_invalid_request(body: bytes) -> None:
    try:
        form = Form.parse(body)
    except InvalidRequest:
        return
    assert all(isinstance(form.optional(name), str | None) for name in ("a", "grant_type"))


@given(st.dictionaries(PRINTABLE, PRINTABLE, max_size=8))
def test_what_was_encoded_is_read_again(parameters: dict[str, str]) -> None:
    form = Form.parse(urlencode(parameters).encode())

    for name, value in parameters.items():
        assert form.optional(name) == (value or None)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"a=1&a=2", id="repeated"),
        pytest.param(b"a=1&a=1", id="repeated alike"),
        pytest.param(b"a=1&a=", id="repeated without a value"),
        pytest.param(b"a=1&%61=2", id="repeated in another spelling"),
        pytest.param(b"a=%00", id="NUL"),
        pytest.param(b"a=x%0d%0ay", id="line feed"),
        pytest.param(b"a=%7f", id="DEL"),
        pytest.param(b"a=%ff", id="escaped, not UTF-8"),
        pytest.param(b"a=\xff", id="not UTF-8"),
        pytest.param(b"a=%ed%a0%80", id="half a surrogate pair"),
        pytest.param("&".join(f"p{i}=1" for i in range(MAX_PARAMETERS + 1)).encode(), id="too many"),
    ],
)
def test_a_malformed_body_is_refused_whole(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        Form.parse(b"good=1&" + body)


def test_a_parameter_without_a_value_counts_as_left_out() -> None:
    """RFC 6749 section 3.2."""
    form = Form.parse(b"scope=&a")

    assert form.optional("scope") is None
    assert form.scope() is None
    with pytest.raises(InvalidRequest):
        form.required("a")


def test_as_many_parameters_as_are_allowed_are_read() -> None:
    form = Form.parse("&".join(f"p{i}={i}" for i in range(MAX_PARAMETERS)).encode())

    assert form.required(f"p{MAX_PARAMETERS - 1}") == str(MAX_PARAMETERS - 1)


@pytest.mark.parametrize("scope", ["a  b", " a", 'a"b', "a\\b", "ä"])
def test_a_malformed_scope_is_an_invalid_scope(scope: str) -> None:
    with pytest.raises(InvalidScope):
        Form({"scope": scope}).scope()
