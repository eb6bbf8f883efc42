"""Message catalogues: one JSON file for each language, from stable id to text with `{names}` to fill in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
DEFAULT: Final = "en"
# In the order in which a page offers them, each by its own name.
LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "de": "Deutsch", "he": "עברית"}
_RIGHT_TO_LEFT: Final = frozenset({"he"})
_UNITS: Final = (("days", 86_400), ("hours", 3_600), ("minutes", 60))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every message in one language. `language` is its BCP 47 tag."""

    language: str
    messages: Mapping[str, str] = field(repr=False)

    @property
    def direction(self) -> str:
        """How the language is written: `ltr` or `rtl`, as the attribute `dir` spells it."""
        return "rtl" if self.language in _RIGHT_TO_LEFT else "ltr"

    def text(self, message_id: str, /, **values: object) -> str:
        """Return a message with its names filled in.

        Raises:
            KeyError: there is no such message, or a name has no value.
        """
        message = self.messages[message_id]
        return message.format(**values) if values else message

    def count(self, message_id: str, number: int, /) -> str:
        """Return a message about a number of things, in the form that the language has for it."""
        form = "one" if number == 1 else "other"
        return self.text(f"{message_id}.{form}", n=number)

    def duration(self, seconds: float) -> str:
        """Say how long, exactly, in the largest unit that needs no fraction from two of it on; fractions of a second round up."""
        whole = -int(-seconds // 1)
        for unit, size in _UNITS:
            if whole >= size and whole % size == 0 and (whole >= 2 * size or unit != "minutes"):
                return self.count(f"duration.{unit}", whole // size)
        return self.count("duration.seconds", whole)

    def ago(self, seconds: float) -> str:
        """Say how long ago something was, in one unit, rounded down."""
        for unit, size in _UNITS:
            if seconds >= size:
                return self.count(f"ago.{unit}", int(seconds // size))
        return self.text("ago.now")

    def moment(self, milliseconds: int) -> str:
        """Return a time (milliseconds since the epoch) as a date and a time of day, in UTC: a page does not know where its reader is."""
        at = datetime.fromtimestamp(milliseconds / 1000, UTC)
        return self.text("moment", day=at.day, month=self.text(f"month.{at.month}"), year=at.year, time=f"{at:%H:%M}")


@cache
def catalogue(language: str) -> Catalogue:
    """Return the catalogue of one of `LANGUAGES`; read on first use.

    Raises:
        KeyError: there is no such language.
    """
    if language not in LANGUAGES:
        raise KeyError(language)
    messages: dict[str, str] = json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return Catalogue(language, messages)
