"""The start page's story: which view it opens with, what is marked on it, and where its links lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from liqcore.feeds.history.presets import PRESETS
from liqcore.heat.grid import HeatGrid
from liqcore.service.dataset import DataError, Dataset, ViewSettings
from liqcore.views import explain, loaders, shell

LAYERS: Final = {"modelled": "Positions that would be closed", "realised": "Past liquidations"}


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
        shell.path("walkthrough"),
        "Walk through classic scenarios",
        "Ten made-up markets step by step, with questions; your first answers are scored.",
        ":material/school:",
        {},
    ),
    Link(
        shell.path("practice"),
        "Practise with the future hidden",
        "Say what you expect, trade on paper, and see how you did against the base rate.",
        ":material/target:",
        {},
    ),
    Link(
        shell.path("explore"),
        "Explore what happened",
        "Realised liquidations by venue, side and timeframe, with price on top.",
        ":material/grid_on:",
        {"layer": "realised"},
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


def settings(layer: str, data: Dataset) -> ViewSettings:
    """The view the start page opens with: a day of the market of now, or the sample's whole fortnight."""
    window = PRESETS.get(data.window)
    return ViewSettings(
        layer="realised" if layer == "realised" else "modelled",
        timeframe="1h" if window is None else window.columns,
        hours=None if window is None else float(window.hours),
        bins=120,
    )


def waits(data: Dataset, layer: str) -> str | None:
    """A sentence where liquidations are asked for and nobody has told one yet, else None."""
    if layer == "modelled" or data.liquidations is not None:
        return None
    return (
        "Nobody has told a liquidation of the last day yet; venues are asked for them while this app runs."
        " Until they come, here is the modelled map."
    )


def view(data: Dataset, layer: str) -> tuple[HeatGrid, pd.DataFrame | None]:
    """The heatmap of the start page and its candles."""
    asked = settings(layer, data)
    return loaders.heatmap(data, asked), loaders.price_bars(data, asked)


def first_look(grid: HeatGrid, bars: pd.DataFrame | None, now: pd.Timestamp | None = None) -> Story:
    """Three things to notice on the given heatmap, numbered from 1."""
    if bars is None:
        raise DataError("This market has no candles. Run `make samples` to build the sample again.")
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
