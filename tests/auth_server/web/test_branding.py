"""One colour: whatever it is, texts stay readable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_server.web.branding import (
    DARK_GROUNDS,
    LIGHT_GROUNDS,
    LOGO_BYTES,
    TEXT_CONTRAST,
    contrast,
    palette_of,
    parse_colour,
    read_logo,
)

COLOURS = st.tuples(*[st.integers(0, 255)] * 3)


@given(COLOURS)
def test_no_colour_makes_a_text_unreadable(colour: tuple[int, int, int]) -> None:
    """WCAG 2.2 section 1.4.3: links on every ground of their scheme, and the button's own text."""
    pairs = re.findall(r"light-dark\((#\w{6}),(#\w{6})\)", palette_of(colour))
    accent, on_accent, strong = ([parse_colour(text) for text in pair] for pair in pairs)

    assert all(contrast(accent[0], ground) >= TEXT_CONTRAST for ground in LIGHT_GROUNDS)
    assert all(contrast(accent[1], ground) >= TEXT_CONTRAST for ground in DARK_GROUNDS)
    for scheme in (0, 1):
        assert contrast(accent[scheme], on_accent[scheme]) >= TEXT_CONTRAST
        assert contrast(strong[scheme], on_accent[scheme]) >= TEXT_CONTRAST


def test_the_grounds_are_those_of_the_stylesheet() -> None:
    style = (Path(__file__).parents[3] / "auth_server/web/static/pages.css").read_text(encoding="utf-8")
    found = {name: re.search(rf"--{name}:light-dark\((#\w+),(#\w+)\)", style) for name in ("ground", "card", "raised")}

    def spelt(text: str) -> str:
        return text if len(text) == 7 else "#" + "".join(2 * digit for digit in text[1:])

    light = {parse_colour(spelt(match[1])) for match in found.values() if match}
    dark = {parse_colour(spelt(match[2])) for match in found.values() if match}
    assert (light, dark) == (set(LIGHT_GROUNDS), set(DARK_GROUNDS))


@pytest.mark.parametrize("text", ["", "red", "#fff", "#12345g", "3451d1", "#3451d1;}"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_colour(text)


def test_a_logo_is_small_and_of_a_known_kind(tmp_path: Path) -> None:
    fine, large, odd = (tmp_path / name for name in ("logo.svg", "large.png", "logo.exe"))
    fine.write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    large.write_bytes(bytes(LOGO_BYTES + 1))
    odd.write_bytes(b"MZ")

    logo = read_logo(fine)
    assert (logo.media_type, logo.path.startswith("/assets/logo-")) == (b"image/svg+xml", True)
    for path in (large, odd, tmp_path / "missing.png"):
        with pytest.raises(ValueError):
            read_logo(path)
