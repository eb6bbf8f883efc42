"""A report on a terminal, for a person who is tired: one line for what is well, and everything to know about what is not."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Final, TextIO

from resource_server.diagnosis.report import Check, Mistake, Report, State, Verdict, printable
from resource_server.settings import is_colour_unwanted

_WIDTH: Final = 100
_INDENT: Final = " " * 16
_MARKS: Final = {State.PASSED: "✓", State.FAILED: "✗", State.WARNING: "!", State.NOT_REACHED: "·"}
_PLAIN_MARKS: Final = {State.PASSED: "ok", State.FAILED: "FAILED", State.WARNING: "note", State.NOT_REACHED: "-"}
_COLOURS: Final = {State.PASSED: "32", State.FAILED: "1;31", State.WARNING: "33", State.NOT_REACHED: "2"}
_VERDICTS: Final = {Verdict.GOOD: "1;32", Verdict.REFUSED: "1;31", Verdict.UNDECIDED: "1;33"}


@dataclass(frozen=True, slots=True)
class Look:
    """What the terminal can do."""

    colour: bool
    symbols: bool

    @classmethod
    def of(cls, stream: TextIO) -> Look:
        """Return the look for a stream: colours on a terminal alone, unless NO_COLOR is set; symbols where they can be encoded."""
        try:
            "✓✗·".encode(getattr(stream, "encoding", None) or "ascii")
            symbols = True
        except (UnicodeEncodeError, LookupError):
            symbols = False
        return cls(stream.isatty() and not is_colour_unwanted(), symbols)

    def paint(self, text: str, code: str) -> str:
        """Return the text in a colour, if colours are wanted."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def mark(self, state: State) -> str:
        """Return a check's mark, in its colour."""
        mark = _MARKS[state] if self.symbols else f"{_PLAIN_MARKS[state]:6}"
        return self.paint(mark, _COLOURS[state])


def render(title: str, report: Report, look: Look) -> str:
    """Return the report as text; what came from outside is made safe to print."""
    lines = [f"{title}: {look.paint(printable(report.summary), _VERDICTS[report.verdict])}", ""]
    width = max((len(check.name) for check in report.checks), default=0) + 2
    for check in report.checks:
        lines += _check(check, look, width)
    if report.note is not None:
        lines += ["", *_wrapped(report.note, "  ")]
    for mistake in report.mistakes:
        lines += ["", *_mistake(mistake, look)]
    text = "\n".join(lines)
    return text if look.symbols else text.encode("ascii", "backslashreplace").decode("ascii")


def _check(check: Check, look: Look, width: int) -> list[str]:
    name = check.name.replace("_", " ")
    head = f"  {look.mark(check.state)} {name:{width}}"
    if check.state is State.PASSED:
        told = "; ".join(part for part in (check.got, check.detail) if part)
        # As wide as the head is without its colours.
        first, *rest = _wrapped(told, " " * (width + 4 if look.symbols else width + 9)) or [""]
        return [f"{head}{first.lstrip()}".rstrip(), *rest]
    if check.state is State.NOT_REACHED:
        return [f"{head}not reached"]
    rows = [("got", check.got), ("expected", check.expected), ("setting", check.setting), ("why", check.detail)]
    return [head.rstrip(), *(line for label, value in (*rows, ("do", check.todo)) for line in _row(label, value))]


def _row(label: str, value: str | None) -> list[str]:
    if value is None:
        return []
    first, *rest = _wrapped(value, _INDENT) or [""]
    return [f"      {label:10}{first.lstrip()}", *rest]


def _wrapped(text: str, indent: str, *, first: str | None = None) -> list[str]:
    return textwrap.wrap(
        printable(text),
        _WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _mistake(mistake: Mistake, look: Look) -> list[str]:
    arrow = "→" if look.symbols else "->"
    return [
        f"  {look.paint(mistake.name, '1')}",
        *_wrapped(mistake.meaning, "    "),
        *_wrapped(mistake.todo, f"    {' ' * len(arrow)} ", first=f"    {arrow} "),
    ]
