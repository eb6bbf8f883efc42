"""Settings from environment variables, by a table: the one reading that both servers share.

Pure: the environment and a way to read a file are handed in. All faults are collected and told at once, each with what would be
right; an unknown name with our prefix is a fault (a typing error must not silently mean the default); names and values that a
Kubernetes service link injects are set aside with a warning.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

# Kubernetes injects for a service called e.g. `auth-server`: AUTH_SERVER_SERVICE_HOST, AUTH_SERVER_SERVICE_PORT[_NAME],
# AUTH_SERVER_PORT=tcp://10.0.0.1:80 and AUTH_SERVER_PORT_80_TCP[_ADDR|_PORT|_PROTO].
_SERVICE_LINK_NAME: Final = re.compile(r"_SERVICE_(HOST|PORT(_.*)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?$")
_SERVICE_LINK_VALUE: Final = re.compile(r"^(tcp|udp|sctp)://")


class SettingsError(Exception):
    """The settings hold faults; `faults` has one sentence for each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: `name` without the prefix, how to read it, its default, and its meaning in one line.

    `parse` raises ValueError with a sentence that says what would be legal. `default` is a value, already parsed; None means
    "derived" or "none", and `default_text` says which. A `secret` has a twin `NAME_FILE` and is masked wherever it is shown.
    """

    name: str
    parse: Callable[[str], Any]
    default: Any
    meaning: str
    secret: bool = False
    default_text: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """Parsed values by setting name, which of them were given (and not defaulted), and the warnings to log once."""

    values: Mapping[str, Any]
    given: frozenset[str]
    warnings: tuple[str, ...] = field(default=())


def load(
    prefix: str,
    table: Sequence[Setting],
    environ: Mapping[str, str],
    read_file: Callable[[str], str],
    together: Callable[[Mapping[str, Any]], Sequence[str]] = lambda _values: (),
) -> Loaded:
    """Read every setting of the table from `environ`.

    Args:
        prefix: what all names start with, such as `AUTH_SERVER_`.
        read_file: returns the text of the file a `_FILE` twin names; OSError and UnicodeDecodeError become faults.
        together: returns a fault for each combination of values that does not fit. What it says of a setting that could not be read,
            and is at its default therefore, is left out.

    Raises:
        SettingsError: with every fault at once. A fault never repeats a secret's value.
    """
    known = {prefix + row.name: row for row in table}
    twins = {f"{prefix}{row.name}_FILE": row for row in table if row.secret}
    faults: list[str] = []
    ignored: list[str] = []
    texts: dict[str, str] = {}
    for name in sorted(n for n in environ if n.startswith(prefix)):
        if name in known and not _SERVICE_LINK_VALUE.match(environ[name]):
            # An empty value means "not set": compose files and shells pass NAME= for an unset variable.
            if environ[name].strip():
                texts[name] = environ[name]
        elif name not in twins:
            _sort_out(name, environ[name], [*known, *twins], ignored, faults)
    for name in sorted(name for name in twins if environ.get(name, "").strip()):
        _read_twin(name, environ[name], texts, read_file, faults)
    values, given = _parse(prefix, table, texts, faults)
    unread = [row.name.lower() for row in table if prefix + row.name in texts and row.name not in given]
    faults += [fault for fault in together(values) if not any(name in fault.lower() for name in unread)]
    if faults:
        raise SettingsError(faults)
    warning = f"ignored (injected by a Kubernetes service link): {', '.join(ignored)}" if ignored else None
    return Loaded(values, given, (warning,) if warning else ())


def masked(row: Setting, value: object) -> str:
    """Return how a value is shown to a person: a secret never, an absent one as its default's words."""
    if value is None:
        return row.default_text or "none"
    if row.secret:
        return "***"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(str(v) for v in value) if isinstance(value, tuple | list) else str(value)


def _sort_out(name: str, value: str, known: list[str], ignored: list[str], faults: list[str]) -> None:
    if _SERVICE_LINK_NAME.search(name) or _SERVICE_LINK_VALUE.match(value):
        ignored.append(name)
        return
    close = difflib.get_close_matches(name, known, n=1)
    faults.append(f"{name} is not a setting" + (f"; did you mean {close[0]}?" if close else ""))


def _read_twin(name: str, path: str, texts: dict[str, str], read_file: Callable[[str], str], faults: list[str]) -> None:
    plain = name.removesuffix("_FILE")
    if plain in texts:
        faults.append(f"{plain} and {name} are both set; keep one")
        return
    try:
        texts[plain] = read_file(path).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{name}: cannot read {path} ({getattr(error, 'strerror', None) or 'not UTF-8 text'})")


def _parse(
    prefix: str, table: Sequence[Setting], texts: Mapping[str, str], faults: list[str]
) -> tuple[dict[str, Any], frozenset[str]]:
    values: dict[str, Any] = {}
    given = set()
    for row in table:
        text = texts.get(prefix + row.name, "").strip()
        values[row.name] = row.default
        if not text:
            continue
        try:
            values[row.name] = row.parse(text)
            given.add(row.name)
        except ValueError as error:
            shown = "" if row.secret else f", got {text!r}"
            faults.append(f"{prefix}{row.name}: {error}{shown}")
    return values, frozenset(given)


# Parsers. Each raises ValueError with a sentence that says what would be legal.


def text(value: str) -> str:
    """Return the value as it is."""
    return value


def words(value: str) -> tuple[str, ...]:
    """Return the comma- or space-separated words of a list."""
    return tuple(word for word in value.replace(",", " ").split() if word)


def boolean(value: str) -> bool:
    """Read true or false."""
    lowered = value.lower()
    if lowered in {"true", "1", "yes", "on"}:
        return True
    if lowered in {"false", "0", "no", "off"}:
        return False
    raise ValueError("must be true or false")


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of a whole number within bounds."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", value) or not least <= int(value) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(value)

    return parse


def seconds(least: float, most: float) -> Callable[[str], float]:
    """Return a parser of a number of seconds, fractions allowed, within bounds."""

    def parse(value: str) -> float:
        if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", value) or not least <= float(value) <= most:
            raise ValueError(f"must be seconds from {least:g} to {most:g}")
        return float(value)

    return parse


def choice(*allowed: str) -> Callable[[str], str]:
    """Return a parser of one word out of a closed list."""

    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return value

    return parse


def is_loopback(host: str | None) -> bool:
    """Say whether a host name or address is this machine itself."""
    return host is not None and (host in {"localhost", "::1"} or bool(re.fullmatch(r"127(\.[0-9]{1,3}){3}", host)))


def server_url(value: str) -> str:
    """Read an absolute http or https URL without query, fragment or user part; nothing is normalised, for it is compared as text."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an absolute http:// or https:// URL")
    if parts.query or parts.fragment or "?" in value or "#" in value or parts.username is not None:
        raise ValueError("must have no query, fragment or user name")
    if not value.isascii() or any(c.isspace() or ord(c) < 0x21 for c in value):
        raise ValueError("must be printable ASCII")
    _ = parts.port  # raises ValueError for a port that is no port
    return value
