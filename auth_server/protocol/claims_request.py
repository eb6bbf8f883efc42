"""The `claims` parameter: single claims that a client asks for (OpenID Connect Core section 5.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MAX_CHARACTERS: Final = 4096
_MOST_CLAIMS: Final = 64


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """What was asked for in the ID token and at userinfo, by claim name; `text` is the parameter as it is kept."""

    id_token: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    userinfo: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    text: str | None = None

    @property
    def essential_acr(self) -> frozenset[str]:
        """Return the authentication contexts of which one must be reached, or the request fails (section 5.5.1.1)."""
        asked = self.id_token.get("acr", {})
        if asked.get("essential") is not True:
            return frozenset()
        values = asked.get("values", [])
        texts = [asked.get("value"), *(values if isinstance(values, list) else [])]
        return frozenset(text for text in texts if isinstance(text, str))

    @property
    def subject(self) -> str | None:
        """Return the subject that must be the one signed in (section 5.5.1)."""
        for member in (self.id_token, self.userinfo):
            value = member.get("sub", {}).get("value")
            if isinstance(value, str):
                return value
        return None


NOTHING: Final = ClaimsRequest()


def parse(text: str | None) -> ClaimsRequest:
    """Read the parameter.

    Raises:
        ValueError: not a JSON object of the form that section 5.5 gives, or too large. Unknown members are ignored.
    """
    if text is None:
        return NOTHING
    if len(text) > MAX_CHARACTERS:
        raise ValueError("too long")
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return ClaimsRequest(_member(document.get("id_token")), _member(document.get("userinfo")), text)


def _member(value: object) -> dict[str, dict[str, Any]]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > _MOST_CLAIMS:
        raise ValueError("not an object of claims")
    if not all(asked is None or isinstance(asked, dict) for asked in value.values()):
        raise ValueError("a claim is asked for by null or an object")
    return {name: asked or {} for name, asked in value.items()}
