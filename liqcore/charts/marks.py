"""Inks of the charts beside the map, each for a dark page and for a light one.

A chart stands on the page itself. Vega knows the page's colour as its signal `background`, so the browser
chooses the ink, also when the reader switches the theme and no script runs. Lines and bars reach 3 to 1
on both grounds, words 4.5 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from liqcore.charts import palette

Paint = dict[str, str]
Chart = TypeVar("Chart")


def _ink(dark: str, light: str) -> Paint:
    return {"expr": f"luminance(background) < 0.4 ? '{dark}' : '{light}'"}


LONG: Final = _ink(palette.LONG, "#b3560d")
SHORT: Final = _ink(palette.SHORT, "#1f6fb5")
NOW: Final = _ink("#ffe08a", "#977400")
GAIN: Final = _ink("#7fd1b9", "#0f7a62")
DANGER: Final = _ink("#ff6b5e", "#c22f22")
INK: Final = _ink("#e6edf3", "#1f242b")
QUIET: Final = _ink("#9aa7b5", "#66717d")
DIM: Final = _ink("#65717f", "#8a94a0")
# Hairlines and fields that only part what is drawn from what is not.
LINE: Final = _ink("#3a4352", "#c3cad2")
EMPTY: Final = _ink("#30343b", "#e4e7eb")
GROUND: Final = {"expr": "background"}
# Vega writes a milliard as G.
USD_AXIS: Final = "replace(format(datum.value, '$~s'), 'G', 'B')"
# Streamlit's own grey of axes and legends stays below 4.5 to 1 on a light page.
_WORDS: Final = {"labelColor": QUIET, "titleColor": QUIET}
CONFIG: Final[dict[str, Any]] = {
    "axis": _WORDS,
    "legend": _WORDS,
    "header": _WORDS,
    # Names stand beside what they name; Streamlit moves the first and the last of them inwards.
    "axisYBand": {"labelFlush": False},
    "axisYPoint": {"labelFlush": False},
}


def inked(chart: Chart) -> Chart:
    """A whole Altair chart whose axes and legends are read on both grounds."""
    return chart.properties(config=CONFIG)  # type: ignore[attr-defined]


def halo(text: dict[str, Any]) -> list[dict[str, Any]]:
    """A text mark twice: once broad in the page's colour, so that lines behind it do not cross the words."""
    return [{**text, "stroke": GROUND, "strokeWidth": 4, "color": GROUND}, {**text, "color": INK}]


def whole(layers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Vega-Lite layers whose marks are not named one by one to those who hear them: the chart's own words say
    all of it."""

    def quiet(mark: Any) -> dict[str, Any]:
        return {**(mark if isinstance(mark, dict) else {"type": mark}), "aria": False}

    return [{**layer, "mark": quiet(layer["mark"])} if "mark" in layer else layer for layer in layers]


def spec(layers: Sequence[dict[str, Any]], datasets: dict[str, Any], height: int) -> dict[str, Any]:
    """A Vega-Lite chart on the page's own ground; axes and legends take Streamlit's theme in our
    ink."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "height": height,
        "layer": whole(layers),
        "datasets": datasets,
        "config": CONFIG,
    }
