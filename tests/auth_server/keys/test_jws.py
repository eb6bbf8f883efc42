"""Compact JWS (RFC 7515 section 7.1)."""

from __future__ import annotations

import json

import pytest

from auth_server.keys import jws
from shared import base64url


def test_three_canonical_segments_make_a_token() -> None:
    header = jws.header_segment(alg="RS256", typ="at+jwt", kid="k1")

    token = jws.compact(jws.signing_input(header, {"sub": "ü", "exp": 1}), b"\x00\xff")

    first, second, third = (base64url.decode(part.encode()) for part in token.split("."))
    assert json.loads(first) == {"alg": "RS256", "typ": "at+jwt", "kid": "k1"}
    assert second == b'{"sub":"\\u00fc","exp":1}'
    assert third == b"\x00\xff"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_no_json_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        jws.signing_input(b"e30.", {"exp": value})


def test_values_that_are_no_json_are_refused() -> None:
    with pytest.raises(TypeError):
        jws.signing_input(b"e30.", {"sub": b"bytes"})
