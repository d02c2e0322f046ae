"""The one style sheet keeps WCAG 2.2 AA contrast in both schemes, and the card window has its colours."""

from __future__ import annotations

import re
from importlib import resources

import pytest

_SHEET = resources.files("runtime.web").joinpath("static/style.css").read_text("utf-8")
_WINDOW = resources.files("cardreader.agent").joinpath("static/prompt.css").read_text("utf-8")
TEXT, PART = 4.5, 3.0  # WCAG 1.4.3 and 1.4.11
PAIRS = [
    *((ink, ground, TEXT) for ink in ("ink", "quiet", "accent") for ground in ("ground", "paper")),
    *(("ink", f"{kind}-soft", TEXT) for kind in ("accent", "good", "bad", "warn")),
    *(("quiet", f"{kind}-soft", TEXT) for kind in ("accent", "good", "bad", "warn")),
    *((kind, f"{kind}-soft", TEXT) for kind in ("accent", "good", "bad", "warn")),
    ("accent-ink", "accent", TEXT),
    ("paper", "bad", TEXT),
    ("field-line", "paper", PART),
    ("field-line", "ground", PART),
    ("bad", "paper", PART),
]


def palettes(sheet):
    """The colours of the light scheme, and those of the dark one over them."""
    light, dark = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)[:2]
    first = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", light))
    return {"light": first, "dark": first | dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", dark))}


def luminance(colour):
    """Relative luminance (WCAG 2.2, definitions)."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_the_palette_has_the_contrast(scheme, front, back, least):
    colours = palettes(_SHEET)[scheme]
    lighter, darker = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= least


def test_the_card_window_has_the_pages_colours():
    pages, window = palettes(_SHEET), palettes(_WINDOW)
    for scheme, colours in window.items():
        for name, colour in colours.items():
            assert luminance(colour) == luminance(pages[scheme][name]), (scheme, name)
