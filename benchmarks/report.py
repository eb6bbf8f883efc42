"""The table, for a terminal and as Markdown."""

from __future__ import annotations

import platform
import ssl
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks import machine
from benchmarks.budget import LINES, Figure, Line, Verdict
from benchmarks.rounds import Plan, Results
from benchmarks.web import BUSY

_PACKAGES: Final = ("cryptography", "PyJWT", "SQLAlchemy", "starlette", "uvicorn", "uvloop", "argon2-cffi")
# Samples that are told as they are, beside the ratios made of them.
_RATES: Final = (
    ("client_credentials", "client_credentials, 32 connections"),
    ("one", "client_credentials, 1 connection"),
    ("refresh", "refresh with rotation, 32 connections"),
    ("login", "logins, 32 connections"),
    ("jwks", "key set"),
    ("discovery", "metadata"),
    ("cached", "guarded /me, tokens seen before"),
    ("uncached", "guarded /me, no token remembered"),
    ("open", "open /me"),
    ("hello", "bare Starlette route"),
)


def as_text(figures: Mapping[str, Figure]) -> str:
    """Return the table for a terminal."""
    rows = [(line.what, *_cells(line, figures.get(line.key))) for line in LINES]
    width = max(len(row[0]) for row in rows)
    return "\n".join(
        f"{what:<{width}}  {value:>9}  {bounds:<18} {verdict:<12} {made_of}" for what, value, bounds, verdict, made_of in rows
    )


def as_markdown(results: Results, plan: Plan, load_program: str) -> str:
    """Return the whole report; it names the kinds of things it ran on, and no path."""
    return "\n".join((*_head(results, plan, load_program), *_budget(results.figures), "", *_samples(results), ""))


def _head(results: Results, plan: Plan, load_program: str) -> Iterator[str]:
    yield "# Last results of `make bench`"
    yield ""
    yield "`docs/performance.md` says how it is measured. Ratios first: absolute figures are this machine's."
    yield ""
    yield f"- {_processor()}; {machine.interpreter()}, {ssl.OPENSSL_VERSION}; load by {load_program}"
    yield f"- {', '.join(f'{name} {version(name)}' for name in _PACKAGES)}"
    yield f"- medians of {plan.rounds} interleaved rounds, {plan.seconds:g} s a sample, {plan.tokens:,} different tokens"
    others = results.of("others")
    state = "of a busy machine" if others > BUSY else "of a quiet machine"
    yield f"- other programs kept {others:.2f} cores busy meanwhile (median of the samples): figures **{state}**"
    yield ""
    yield "![each figure beside its bound](results.svg)"
    yield ""


def _budget(figures: Mapping[str, Figure]) -> Iterator[str]:
    yield "| figure | measured | bounds | | made of |"
    yield "| --- | --- | --- | --- | --- |"
    for line in LINES:
        yield f"| {' | '.join((line.what, *_cells(line, figures.get(line.key))))} |"


def _samples(results: Results) -> Iterator[str]:
    yield "| what one core does | CPU µs | a second and core | seen a second |"
    yield "| --- | --- | --- | --- |"
    for name, what in (
        ("raw sign", "raw RSA-2048 signature"),
        ("signing", "the same, mean over a sample on the core of the servers"),
        ("raw verify", "raw RSA-2048 verification"),
        ("raw hash", "raw Argon2id"),
    ):
        cpu = results.of(name)
        yield f"| {what} | {cpu:,.1f} | {1e6 / cpu:,.0f} | |"
    for name, what in _RATES:
        cpu, rate = results.of(f"{name} cpu"), results.of(f"{name} rate")
        yield f"| {what} | {cpu:,.1f} | {1e6 / cpu:,.0f} | {rate:,.0f} |"


def _cells(line: Line, figure: Figure | None) -> tuple[str, str, str, str]:
    bounds = f"{line.bound} {_number(line, line.goal)}"
    if line.must is not None and line.must != line.goal:
        bounds += f" (must {line.bound} {_number(line, line.must)})"
    if figure is None:
        return "", bounds, Verdict.NOT_MEASURED.value, ""
    return _number(line, figure.value), bounds, line.verdict(figure.value).value, figure.made_of


def _number(line: Line, value: float) -> str:
    return f"{value:.0f} {line.unit}" if line.unit == "MiB" else f"{value:.2f} {line.unit}".rstrip()


def _processor() -> str:
    for text in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if text.startswith("model name"):
            return text.partition(":")[2].strip()
    return platform.machine()
