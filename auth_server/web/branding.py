"""One colour and a logo: the colours of the pages computed from it, so that no choice makes a text unreadable.

Contrast is that of WCAG 2.2 section 1.4.3: 4.5 to 1 for text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Rgb = tuple[int, int, int]

_WHITE: Final[Rgb] = (255, 255, 255)
_BLACK: Final[Rgb] = (0, 0, 0)
# What links and marks stand on: cards and backgrounds of `pages.css`, light and dark.
LIGHT_GROUNDS: Final[tuple[Rgb, ...]] = ((255, 255, 255), (244, 245, 248))
DARK_GROUNDS: Final[tuple[Rgb, ...]] = ((15, 17, 22), (24, 27, 34), (34, 38, 47))
TEXT_CONTRAST: Final = 4.5
_STEPS: Final = 50
LOGO_BYTES: Final = 12 * 1024
_LOGO_TYPES: Final = {".svg": b"image/svg+xml", ".png": b"image/png", ".webp": b"image/webp"}


@dataclass(frozen=True, slots=True)
class Logo:
    """An image of the brand, small enough for the page's budget, under an address that changes with it."""

    content: bytes
    media_type: bytes
    path: str


@dataclass(frozen=True, slots=True)
class Branding:
    """What makes the pages somebody's own. `palette` is CSS: custom properties for both colour schemes."""

    name: str
    palette: str
    logo: Logo | None = None


def parse_colour(text: str) -> Rgb:
    """Read `#rrggbb`.

    Raises:
        ValueError: it is not that.
    """
    if len(text) != 7 or text[0] != "#" or not all(c in "0123456789abcdefABCDEF" for c in text[1:]):
        raise ValueError("must be a colour such as #0a7f5a")
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def luminance(colour: Rgb) -> float:
    """Return the relative luminance (WCAG 2.2, definition)."""
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast ratio of two colours, from 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(colour: Rgb, grounds: Iterable[Rgb], towards: Rgb) -> Rgb:
    """Return the nearest mixture of a colour with `towards` that can be read on every one of `grounds`."""
    grounds = tuple(grounds)
    for step in range(_STEPS + 1):
        mixed = _mix(colour, towards, step / _STEPS)
        if all(contrast(mixed, ground) >= TEXT_CONTRAST for ground in grounds):
            return mixed
    raise ValueError("the grounds are not all of one side")


def palette_of(colour: Rgb) -> str:
    """Return the CSS that gives the pages their accent: links and marks readable on every ground, and the text on the button."""
    light = readable_on(colour, LIGHT_GROUNDS, _BLACK)
    dark = readable_on(colour, DARK_GROUNDS, _WHITE)
    on_light, on_dark = _text_on(light), _text_on(dark)
    return (
        f":root{{--accent:light-dark({_css(light)},{_css(dark)});--on-accent:light-dark({_css(on_light)},{_css(on_dark)});"
        f"--accent-strong:light-dark({_css(_away(light, on_light))},{_css(_away(dark, on_dark))})}}"
    )


def read_logo(path: Path) -> Logo:
    """Read the brand's image.

    Raises:
        ValueError: no such file, a kind that is not known, or too large for a page that is to stay under 30 kB.
    """
    media_type = _LOGO_TYPES.get(path.suffix.lower())
    if media_type is None:
        raise ValueError(f"the logo must be one of {', '.join(_LOGO_TYPES)}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError("the logo cannot be read") from error
    if len(content) > LOGO_BYTES:
        raise ValueError(f"the logo is over {LOGO_BYTES} bytes")
    return Logo(content, media_type, f"/assets/logo-{hashlib.sha256(content).hexdigest()[:16]}{path.suffix.lower()}")


def _text_on(ground: Rgb) -> Rgb:
    return _WHITE if contrast(_WHITE, ground) >= TEXT_CONTRAST else _BLACK


def _away(colour: Rgb, text: Rgb) -> Rgb:
    """Return the colour a little farther from the text on it, for a button under the pointer."""
    return _mix(colour, _BLACK if text == _WHITE else _WHITE, 0.14)


def _mix(colour: Rgb, other: Rgb, part: float) -> Rgb:
    red, green, blue = (round(own + (its - own) * part) for own, its in zip(colour, other, strict=True))
    return red, green, blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _css(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
