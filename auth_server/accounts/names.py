"""User names and mail addresses: what is acceptable, and the folded form in which two are the same.

A user name never holds an `@` and an address always does, so nobody can take a name that another person signs in with as an address.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

MAX_USERNAME: Final = 64
MAX_EMAIL: Final = 254
_MAX_LOCAL_PART: Final = 64
_WORD_CATEGORIES: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Mn", "Mc"})
_MARKS: Final = frozenset({"Mn", "Mc"})
_PUNCTUATION: Final = frozenset("._-")
_REFUSED_IN_EMAIL: Final = frozenset('<>()[],;:\\"')
# Scripts that are written together (UTS 39 section 5.2, "highly restrictive"); any other mixture is how look-alikes are made.
_EAST_ASIAN: Final = frozenset({"LATIN", "CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "HANGUL"})


@dataclass(frozen=True, slots=True)
class Name:
    """A user name or an address: as it is shown (or written to), and the key it is compared by."""

    shown: str
    key: str


def fold(text: str) -> str:
    """Return the form in which names are compared: NFKC, case-folded, NFKC again (case folding can undo the first)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def parse_username(text: str) -> Name:
    """Read a user name that somebody wants: 1 to 64 letters, digits, `.`, `_` and `-`, a letter or digit first, of one script.

    Raises:
        ValueError: not acceptable; the sentence may be shown.
    """
    if not text.isprintable() or len(text) > 4 * MAX_USERNAME:
        raise ValueError(f"has 1 to {MAX_USERNAME} letters, digits, dots, hyphens and underscores")
    shown = unicodedata.normalize("NFKC", text)
    key = fold(shown)
    if not 1 <= len(shown) <= MAX_USERNAME or not all(map(_is_word_character, shown + key)):
        raise ValueError(f"has 1 to {MAX_USERNAME} letters, digits, dots, hyphens and underscores")
    if shown[0] in _PUNCTUATION or unicodedata.category(shown[0]) in _MARKS:
        raise ValueError("begins with a letter or a digit")
    if _mixes_scripts(shown):
        raise ValueError("does not mix letters of different scripts")
    return Name(shown, key)


def parse_email(text: str) -> Name:
    """Read a mail address: one `@` with something on both sides, no space, at most 254 characters (RFC 5321 section 4.5.3.1.3).

    Whether it exists only a mail can tell. The address is kept as it was written; mail never goes to the folded form.

    Raises:
        ValueError: not acceptable; the sentence may be shown.
    """
    local, at, domain = text.partition("@")
    if len(text) > MAX_EMAIL or not 1 <= len(local) <= _MAX_LOCAL_PART or not at or not all(domain.split(".")):
        raise ValueError("is not a mail address")
    key = fold(text)
    if key.count("@") != 1 or not all(map(_may_stand_in_email, text + key)):
        raise ValueError("is not a mail address")
    return Name(text, key)


def key_at_sign_in(text: str) -> str | None:
    """Return the key to look up for what was typed as a name; None when no account can have such a name."""
    text = text.strip()
    if not text or len(text) > MAX_EMAIL or not text.isprintable():
        return None
    return fold(text)


def _is_word_character(character: str) -> bool:
    return character in _PUNCTUATION or unicodedata.category(character) in _WORD_CATEGORIES


def _may_stand_in_email(character: str) -> bool:
    return unicodedata.category(character)[0] not in "CZ" and character not in _REFUSED_IN_EMAIL


def _mixes_scripts(text: str) -> bool:
    """Say whether letters come from scripts that are not written together. A character's formal name begins with its script."""
    letters = [character for character in text if unicodedata.category(character)[0] == "L"]
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    return len(scripts) > 1 and not scripts <= _EAST_ASIAN
