"""The scope string and the set it spells."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import scope

# RFC 6749 section 3.3: NQCHAR.
CHARACTERS = "".join(c for c in string.printable if c not in '"\\' and 0x21 <= ord(c) <= 0x7E)
TOKENS = st.text(CHARACTERS, min_size=1, max_size=12)


@given(st.frozensets(TOKENS, max_size=8))
def test_what_is_formatted_is_parsed_again(scopes: frozenset[str]) -> None:
    assert scope.parse(scope.format(scopes)) == scopes


@given(st.lists(TOKENS, max_size=8))
def test_equal_sets_have_one_spelling(scopes: list[str]) -> None:
    assert scope.format(frozenset(scopes)) == scope.format(frozenset(reversed(scopes)))


@given(st.text(max_size=30))
def test_whatever_is_parsed_holds_well_formed_tokens_alone(text: str) -> None:
    try:
        scopes = scope.parse(text)
    except ValueError:
        return
    assert all(scope.is_scope_token(token) for token in scopes)
    assert set(text) <= set(CHARACTERS + " ")


@pytest.mark.parametrize("text", [" ", "a ", " a", "a  b", "a\tb", "a\nb", 'a"b', "a\\b", "a\x00", "ä", "a\u00a0b"])
def test_other_separators_and_characters_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="malformed scope"):
        scope.parse(text)


def test_a_repeated_scope_counts_once() -> None:
    assert scope.parse("a b a") == {"a", "b"}


def test_the_empty_string_is_the_empty_set() -> None:
    assert scope.parse("") == frozenset()
    assert not scope.is_scope_token("")
