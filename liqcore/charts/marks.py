"""Inks of the charts beside the map, on the dark panel that they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

UP: Final = "#ffffff"
DOWN: Final = "#8fb8de"
NOW: Final = "#ffe08a"
INK: Final = "#e6edf3"
QUIET: Final = "#9aa7b5"
LINE: Final = "#2a313c"
GAP: Final = "#1d232d"
STRIPE: Final = "#3a4352"

NARROW: Final = "width < 560"


def whole(layers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Vega-Lite layers whose marks are not named one by one to those who hear them: the chart's own words say
    all of it."""

    def quiet(mark: Any) -> dict[str, Any]:
        return {**(mark if isinstance(mark, dict) else {"type": mark}), "aria": False}

    return [{**layer, "mark": quiet(layer["mark"])} if "mark" in layer else layer for layer in layers]
