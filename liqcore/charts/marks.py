"""Inks of the charts beside the map, on the dark panel that they share."""

from __future__ import annotations

from typing import Final

UP: Final = "#ffffff"
DOWN: Final = "#8fb8de"
NOW: Final = "#ffe08a"
INK: Final = "#e6edf3"
QUIET: Final = "#9aa7b5"
LINE: Final = "#2a313c"
GAP: Final = "#1d232d"
STRIPE: Final = "#3a4352"

NARROW: Final = "width < 560"
