"""A report: a list of checks with what was got and expected, the mistakes that were recognised, and a verdict.

Nothing in it is a token, a signature or a part of one: values come from the claims that a refusal is about, and are made safe to print.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.log_line import neutralise

# A report has more room than a log line: a sentence must come to its end, and a token is not to fill the terminal.
_MOST_CHARACTERS: Final = 1024


def printable(text: str) -> str:
    """Return `text` safe to print on a terminal, and not too long for it."""
    return neutralise(text, _MOST_CHARACTERS)


class State(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    NOT_REACHED = "not_reached"


class Verdict(StrEnum):
    """How it all ended. `undecided`: the issuer's keys are not here."""

    GOOD = "good"
    REFUSED = "refused"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: a stable word, for machines.
        detail: one sentence, such as the verifier's own hint.
        setting: the setting that decides what is expected.
        todo: what to do about it.
    """

    name: str
    state: State
    got: str | None = None
    expected: str | None = None
    setting: str | None = None
    detail: str | None = None
    todo: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return it for a machine; members that say nothing are left out."""
        members = {
            "got": self.got,
            "expected": self.expected,
            "setting": self.setting,
            "detail": self.detail,
            "todo": self.todo,
        }
        told = {name: printable(value) for name, value in members.items() if value is not None}
        return {"name": self.name, "state": self.state.value, **told}


@dataclass(frozen=True, slots=True)
class Mistake:
    """A common mistake, by its stable name: what it is, and what to do."""

    name: str
    meaning: str
    todo: str

    def as_json(self) -> dict[str, object]:
        """Return it for a machine."""
        return {"name": self.name, "meaning": printable(self.meaning), "todo": printable(self.todo)}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one command found out.

    `reason` and `status` are those of the refusal, where there is one; `note` says how some of the checks are to be read.
    """

    verdict: Verdict
    summary: str
    checks: tuple[Check, ...]
    mistakes: tuple[Mistake, ...] = ()
    reason: str | None = None
    status: int | None = None
    note: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return it for a machine."""
        return {
            "verdict": self.verdict.value,
            "summary": printable(self.summary),
            "reason": self.reason,
            "status": self.status,
            "note": self.note,
            "checks": [check.as_json() for check in self.checks],
            "mistakes": [mistake.as_json() for mistake in self.mistakes],
        }


def unique(mistakes: list[Mistake]) -> tuple[Mistake, ...]:
    """Return each mistake once, by name, in the order in which they were found."""
    return tuple({mistake.name: mistake for mistake in reversed(mistakes)}.values())[::-1]
