"""The sealed successor opens with the token it replaced, and with nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.tokens import successor
from tests.support.builders import FAMILY_ID, a_token

OLD, NEW = a_token(3).text, a_token(4).text


def _sealed() -> bytes:
    return successor.seal(NEW, under=OLD, family_id=FAMILY_ID, seq=4)


def test_the_replaced_token_opens_it() -> None:
    assert successor.unseal(_sealed(), under=OLD, family_id=FAMILY_ID, seq=4) == NEW


@pytest.mark.parametrize(
    "under, family_id, seq",
    [(NEW, FAMILY_ID, 4), (a_token(3, secret=1).text, FAMILY_ID, 4), (OLD, bytes(16), 4), (OLD, FAMILY_ID, 3)],
    ids=["itself", "another token", "another family", "another generation"],
)
def test_nothing_else_opens_it(under: str, family_id: bytes, seq: int) -> None:
    with pytest.raises(ValueError, match="does not open"):
        successor.unseal(_sealed(), under=under, family_id=family_id, seq=seq)


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    blob = bytearray(_sealed())
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(ValueError, match="does not open"):
        successor.unseal(bytes(blob), under=OLD, family_id=FAMILY_ID, seq=4)


@pytest.mark.parametrize("length", [0, 1, 12, 27])
def test_a_blob_cut_short_is_noticed(length: int) -> None:
    with pytest.raises(ValueError, match=r"does not open|Nonce"):
        successor.unseal(_sealed()[:length], under=OLD, family_id=FAMILY_ID, seq=4)


def test_neither_token_stands_in_it_and_no_two_are_alike() -> None:
    blob = _sealed()

    assert OLD.encode() not in blob
    assert NEW.encode() not in blob
    assert blob != _sealed()
