"""A HeatGrid and candles as one map for the browser, with the words that go with it.

The map is drawn from the grid's own cells by the code in `assets/heat.js`: side, scale, palette, threshold,
zoom and orientation never come back to Python. Nothing here knows Streamlit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pandas as pd

from liqcore import tables
from liqcore.charts import data as chart_data, payload
from liqcore.charts.data import ChartError
from liqcore.charts.palette import ColourScale, Kind, colour_scale
from liqcore.charts.words import Words
from liqcore.heat.grid import HeatGrid

__all__ = ["ChartError", "Look", "Picture", "picture", "shown_cells"]

Side = Literal["long", "short", "both", "net"]

# More columns or bands than this are narrower than a pixel on most screens, and cannot be pointed at.
MOST_COLUMNS: Final = 1_600
MOST_BANDS: Final = 600


@dataclass(frozen=True)
class Look:
    """How a map is drawn at first; from then on the reader decides, in the browser.

    Attributes
    ----------
    side : `both` (added), `long`, `short`, or `net` (long minus short, diverging colours).
    scale : `log`, `linear`, `percentile`, or `auto`: logarithmic for events, which differ by factors of
        thousands, linear for levels, which differ little.
    hide : USD below which a cell is not drawn.
    domain : USD that pin the two ends of the colours.
    upright : time to the right and price up, as on trading screens; else price to the right.
    """

    side: Side = "both"
    scale: Kind | Literal["auto"] = "auto"
    palette: str = "inferno"
    hide: float = 0.0
    domain: tuple[float, float] | None = None
    price: Literal["candles", "line", "none"] = "candles"
    volume: bool = True
    profile: bool = True
    upright: bool = True

    def kind(self, grid: HeatGrid) -> Kind:
        """The scale that `auto` means for a grid."""
        if self.scale != "auto":
            return self.scale
        return "linear" if grid.is_stock else "log"

    def head(self) -> dict[str, Any]:
        """What differs from the defaults."""
        default = Look()
        return {name: value for name, value in vars(self).items() if value != getattr(default, name)}


@dataclass(frozen=True, eq=False)
class Picture:
    """A map ready to be sent.

    Attributes
    ----------
    grid : the cells as they are drawn.
    bars : the candles as they are drawn.
    words : what it says.
    notes : what a careful reader should know about this drawing.
    layers : `levels`, `boxes` and `marks` over it, one dict each.
    """

    grid: HeatGrid
    bars: chart_data.Bars
    words: Words
    notes: tuple[str, ...]
    layers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def alt(self) -> str:
        return self.words.alt()

    def colour(self, look: Look) -> ColourScale:
        """The colours that a look gives these cells."""
        return colour_scale(
            self.grid.side(look.side), look.kind(self.grid), look.palette, look.domain, look.side == "net"
        )

    def payload(self, key: str, look: Look | None = None, **options: Any) -> bytes:
        """The bytes of the map. `options` go into the head: see `liqcore.views.heat.heatmap`."""
        words = self.words
        caption = options.get("caption")
        head = {
            "look": (look or Look()).head(),
            "unit": words.unit,
            "empty": words.empty,
            "alt": f"{caption}. {words.alt()}" if caption else words.alt(),
            "title": f"{caption}: {words.title()}" if caption else words.title(),
        }
        return payload.heat(self.grid, self.bars, key=key, **(head | options))


def picture(
    grid: HeatGrid,
    candles: pd.DataFrame | None = None,
    *,
    levels: pd.DataFrame | None = None,
    boxes: pd.DataFrame | None = None,
    marks: pd.DataFrame | None = None,
) -> Picture:
    """Make a map of a grid.

    Parameters
    ----------
    grid : what to draw. More than 1,600 columns or 600 price bands are joined by `rebin`, and the notes say
        so.
    candles : candles table, or None. At most 2,000 are sent; more are joined exactly.
    levels : `price`, `label` (and `role`, the name of an ink; `drag`, a name by which it can be dragged).
    boxes : `time_from`, `time_to`, `price_from`, `price_to` (and `label`, `side`).
    marks : `time`, `price`, `label` (and `number`, else 1, 2, 3): numbered notes on the map.

    Raises
    ------
    ChartError
        Annotations that cannot be drawn.
    """
    drawn, joined = shown_cells(grid)
    bars = chart_data.candles_drawn(candles, drawn.time_edges[0], drawn.time_edges[-1])
    words = Words(drawn, _last_price(candles, drawn), joined)
    noted = chart_data.placed(marks, "marks", ("time", "price", "label"))
    return Picture(
        drawn,
        bars,
        words,
        words.notes(bars.merged),
        {
            "levels": chart_data.placed(levels, "levels", ("price", "label")),
            "boxes": chart_data.placed(boxes, "boxes", ("time_from", "time_to", "price_from", "price_to")),
            "marks": [{"number": k, **one} for k, one in enumerate(noted, 1)],
        },
    )


@functools.lru_cache(maxsize=8)
def shown_cells(grid: HeatGrid) -> tuple[HeatGrid, tuple[int, int]]:
    """The grid with no more columns and bands than can be shown, and how many were joined each way."""
    by = math.ceil(grid.shape[0] / MOST_COLUMNS), math.ceil(grid.shape[1] / MOST_BANDS)
    return (grid, by) if by == (1, 1) else (grid.rebin(time=by[0], price=by[1]), by)


def _last_price(candles: pd.DataFrame | None, grid: HeatGrid) -> float | None:
    """Close of the last candle that opened before the grid's end."""
    if candles is None or not len(candles):
        return None
    source = tables.ensure(candles, "candles")
    end = grid.time_edges[-1].astype("datetime64[us]").astype("int64")
    before = int(tables.microseconds(source["time"]).searchsorted(end, "left"))
    return float(source["close"].iloc[before - 1]) if before else None


def asked_look(asked: Mapping[str, str]) -> Look:
    """Side, scale and threshold that an address asks for, for words about colours; the browser reads all."""
    side = {"longs": "long", "shorts": "short"}.get(
        asked.get("side", "").lower(), asked.get("side", "").lower()
    )
    scale = asked.get("scale", "").lower()
    return Look(
        side=side if side in ("long", "short", "net") else "both",  # type: ignore[arg-type]
        scale=scale if scale in ("log", "linear", "percentile") else "auto",  # type: ignore[arg-type]
    )
