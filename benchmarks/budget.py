"""The budget: what each ratio may be. Ratios hold on any machine; seconds and rates are told beside them.

`must` is what the next release is held to, `goal` what the design is laid out for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Bound(StrEnum):
    """On which side of its bound a figure should be."""

    AT_LEAST = "≥"
    AT_MOST = "≤"

    def holds(self, value: float, bound: float) -> bool:
        """Say whether a value is on the right side."""
        return value >= bound if self is Bound.AT_LEAST else value <= bound


class Verdict(StrEnum):
    """How a figure stands to its bounds."""

    MET = "met"
    MISSED = "goal missed"
    FAILED = "MUST MISSED"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the budget.

    Attributes:
        key: under which it is measured.
        what: in words.
        unit: of the figure; empty for a ratio.
    """

    key: str
    what: str
    bound: Bound
    goal: float
    must: float | None = None
    unit: str = ""

    def verdict(self, value: float | None) -> Verdict:
        """Judge a measured value; None was not measured."""
        if value is None:
            return Verdict.NOT_MEASURED
        if self.bound.holds(value, self.goal):
            return Verdict.MET
        return Verdict.FAILED if self.must is not None and not self.bound.holds(value, self.must) else Verdict.MISSED


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, and what it was made of, for people."""

    value: float
    made_of: str


Figures = Mapping[str, Figure]

_LEAST, _MOST = Bound.AT_LEAST, Bound.AT_MOST

LINES: Final[Sequence[Line]] = (
    Line("client_credentials", "client_credentials, tokens/s and core ÷ raw RSA-2048 signatures/s", _LEAST, 0.70, 0.60),
    Line("one_p50", "one client_credentials at a time, p50 ÷ a raw signature", _MOST, 1.7),
    Line("one_p99", "the same, p99 ÷ a raw signature", _MOST, 3.5),
    Line("refresh", "refresh rotation, durable on SQLite, tokens/s and core ÷ raw signatures/s", _LEAST, 0.50),
    Line("login", "logins/s and core ÷ raw Argon2id hashes/s", _LEAST, 0.85),
    Line("verify", "verify a token, all different ÷ raw RSA-2048 verification", _MOST, 1.40, 1.60),
    Line("verify_guard", "the same by Guard.verify, which remembers none", _MOST, 1.40),
    Line("verify_cached", "Guard.verify of a token that was seen before ÷ raw verification", _MOST, 0.10),
    Line("verify_keys", "verify with 1,000 keys ÷ with 1 key", _MOST, 1.10),
    Line("guarded", "Starlette /me with a guard, tokens seen before: requests/s and core ÷ open", _LEAST, 0.80),
    Line("guarded_uncached", "the same, no token remembered ÷ open", _LEAST, 0.42),
    Line("jwks", "key set, CPU a request ÷ bare Starlette route", _MOST, 1.10),
    Line("discovery", "metadata, CPU a request ÷ bare Starlette route", _MOST, 1.10),
    Line("group_commit", "rotations/s, committed in groups ÷ one by one, 32 at once, database alone", _LEAST, 3.0),
    Line("workers", "client_credentials, two workers ÷ one, tokens/s, load on the same cores", _LEAST, 1.5),
    Line("jwks_under_tokens", "key set p50 while 32 connections ask for tokens ÷ a raw signature", _MOST, 10.0),
    Line("jwks_under_logins", "key set p99 while 32 connections sign in ÷ idle p99 (both at least 1 ms)", _MOST, 3.0),
    Line("start", "start to ready on a migrated database", _MOST, 1.5, 1.5, "s"),
    Line("start_ratio", "the same ÷ a bare uvicorn + Starlette", _MOST, 3.0),
    Line("memory_idle", "auth server's resident memory, idle", _MOST, 75.0, None, "MiB"),
    Line("memory_loaded", "the same after the tokens of this run", _MOST, 85.0, None, "MiB"),
    Line("memory_logins", "the same after logins at full load, above idle and 19 MiB a hashing thread", _MOST, 16.0, None, "MiB"),
)
