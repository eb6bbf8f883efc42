"""The parameters of a request to an OAuth endpoint: form-encoded, each at most once."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from auth_server.protocol.errors import InvalidRequest, InvalidScope
from shared import scope

FORM_MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
MAX_PARAMETERS: Final = 64
_CONTROLS: Final = frozenset(map(chr, [*range(0x20), 0x7F]))


def _pairs(text: str) -> list[tuple[str, str]]:
    if text.isascii() and "%" not in text and "+" not in text and text.count("&") < MAX_PARAMETERS:
        # Nothing is encoded, as in most requests of services: there is nothing to decode, and a token request comes by the thousand.
        return [(name, value) for name, _, value in (part.partition("=") for part in text.split("&") if part)]
    return parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_PARAMETERS)


class Form:
    """Parsed parameters. A parameter without a value counts as left out (RFC 6749 section 3.2)."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    @classmethod
    def parse(cls, body: bytes) -> Form:
        """Read a form-encoded body.

        Raises:
            InvalidRequest: not UTF-8, a control character in a value, too many parameters, or one of them repeated.

        Source: RFC 6749 section 3.2 and appendix B.
        """
        try:
            pairs = _pairs(body.decode("utf-8"))
        except ValueError as error:
            raise InvalidRequest("the body is not a well-formed form") from error
        values: dict[str, str] = {}
        for name, value in pairs:
            if name in values:
                raise InvalidRequest("a parameter is repeated")
            if not value.isprintable() and not _CONTROLS.isdisjoint(value):
                raise InvalidRequest("a parameter holds a control character")
            values[name] = value
        return cls(values)

    def optional(self, name: str) -> str | None:
        """Return a parameter, or None when it is absent or empty."""
        return self._values.get(name) or None

    def required(self, name: str) -> str:
        """Return a parameter.

        Raises:
            InvalidRequest: it is absent or empty.
        """
        value = self._values.get(name)
        if not value:
            raise InvalidRequest(f"{name} is missing")
        return value

    def values_but(self, left_out: frozenset[str]) -> dict[str, str]:
        """Return every parameter with a value, but for those named."""
        return {name: value for name, value in self._values.items() if value and name not in left_out}

    def scope(self) -> frozenset[str] | None:
        """Return the set of scopes asked for; None when none was asked.

        Raises:
            InvalidScope: malformed (RFC 6749 section 3.3).
        """
        text = self.optional("scope")
        if text is None:
            return None
        try:
            return scope.parse(text)
        except ValueError as error:
            raise InvalidScope("the scope is malformed") from error
