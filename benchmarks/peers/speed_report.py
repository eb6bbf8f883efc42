"""What protection costs: the table and the plot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from statistics import median
from typing import Final

from benchmarks import machine
from benchmarks.budget import Bound
from benchmarks.peers.costs import STACKS, Results
from benchmarks.peers.environments import LIBRARIES
from benchmarks.web import BUSY

STACK_NAMES: Final = {
    "starlette+digest": "Starlette + SHA-256 and a dict (no protection: the least with memory)",
    "starlette+rsa": "Starlette + one RSA verification (no protection: the least without)",
    "starlette+kit": "Starlette + the kit",
    "starlette+kit-uncached": "Starlette + the kit, no token remembered",
    "starlette+pyjwt": "Starlette + PyJWT + PyJWKClient",
    "fastapi+kit": "FastAPI behind the kit",
    "fastapi+pyjwt": "FastAPI + PyJWT + PyJWKClient (`def` dependency)",
    "http+jose": "Node http + jose remote JWKS",
    "http+aws-jwt-verify": "Node http + aws-jwt-verify",
    "http+fast-jwt": "Node http + fast-jwt + get-jwks",
    "http+fast-jwt-cached": "Node http + fast-jwt + get-jwks, `cache` on",
    "express+express-oauth2-jwt-bearer": "Express + express-oauth2-jwt-bearer",
}
_DIGEST: Final = "starlette+digest"
_RSA: Final = "starlette+rsa"
# What is held against the budget: words, the ratio, its bound, and what in place of the kit would be the best possible on this machine.
LINES: Final = (
    ("verify, all different ÷ raw RSA-2048 verification", ("kit core", "kit core raw"), Bound.AT_MOST, 1.40, None),
    ("`Guard.verify` of a token seen before ÷ raw", ("kit cached", "kit cached raw"), Bound.AT_MOST, 0.10, None),
    ("Starlette `/me`, tokens seen before: open ÷ protected", ("starlette", "starlette+kit"), Bound.AT_LEAST, 0.80, _DIGEST),
    ("the same, no token remembered", ("starlette", "starlette+kit-uncached"), Bound.AT_LEAST, 0.42, _RSA),
    ("the kit against PyJWT + PyJWKClient on Starlette", ("starlette+pyjwt", "starlette+kit"), Bound.AT_LEAST, 4.0, _DIGEST),
    ("the same, no token remembered", ("starlette+pyjwt", "starlette+kit-uncached"), Bound.AT_LEAST, 2.2, _RSA),
    ("verify with 1,000 keys ÷ 1 key", ("kit many", "kit core"), Bound.AT_MOST, 1.10, None),
)
_TITLES: Final = {library.name: library.title for library in LIBRARIES} | {"kit": "the kit (`Guard.verify`)"}
_WIDTH: Final = 960
_LEFT: Final = 400
_ROW: Final = 24
_SCALE: Final = 420


def as_text(results: Results) -> str:
    """Return the tables for a terminal."""
    return "\n".join(
        line.replace("`", "").replace("**", "") for line in (*_budget(results), "", *_stacks(results), "", *_verifying(results))
    )


def as_markdown(results: Results, rounds: int, turns: int, seconds: float) -> str:
    """Return the document."""
    tables = (*_budget(results), "", *_stacks(results), "", *_verifying(results))
    return "\n".join((*_head(results, rounds, turns, seconds), *tables, *_end(results), ""))


def _head(results: Results, rounds: int, turns: int, seconds: float) -> Iterator[str]:
    others = median(results.others) if results.others else 0.0
    yield "# What protection costs, the kit and its peers in one run"
    yield ""
    yield "Written by `python -m benchmarks.peers.speed` (a part of `make bench`); `docs/performance.md` says how it is measured."
    yield ""
    yield f"- {datetime.now(UTC):%Y-%m-%d}; {machine.interpreter()}"
    yield f"- medians of {rounds} rounds, each with new servers; in each the least of {turns} interleaved turns of {seconds:g} s"
    where = "a core of its own" if machine.choose_cores().are_apart else "**the servers' own core**"
    yield f"- 32 connections of a load that never sleeps, on {where}; all tokens different"
    state = "**busy machine: read ratios with care**" if others > BUSY else "quiet machine"
    yield f"- other programs kept {others:.2f} cores busy meanwhile: {state}"
    yield ""
    yield "![what is left of an open server, and a verification in terms of a raw one](peers.svg)"
    yield ""


def _budget(results: Results) -> Iterator[str]:
    yield "| the kit's budget | bound | measured | | the best possible here |"
    yield "| --- | --- | --- | --- | --- |"
    for what, (above, below), bound, limit, least in LINES:
        value, best = results.ratio(above, below), results.ratio(above, least) if least is not None else None
        word = "not measured" if value is None else "met" if bound.holds(value, limit) else "missed"
        yield f"| {what} | {bound} {limit:.2f} | {_beside(value, limit)} | {word} | {_two_digits(best)} |"


def _two_digits(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _beside(value: float | None, limit: float) -> str:
    """Return a figure with two digits, or with as many as it takes to see on which side of its bound it is."""
    if value is None:
        return ""
    digits = next((digits for digits in range(2, 6) if round(value, digits) != limit), 2)
    return f"{value:.{digits}f}"


def left_of(results: Results) -> Iterator[tuple[str, str, str, float]]:
    """Yield each protected stack that was measured: its kind, its name, the open one, and what is left."""
    for kind, base in STACKS:
        left = results.ratio(base, kind)
        if left is not None:
            yield kind, STACK_NAMES[kind], base, left


def _stacks(results: Results) -> Iterator[str]:
    yield "| `GET /me`, one core | open, a second and core | protected | left | CPU µs: open → protected |"
    yield "| --- | --- | --- | --- | --- |"
    for kind, name, base, left in left_of(results):
        before, after = results.of(base) or 0.0, results.of(kind) or 0.0
        mark = "**" if "kit" in kind else ""
        yield f"| {mark}{name}{mark} | {1e6 / before:,.0f} | {1e6 / after:,.0f} | {mark}{left:.2f}{mark} | {before:.0f} → {after:.0f} |"


def _verifying(results: Results) -> Iterator[str]:
    yield "| one verification | CPU µs | ÷ raw RSA of its process | seen before ÷ raw | 1,000 keys ÷ 1 key |"
    yield "| --- | --- | --- | --- | --- |"
    for name in ("kit", *(library.name for library in LIBRARIES)):
        us = results.of(f"{name} verify")
        if us is None:
            continue
        ratios = (
            results.ratio(f"{name} verify", f"{name} verify raw"),
            results.ratio(f"{name} cached", f"{name} cached raw"),
            results.ratio(f"{name} many", "kit core" if name == "kit" else f"{name} verify"),
        )
        mark = "**" if name == "kit" else ""
        yield f"| {mark}{_TITLES[name]}{mark} | {us:.1f} | {' | '.join(f'{r:.2f}' if r is not None else '–' for r in ratios)} |"


def _end(results: Results) -> Iterator[str]:
    yield ""
    yield "Python by processor time of the thread, a library and the raw operation in turns of 5 ms of which the least counts; Node by the"
    yield "processor time of the process. The kit's 1,000 keys go to its verifier directly: from the network it takes no key set above"
    yield "64 KiB. joserfc and Authlib are given their keys once; jose and FastMCP are asynchronous."
    if results.missing:
        yield ""
        yield "Not measured: " + "; ".join(f"{name} ({reason})" for name, reason in results.missing.items()) + "."


def as_svg(results: Results) -> str:
    """Return the plot: above, what is left of an open server; below, a verification in terms of a raw one."""
    left = [(name, value, "kit" in kind) for kind, name, _base, value in left_of(results)]
    times = [
        (_TITLES[name], ratio, name == "kit")
        for name in ("kit", *(library.name for library in LIBRARIES))
        if (ratio := results.ratio(f"{name} verify", f"{name} verify raw")) is not None
    ]
    cached = results.ratio("kit cached", "kit cached raw")
    if cached is not None:
        times.insert(1, ("the kit, token seen before", cached, True))
    longest = max([ratio for _, ratio, _ in times], default=1.0)
    height = 130 + _ROW * (len(left) + len(times))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="system-ui, sans-serif" font-size="12">',
        "<title>What protection costs: the kit and its peers</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        *_bars(left, 24, "What is left of an open server under protection (longer is better)", 1.0),
        *_bars(times, 74 + _ROW * len(left), "One verification ÷ one raw RSA verification (shorter is better)", longest),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bars(rows: list[tuple[str, float, bool]], top: int, title: str, longest: float) -> Iterator[str]:
    yield f'<text x="16" y="{top}" font-size="16" font-weight="600" fill="#1c1c1c">{escape(title)}</text>'
    for place, (name, value, ours) in enumerate(rows):
        y = top + 12 + _ROW * place
        length = max(2.0, value / longest * _SCALE)
        yield f'<text x="{_LEFT - 10}" y="{y + 15}" text-anchor="end" fill="#1c1c1c">{escape(name.replace("`", ""))}</text>'
        yield f'<rect x="{_LEFT}" y="{y + 3}" width="{length:.1f}" height="16" fill="{"#2f7d4f" if ours else "#8a97a6"}"/>'
        yield f'<text x="{_LEFT + length + 8:.1f}" y="{y + 16}" fill="#1c1c1c">{value:.2f}</text>'
