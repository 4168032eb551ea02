"""The start page's story: which view it opens with, what is marked on it, and where its links lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from liqcore.heat.grid import HeatGrid
from liqcore.service.dataset import DataError, ViewSettings
from liqcore.views import explain, shell

LAYERS: Final = {"modelled": "Positions that would be closed", "realised": "Liquidations that happened"}


@dataclass(frozen=True)
class Link:
    """A way onward: the page, and the view it opens with."""

    page: str
    label: str
    text: str
    icon: str
    query: dict[str, str]


LINKS: Final = (
    Link(
        shell.path("explore"),
        "Explore what happened",
        "Realised liquidations by venue, side and timeframe, with price on top.",
        ":material/grid_on:",
        {},
    ),
    Link(
        shell.path("explore"),
        "Ask what if",
        "Drag the price, change the leverage mix, and watch the modelled bands move.",
        ":material/tune:",
        {"layer": "modelled"},
    ),
    Link(
        shell.path("explore"),
        "Bring your own data",
        "Upload recorded liquidations and candles; nothing leaves your session.",
        ":material/upload_file:",
        {"data": "files"},
    ),
)


@dataclass(frozen=True, eq=False)
class Story:
    """The heatmap of the start page with its three numbered notes and their places on the chart."""

    grid: HeatGrid
    bars: pd.DataFrame
    notes: tuple[explain.Note, ...]
    marks: pd.DataFrame


def settings(layer: str) -> ViewSettings:
    """The view the start page opens with: the whole fortnight for levels, the same for events."""
    return ViewSettings(
        layer="realised" if layer == "realised" else "modelled", timeframe="1h", hours=None, bins=120
    )


def first_look(
    layer: str, grid: HeatGrid, bars: pd.DataFrame | None, now: pd.Timestamp | None = None
) -> Story:
    """Three things to notice on the given heatmap, numbered from 1."""
    if bars is None:
        raise DataError("The sample market has no candles. Run `make samples` to build it again.")
    notes = tuple(explain.notes_for_beginners(grid, bars, now))
    marks = pd.DataFrame(
        {
            "time": [note.time for note in notes],
            "price": [note.price for note in notes],
            "label": "",
            "number": range(1, len(notes) + 1),
        }
    )
    return Story(grid=grid, bars=bars, notes=notes, marks=marks)
