"""The parameters of a request that a browser carries, where a fault of one must not hide where the answer goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from auth_server.protocol.errors import PageError
from auth_server.protocol.form import MAX_PARAMETERS

MAX_BYTES: Final = 8 * 1024


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters by name, and the names that came more than once. One without a value counts as left out."""

    values: dict[str, str] = field(repr=False)
    repeated: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, raw: bytes) -> Parameters:
        """Read a query or a form.

        Raises:
            PageError: not UTF-8, too long, or too many parameters.
        """
        if len(raw) > MAX_BYTES:
            raise PageError("the request is too long", status=414)
        try:
            pairs = parse_qsl(
                raw.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_PARAMETERS
            )
        except ValueError as error:
            raise PageError("not well-formed parameters") from error
        values: dict[str, str] = {}
        repeated = set()
        for name, value in pairs:
            if name in values:
                repeated.add(name)
            values[name] = value
        return cls(values, frozenset(repeated))

    def get(self, name: str) -> str | None:
        """Return a parameter, or None when it is absent or empty."""
        return self.values.get(name) or None
