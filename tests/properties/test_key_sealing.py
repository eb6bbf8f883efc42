"""Laws of sealing: nothing opens but what was sealed, where it was sealed."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auth_server.keys.sealing import CannotUnseal, KeyEncryptionKeys, SealedValue, signing_key_context

KEYS = st.binary(min_size=32, max_size=32)
WORDS = st.text(max_size=20)
MEMBERS = ("issuer", "ring", "kid", "alg")
PLACES = st.fixed_dictionaries(dict.fromkeys(MEMBERS, WORDS))


@given(KEYS, st.binary(max_size=3000), PLACES)
def test_what_was_sealed_opens(kek: bytes, plaintext: bytes, place: dict[str, str]) -> None:
    keks = KeyEncryptionKeys([kek])

    assert keks.open(keks.seal(plaintext, signing_key_context(**place)), signing_key_context(**place)) == plaintext


@given(KEYS, st.binary(max_size=50), PLACES, st.data())
def test_any_changed_bit_refuses(kek: bytes, plaintext: bytes, place: dict[str, str], data: st.DataObject) -> None:
    keks, context = KeyEncryptionKeys([kek]), signing_key_context(**place)
    sealed = keks.seal(plaintext, context)
    bit = data.draw(st.integers(0, 8 * len(sealed.blob) - 1))
    changed = bytearray(sealed.blob)
    changed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(CannotUnseal):
        keks.open(SealedValue(bytes(changed), sealed.kek_id), context)


@given(KEYS, st.binary(max_size=50), PLACES, st.sampled_from(MEMBERS), WORDS)
def test_any_changed_member_of_the_place_refuses(
    kek: bytes, plaintext: bytes, place: dict[str, str], member: str, word: str
) -> None:
    assume(place[member] != word)
    keks = KeyEncryptionKeys([kek])
    sealed = keks.seal(plaintext, signing_key_context(**place))

    with pytest.raises(CannotUnseal):
        keks.open(sealed, signing_key_context(**(place | {member: word})))


@given(KEYS, st.lists(WORDS, max_size=5), st.lists(WORDS, max_size=5))
def test_two_places_never_spell_alike(kek: bytes, first: list[str], second: list[str]) -> None:
    """Whatever separators the members hold."""
    assume(first != second)
    keks = KeyEncryptionKeys([kek])

    with pytest.raises(CannotUnseal):
        keks.open(keks.seal(b"secret", first), second)


@given(KEYS, st.binary(max_size=300), PLACES)
def test_no_bytes_make_it_fail_in_another_way(kek: bytes, blob: bytes, place: dict[str, str]) -> None:
    keks = KeyEncryptionKeys([kek])

    with pytest.raises(CannotUnseal):
        keks.open(SealedValue(blob, keks.sealing_id), signing_key_context(**place))


@given(KEYS, KEYS, st.binary(max_size=50), PLACES)
def test_another_key_does_not_open(kek: bytes, other: bytes, plaintext: bytes, place: dict[str, str]) -> None:
    assume(kek != other)
    context = signing_key_context(**place)

    with pytest.raises(CannotUnseal):
        KeyEncryptionKeys([other]).open(KeyEncryptionKeys([kek]).seal(plaintext, context), context)
