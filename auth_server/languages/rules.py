"""Which language somebody gets: what was asked for, then the person's own setting, then what the browser says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from auth_server.languages.catalogue import DEFAULT, LANGUAGES

_MOST_RANGES: Final = 20
_RANGE: Final = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")


def choose_language(*, ui_locales: str | None, chosen: str | None, setting: str | None, accept_language: str | None) -> str:
    """Return the tag of the language to answer in.

    Args:
        ui_locales: the parameter of an authorization request, best first (OpenID Connect Core section 3.1.2.1).
        chosen: what was picked on a page of ours.
        setting: what the account says.
        accept_language: the header (RFC 9110 section 12.5.4).
    """
    asked = (ui_locales or "").split()[:_MOST_RANGES]
    wanted = (*asked, chosen or "", setting or "", *_by_weight(accept_language or ""))
    return first_offered(wanted) or DEFAULT


def first_offered(tags: Iterable[str]) -> str | None:
    """Return the first language that we have, looking at primary subtags (RFC 4647 section 3.4); None when there is none."""
    for tag in tags:
        primary = tag.partition("-")[0].lower()
        # "iw" is what Hebrew was called until 1989; some software still says it.
        primary = "he" if primary == "iw" else primary
        if primary in LANGUAGES:
            return primary
    return None


def _by_weight(header: str) -> list[str]:
    found = []
    for position, part in enumerate(header.split(",")[:_MOST_RANGES]):
        match = _RANGE.fullmatch(part)
        if match and match[1] != "*" and float(match[2] or 1) > 0:
            found.append((-float(match[2] or 1), position, match[1]))
    return [tag for _, _, tag in sorted(found)]
