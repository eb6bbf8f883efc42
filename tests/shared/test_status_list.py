"""Token status lists: the draft's own vectors, laws, and what is refused."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import base64url
from shared.status_list import decode, encode, is_set

# draft-ietf-oauth-status-list-21 section 4.1 (sixteen tokens), and its test vector of 2^20 tokens.
_SIXTEEN = (0, 3, 4, 5, 7, 8, 9, 13, 15)
_MILLION = (0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345)
_MILLION_LST = (
    "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAA"
    "AACAZC8L2AEb"
)
_SIZES = st.integers(1, 4_000)


def test_the_short_vector_of_the_draft() -> None:
    assert decode("eNrbuRgAAhcBXQ") == bytes([0xB9, 0xA3])
    assert encode(_SIXTEEN, 16) == "eNrbuRgAAhcBXQ"


def test_the_long_vector_of_the_draft() -> None:
    octets = decode(_MILLION_LST)

    assert len(octets) * 8 == 2**20
    assert octets == decode(encode(_MILLION, 2**20))
    assert [index for index in range(2**20) if is_set(octets, index)] == list(_MILLION)


@given(_SIZES.flatmap(lambda size: st.tuples(st.just(size), st.sets(st.integers(0, size - 1)))))
def test_what_is_encoded_is_read_back_and_nothing_else(case: tuple[int, set[int]]) -> None:
    size, revoked = case

    octets = decode(encode(revoked, size))

    assert {index for index in range(size) if is_set(octets, index)} == revoked
    assert len(octets) == (size + 7) // 8


@pytest.mark.parametrize("index", [-1, 16, 10**9])
def test_an_index_outside_the_list_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        encode([index], 16)
    with pytest.raises(ValueError, match="outside"):
        is_set(b"\x00\x00", index)


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(octets: bytes) -> None:
    try:
        assert isinstance(decode(base64url.encode(octets)), bytes)
    except ValueError:
        pass


@given(st.text(max_size=50))
def test_whatever_text_comes_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(decode(text), bytes)
    except ValueError:
        pass


@given(st.binary(min_size=1, max_size=2_000), st.data())
def test_a_list_that_is_cut_short_or_longer_is_refused(octets: bytes, data: st.DataObject) -> None:
    packed = zlib.compress(octets)
    cut = data.draw(st.integers(0, len(packed) - 1))

    for spoilt in (packed[:cut], packed + b"x"):
        with pytest.raises(ValueError):
            decode(base64url.encode(spoilt))


def test_a_list_of_exactly_the_bound_is_read_and_one_octet_more_is_not() -> None:
    def lst(size: int) -> str:
        return base64url.encode(zlib.compress(bytes(size)))

    assert len(decode(lst(1_000), most=1_000)) == 1_000
    with pytest.raises(ValueError, match="too large"):
        decode(lst(1_001), most=1_000)


def test_a_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    """256 MiB in 256 KiB: what comes out of zlib stays within the bound."""
    packer = zlib.compressobj(9)
    bomb = base64url.encode(b"".join(packer.compress(bytes(2**20)) for _ in range(256)) + packer.flush())
    inflated: list[int] = []
    real = zlib.decompressobj

    class Counted:
        def __init__(self) -> None:
            self._inner = real()

        def decompress(self, data: bytes, most: int) -> bytes:
            octets = self._inner.decompress(data, most)
            inflated.append(len(octets))
            return octets

    monkeypatch.setattr(zlib, "decompressobj", Counted)

    with pytest.raises(ValueError, match="too large"):
        decode(bomb, most=1_000_000)
    assert inflated == [1_000_001]
