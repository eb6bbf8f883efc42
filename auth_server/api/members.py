"""Members of a JSON body: there, and of the right type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auth_server.protocol.errors import ApiError


def text_member(body: Mapping[str, Any], name: str) -> str:
    """Return a required text.

    Raises:
        ApiError: 400 `invalid_request`; it is missing, empty or no text.
    """
    value = optional_text_member(body, name)
    if value is None:
        raise ApiError(400, "invalid_request", f"{name} is missing")
    return value


def optional_text_member(body: Mapping[str, Any], name: str) -> str | None:
    """Return a text, or None when it is absent, null or empty.

    Raises:
        ApiError: 400 `invalid_request`; it is no text, or holds half a surrogate pair.
    """
    value = body.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or any("\ud800" <= c <= "\udfff" for c in value):
        raise ApiError(400, "invalid_request", f"{name} must be a text")
    return value
