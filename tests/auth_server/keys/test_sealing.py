"""Values at rest open at their own place, under their own key, unchanged; and nowhere else."""

from __future__ import annotations

import pytest

from auth_server.keys.sealing import (
    CannotUnseal,
    KeyEncryptionKeyMissing,
    KeyEncryptionKeys,
    SealBroken,
    SealedValue,
    generate_key_encryption_key,
    key_encryption_key_id,
    row_context,
    signing_key_context,
)
from auth_server.protocol.errors import KeyUnavailable
from shared import base64url
from tests.support.keys import KEK, OTHER_KEK

PLACE = signing_key_context(issuer="https://id.example", ring="default", kid="k1", alg="RS256")
ELSEWHERE = [
    signing_key_context(issuer="https://other.example", ring="default", kid="k1", alg="RS256"),
    signing_key_context(issuer="https://id.example", ring="second", kid="k1", alg="RS256"),
    signing_key_context(issuer="https://id.example", ring="default", kid="k2", alg="RS256"),
    signing_key_context(issuer="https://id.example", ring="default", kid="k1", alg="PS256"),
    # The same characters, cut elsewhere.
    signing_key_context(issuer="https://id.example|default", ring="k1", kid="RS256", alg=""),
    row_context(table="signing_key", column="private_ref", row="k1"),
]


def test_a_sealed_value_opens_at_its_place() -> None:
    keks = KeyEncryptionKeys([KEK])

    assert keks.open(keks.seal(b"secret", PLACE), PLACE) == b"secret"


@pytest.mark.parametrize("place", ELSEWHERE)
def test_a_value_that_was_copied_elsewhere_does_not_open(place: tuple[str, ...]) -> None:
    keks = KeyEncryptionKeys([KEK])
    sealed = keks.seal(b"secret", PLACE)

    with pytest.raises(SealBroken):
        keks.open(sealed, place)


def test_the_place_is_bound_to_the_value_and_not_only_to_its_data_key() -> None:
    """Both layers name the place: a body put behind another value's wrapped data key stays shut."""
    keks = KeyEncryptionKeys([KEK])
    here, there = keks.seal(b"here", PLACE), keks.seal(b"there", PLACE)
    spliced = here.blob[:61] + there.blob[61:]

    with pytest.raises(SealBroken):
        keks.open(SealedValue(spliced, here.kek_id), PLACE)


def test_two_seals_of_one_value_have_nothing_in_common() -> None:
    keks = KeyEncryptionKeys([KEK])

    first, second = keks.seal(b"secret", PLACE).blob, keks.seal(b"secret", PLACE).blob

    assert first[1:13] != second[1:13]
    assert first[61:73] != second[61:73]
    assert first[73:] != second[73:]


def test_every_key_opens_and_the_first_one_seals() -> None:
    old = KeyEncryptionKeys([OTHER_KEK]).seal(b"secret", PLACE)
    both = KeyEncryptionKeys([KEK, OTHER_KEK])

    assert both.open(old, PLACE) == b"secret"
    assert both.seal(b"new", PLACE).kek_id == key_encryption_key_id(KEK)


def test_a_missing_key_has_an_error_of_its_own() -> None:
    sealed = KeyEncryptionKeys([OTHER_KEK]).seal(b"secret", PLACE)

    with pytest.raises(KeyEncryptionKeyMissing):
        KeyEncryptionKeys([KEK]).open(sealed, PLACE)
    assert issubclass(KeyEncryptionKeyMissing, CannotUnseal)
    assert issubclass(CannotUnseal, KeyUnavailable)


def test_rewrapping_changes_the_wrap_alone() -> None:
    sealed = KeyEncryptionKeys([OTHER_KEK]).seal(b"secret", PLACE)

    moved = KeyEncryptionKeys([KEK, OTHER_KEK]).rewrap(sealed, PLACE)

    assert KeyEncryptionKeys([KEK]).open(moved, PLACE) == b"secret"
    assert moved.blob[61:] == sealed.blob[61:]
    with pytest.raises(KeyEncryptionKeyMissing):
        KeyEncryptionKeys([OTHER_KEK]).open(moved, PLACE)


def test_the_name_of_a_key_is_bound_into_the_wrap() -> None:
    """A row whose kek_id was exchanged does not open, whatever keys there are."""
    keks = KeyEncryptionKeys([KEK, OTHER_KEK])
    sealed = keks.seal(b"secret", PLACE)

    with pytest.raises(SealBroken):
        keks.open(SealedValue(sealed.blob, key_encryption_key_id(OTHER_KEK)), PLACE)


def test_keys_are_read_from_text() -> None:
    text = generate_key_encryption_key()

    keks = KeyEncryptionKeys.from_texts([text, base64url.encode(KEK)])

    assert keks.ids == (key_encryption_key_id(base64url.decode(text.encode())), key_encryption_key_id(KEK))


@pytest.mark.parametrize(
    "texts", [[], ["short"], ["!" * 43], [base64url.encode(bytes(31))], [base64url.encode(KEK) + "="], ["ü" * 43]]
)
def test_a_malformed_key_is_refused_and_not_repeated(texts: list[str]) -> None:
    with pytest.raises(ValueError, match=r"key encryption key|base64url") as refusal:
        KeyEncryptionKeys.from_texts(texts)

    assert not any(text in str(refusal.value) for text in texts)


def test_no_text_form_shows_a_key() -> None:
    keks = KeyEncryptionKeys([KEK])
    sealed = keks.seal(b"the secret value", PLACE)

    shown = repr(keks) + str(keks) + repr(sealed)

    assert base64url.encode(KEK) not in shown
    assert repr(KEK) not in shown
    assert "blob" not in shown
