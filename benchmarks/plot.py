"""The plot: each figure beside its bound, as an SVG written by hand.

A bar is as long as the figure is in terms of its goal, so all lines share one axis; the line at 1 is the goal. For some, longer is
better, for others shorter: the arrow says which, and the colour says whether it is good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from benchmarks.budget import LINES, Bound, Figure, Line, Verdict

_WIDTH: Final = 1000
_ROW: Final = 26
_TOP: Final = 64
_LEFT: Final = 530
_SCALE: Final = 200
_LONGEST: Final = 2.0
_COLOURS: Final = {Verdict.MET: "#2f7d4f", Verdict.MISSED: "#c98a1b", Verdict.FAILED: "#b3362b"}


def as_svg(figures: Mapping[str, Figure]) -> str:
    """Return the drawing."""
    measured = [(line, figures[line.key]) for line in LINES if line.key in figures]
    height = _TOP + _ROW * len(measured) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="system-ui, sans-serif" font-size="12">',
        "<title>Sealwright: each figure of the budget beside its goal</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="16" y="26" font-size="17" font-weight="600" fill="#1c1c1c">Each figure ÷ its goal</text>',
        *_legend(),
        *_axis(height - 40),
        *(part for place, (line, figure) in enumerate(measured) for part in _row(_TOP + _ROW * place, line, figure)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _legend() -> Iterator[str]:
    x = 16
    for verdict, colour in _COLOURS.items():
        yield f'<rect x="{x}" y="39" width="11" height="11" fill="{colour}"/>'
        yield f'<text x="{x + 16}" y="49" fill="#444">{escape(verdict.value.lower())}</text>'
        x += 28 + 7 * len(verdict.value)
    yield f'<text x="{x}" y="49" fill="#444">→ should reach the line, ← should stay left of it</text>'


def _row(y: int, line: Line, figure: Figure) -> Iterator[str]:
    share = figure.value / line.goal
    length = max(2.0, min(share, _LONGEST) * _SCALE)
    arrow = "→" if line.bound is Bound.AT_LEAST else "←"
    value = f"{figure.value:.2f}" if line.unit != "MiB" else f"{figure.value:.0f} MiB"
    what = line.what if len(line.what) <= 82 else line.what[:80] + "…"
    yield f'<text x="{_LEFT - 28}" y="{y + 16}" text-anchor="end" fill="#1c1c1c">{escape(what)}</text>'
    yield f'<text x="{_LEFT - 18}" y="{y + 16}" fill="#777">{arrow}</text>'
    yield f'<rect x="{_LEFT}" y="{y + 5}" width="{length:.1f}" height="15" fill="{_COLOURS[line.verdict(figure.value)]}"/>'
    beyond = " »" if share > _LONGEST else ""
    yield f'<text x="{_LEFT + length + 6:.1f}" y="{y + 17}" fill="#1c1c1c">{value}{beyond}</text>'


def _axis(bottom: int) -> Iterator[str]:
    for tick in (0.0, 0.5, 1.0, 1.5, 2.0):
        x = _LEFT + tick * _SCALE
        dashes, colour = ('stroke-dasharray="4 3"', "#1c1c1c") if tick == 1.0 else ("", "#dddddd")
        yield f'<line x1="{x}" y1="{_TOP}" x2="{x}" y2="{bottom}" stroke="{colour}" {dashes}/>'
        yield f'<text x="{x}" y="{bottom + 16}" text-anchor="middle" fill="#444">{"goal" if tick == 1.0 else f"{tick:g} ×"}</text>'
