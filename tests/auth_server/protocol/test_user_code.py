"""User codes: what is made is read again however it is typed, and nothing else is."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.protocol import user_code

codes = st.text(alphabet=user_code.ALPHABET, min_size=8, max_size=8)


@given(st.integers())
def test_a_made_code_is_read_as_it_is_shown(seed: int) -> None:
    code = user_code.make(random.Random(seed).randrange)

    assert len(code) == 8
    assert user_code.normalise(user_code.shown(code)) == code


@given(codes, st.lists(st.sampled_from([" ", "-", "–", "_", "."]), max_size=6), st.randoms())
def test_case_and_dashes_do_not_matter(code: str, dashes: list[str], shuffle: random.Random) -> None:
    typed = list(code.lower())
    for dash in dashes:
        typed.insert(shuffle.randrange(len(typed) + 1), dash)

    assert user_code.normalise("".join(typed)) == code


@given(st.text(max_size=50))
def test_whatever_is_typed_is_a_code_or_nothing(typed: str) -> None:
    code = user_code.normalise(typed)

    assert code is None or (len(code) == 8 and set(code) <= set(user_code.ALPHABET))


@pytest.mark.parametrize("typed", ["", "BCDF", "BCDF-GHJKL", "BCDF-GHJA", "BCDF-GHJ0", "ＢCDF-GHJK", "BCDFGHJK" + " " * 100])
def test_other_letters_and_lengths_are_no_code(typed: str) -> None:
    assert user_code.normalise(typed) is None


def test_the_alphabet_spells_no_word_and_no_look_alike() -> None:
    assert len(user_code.ALPHABET) == len(set(user_code.ALPHABET)) == 20
    assert not set("AEIOUY0123456789") & set(user_code.ALPHABET)
