"""A picture of a practice test to pass on: its points, and the link under which anybody plays the same."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image, ImageDraw, ImageFont

_SIZE: Final = (1200, 630)
_GROUND, _INK, _QUIET, _ACCENT, _BASE = "#14171f", "#f1f3f7", "#a3acbd", "#f08c3a", "#5b6575"
_LEFT, _RIGHT = 80, 1120
# Longest title and link, in letters, that fit across the card.
_LONGEST: Final = 88


def card(points: int, title: str, lines: tuple[str, ...], link: str) -> bytes:
    """A PNG of 1200 × 630: points of 100 with the base rate's 50 marked, lines of text, and the link."""
    picture = Image.new("RGB", _SIZE, _GROUND)
    pen = ImageDraw.Draw(picture)
    pen.text((_LEFT, 60), "Heatlab practice", _ACCENT, ImageFont.load_default(34))
    pen.text((_LEFT, 110), _cut(title), _QUIET, ImageFont.load_default(28))
    pen.text((_LEFT, 150), str(points), _INK, ImageFont.load_default(190))
    wide = pen.textlength(str(points), ImageFont.load_default(190))
    pen.text((_LEFT + wide + 24, 280), "of 100 points", _INK, ImageFont.load_default(44))
    span = _RIGHT - _LEFT
    pen.rounded_rectangle((_LEFT, 388, _RIGHT, 412), 12, _BASE)
    if points:
        pen.rounded_rectangle((_LEFT, 388, _LEFT + max(span * points / 100, 24), 412), 12, _ACCENT)
    middle = _LEFT + span / 2
    pen.line((middle, 378, middle, 422), _INK, 4)
    pen.text((middle, 428), "base rate: 50", _QUIET, ImageFont.load_default(24), anchor="ma")
    for number, line in enumerate(lines[:2]):
        pen.text((_LEFT, 474 + 40 * number), _cut(line), _INK, ImageFont.load_default(28))
    pen.text((_LEFT, 574), _cut(link), _QUIET, ImageFont.load_default(24))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
