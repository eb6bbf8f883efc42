"""base64url has one spelling for each value, and nothing else is read."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import base64url

# Ours for the length and the unused bits, the standard library's for the rest.
REFUSED = "base64"
ALPHABET = (string.ascii_letters + string.digits + "-_").encode()


@given(st.binary(max_size=200))
def test_what_is_encoded_is_decoded_again(raw: bytes) -> None:
    assert base64url.decode(base64url.encode(raw).encode()) == raw


@given(st.binary(max_size=200))
def test_the_spelling_is_the_standard_one_without_padding(raw: bytes) -> None:
    assert base64url.encode(raw) == base64.urlsafe_b64encode(raw).decode().rstrip("=")


@given(st.one_of(st.binary(max_size=40), st.lists(st.sampled_from(ALPHABET), max_size=40).map(bytes)))
def test_whatever_is_read_is_the_canonical_spelling_of_its_value(text: bytes) -> None:
    try:
        raw = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(raw).encode() == text


@given(st.binary(min_size=1, max_size=60), st.data())
def test_no_other_byte_may_stand_anywhere(raw: bytes, data: st.DataObject) -> None:
    text = base64url.encode(raw).encode()
    at = data.draw(st.integers(0, len(text)))
    foreign = data.draw(st.sampled_from(sorted(set(range(256)) - set(ALPHABET))))

    for spoiled in (text[:at] + bytes([foreign]) + text[at:], text[:at] + bytes([foreign]) + text[at + 1 :]):
        with pytest.raises(ValueError, match=REFUSED):
            base64url.decode(spoiled)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"A", id="impossible length"),
        pytest.param(b"AB", id="unused bits after one byte"),
        pytest.param(b"AAB", id="unused bits after two bytes"),
        pytest.param(b"AA==", id="padding"),
        pytest.param(b"AA=", id="half a padding"),
        pytest.param(b"+/AA", id="the classic alphabet"),
        pytest.param(b"AA AA", id="a space"),
        pytest.param(b"AAAA\n", id="a line feed at the end"),
        pytest.param("ÄÄÄÄ".encode(), id="not ASCII"),
    ],
)
def test_every_other_spelling_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        base64url.decode(text)


def test_nothing_is_spelt_by_nothing() -> None:
    assert base64url.decode(b"") == b""
    assert base64url.encode(b"") == ""
