"""A HeatGrid and candles as one Vega-Lite chart, with the words that go with it.

Use: `st.vega_lite_chart(spec=chart.spec, key=..., alt=chart.alt)`. Nothing here knows Streamlit.

The heat is one palette picture under real axes (a screen of cells costs a few kilobytes and no marks); what
the reader points at is looked up in strings that hold every cell's own USD (`chart_hover`, `chart_readout`),
so a hover is exact on smooth modelled grids and on scattered real events alike. Sparse event grids are drawn
as one small rectangle a cell instead of a picture, because a picture shrunk to a phone drops single pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from liqcore import tables
from liqcore.charts import data as chart_data, hover as chart_hover
from liqcore.charts.data import ChartError
from liqcore.charts.marks import Structure
from liqcore.charts.palette import DIVERGING, ColourScale, Kind, colour_scale
from liqcore.charts.spec import DATASETS, template
from liqcore.charts.words import Words
from liqcore.heat.grid import HeatGrid

__all__ = ["Chart", "ChartError", "heatmap_chart", "shared_colour"]

Side = Literal["long", "short", "both", "net"]

# More columns or bands than this are narrower than a pixel on most screens, and cannot be pointed at.
_MOST_COLUMNS: Final = {"realised": 480, "modelled": 1000, "measured": 1000}
_MOST_BANDS: Final = 400
_SPARSE: Final = 4_000
_TABLE_ROWS: Final = 100


@dataclass(frozen=True, eq=False)
class Chart:
    """A drawn heatmap.

    Attributes
    ----------
    spec : Vega-Lite with Arrow tables in `spec["datasets"]`.
    alt : the takeaway in one or two sentences, for screen readers and captions.
    legend : how to read the colours.
    notes : what a careful reader should know about this drawing.
    colour : the scale used; give it to another chart and the two can be compared.
    """

    spec: dict[str, Any]
    alt: str
    legend: str
    notes: tuple[str, ...]
    colour: ColourScale

    @property
    def table(self) -> pd.DataFrame:
        """The same cells in words, largest first."""
        return self.spec["datasets"]["table"].to_pandas()


def shared_colour(
    grids: list[HeatGrid],
    side: Side = "both",
    scale: Kind = "log",
    palette: str = "inferno",
    domain: tuple[float, float] | None = None,
) -> ColourScale:
    """One colour scale for several grids, fitted to all their cells."""
    return colour_scale([grid.side(side) for grid in grids], scale, palette, domain, diverging=side == "net")


def heatmap_chart(
    grid: HeatGrid,
    candles: pd.DataFrame | None = None,
    *,
    side: Side = "both",
    colour: ColourScale | None = None,
    palette: str = "inferno",
    scale: Kind = "log",
    domain: tuple[float, float] | None = None,
    threshold: float = 0.0,
    price_line: Literal["candles", "line", "none"] = "candles",
    orientation: Literal["time-right", "price-right"] = "time-right",
    height: int = 520,
    zoom: Literal["shift", "off", "wheel"] = "shift",
    select: bool = False,
    volume: bool = False,
    profile: bool = False,
    marks: pd.DataFrame | None = None,
    levels: pd.DataFrame | None = None,
    outlines: pd.DataFrame | None = None,
    title: str | None = None,
    now: object = None,
    renderer: Literal["canvas", "svg"] = "canvas",
) -> Chart:
    """Draw a heatmap.

    Parameters
    ----------
    grid : what to draw. More than 400 price bands, or more columns than can be pointed at (480 of events,
    1,000
        of states), are joined by `rebin`, and the notes say so.
    candles : candles table, or None. At most 500 are drawn; more are merged exactly.
    side : `long`, `short`, `both` (added), or `net` (long minus short, diverging colours).
    colour : a scale to reuse; else one is made from `palette`, `scale` and `domain` (low, high in USD).
    threshold : USD a cell needs to be drawn (and to show its value).
    orientation : `time-right` (price up) or `price-right` (time up).
    zoom : `shift` (Shift and the wheel; the page keeps scrolling), `wheel`, or `off`.
    select : a click selects the cell; read it from the event as `selection.picked`.
    volume : a strip of traded volume with the takers' net buying or selling.
    profile : USD by price beside the grid, with curves that add up from the current price.
    marks : `time`, `price`, `label` (and `number`, else 1, 2, 3): numbered notes on the map.
    levels : `price`, `label`: lines at prices.
    outlines : `time_from`, `time_to`, `price_from`, `price_to` (and `label`, `side`): boxes.
    now : moment whose price is marked as current; by default the last candle's close is marked as last.

    Raises
    ------
    ChartError, PaletteError
        Options or annotations that cannot be drawn.
    """
    _check(side, price_line, orientation, zoom, threshold)
    drawn, joined = _fitting(grid)
    filled, shown = _drawn_cells(drawn, side, threshold)
    if colour is None:
        colour = colour_scale(drawn.side(side), scale, palette, domain, diverging=side == "net")
    elif colour.diverging != (side == "net"):
        raise ChartError(
            "A scale for long minus short cannot colour one side, nor the other way round. Make a scale for"
            " this view."
        )
    structure = Structure(
        orientation=orientation,
        log_price=log_spaced(drawn.price_edges),
        flow=not drawn.is_stock,
        price_line=price_line,
        zoom=zoom,
        volume=volume,
        profile=profile,
        select=select,
        titled=bool(title),
        height=int(height),
        renderer=renderer,
    )
    bars = chart_data.candles_drawn(candles, drawn.time_edges[0], drawn.time_edges[-1])
    price = _price_now(candles, drawn, now)
    words = Words(
        drawn, side, colour, threshold, price, marked_now=now is not None, title=title or "", joined=joined
    )
    data = {
        **_picture_data(drawn, side, colour, filled, shown, structure, words, bars),
        "table": chart_hover.in_words(drawn, shown, words.venues, words.kind, words.digits, _TABLE_ROWS),
        **_annotation_data(drawn, marks, levels, outlines),
    }
    return Chart(
        spec={**template(structure), "datasets": {name: data[name] for name in DATASETS}},
        alt=words.alt(chart_hover.largest(drawn, shown)),
        legend=words.legend(),
        notes=words.notes(zoom, bars.merged),
        colour=colour,
    )


def log_spaced(edges: np.ndarray) -> bool:
    """Whether bins are even in the logarithm of price; a last bin cut short by rebinning does not count."""
    if len(edges) < 4:
        return False
    even, ratio = np.diff(edges)[:-1], np.diff(np.log(edges))[:-1]
    return bool(np.ptp(even) > 1e-6 * even.mean() and np.ptp(ratio) <= 1e-4 * ratio.mean())


def _check(side: str, price_line: str, orientation: str, zoom: str, threshold: float) -> None:
    for name, value, allowed in (
        ("side", side, ("long", "short", "both", "net")),
        ("price line", price_line, ("candles", "line", "none")),
        ("orientation", orientation, ("time-right", "price-right")),
        ("zoom", zoom, ("shift", "off", "wheel")),
    ):
        if value not in allowed:
            raise ChartError(f"The {name} {value!r} is not known. Choose one of {', '.join(allowed)}.")
    if not (math.isfinite(threshold) and threshold >= 0):
        raise ChartError(f"The threshold {threshold:g} USD is not an amount. Give 0 or more.")


def _fitting(grid: HeatGrid) -> tuple[HeatGrid, tuple[int, int]]:
    """The grid with no more columns and bands than can be shown, and how many were joined each way."""
    by = math.ceil(grid.shape[0] / _MOST_COLUMNS[grid.kind]), math.ceil(grid.shape[1] / _MOST_BANDS)
    return (grid, by) if by == (1, 1) else (grid.rebin(time=by[0], price=by[1]), by)


def _drawn_cells(grid: HeatGrid, side: Side, threshold: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(T, P) bool of the cells drawn, and of each side (P, T) USD, a row a band, with 0 elsewhere."""
    size = np.abs(grid.net) if side == "net" else grid.side(side)
    filled = (size > 0) if threshold <= 0 else (size >= np.float32(threshold)) & (size > 0)
    sides = ("long", "short") if side in ("both", "net") else (side,)
    by_band = {name: np.ascontiguousarray(grid.side(name).T) for name in sides}  # type: ignore[arg-type]
    if threshold > 0 or side == "net":
        drawn = np.ascontiguousarray(filled.T)
        for values in by_band.values():
            values *= drawn
    return filled, by_band


def _price_now(candles: pd.DataFrame | None, grid: HeatGrid, now: object) -> float | None:
    """Close of the last candle that opened before `now`, by default before the grid's end."""
    if candles is None or not len(candles):
        return None
    end = grid.time_edges[-1] if now is None else tables.to_datetime64(now)
    source = tables.ensure(candles, "candles")
    last = (
        int(
            np.searchsorted(
                tables.microseconds(source["time"]), end.astype("datetime64[us]").astype("int64"), "left"
            )
        )
        - 1
    )
    return float(source["close"].iloc[last]) if last >= 0 else None


def _picture_data(
    grid: HeatGrid,
    side: Side,
    colour: ColourScale,
    filled: np.ndarray,
    shown: dict[str, np.ndarray],
    structure: Structure,
    words: Words,
    bars: chart_data.Bars,
) -> dict[str, pa.Table]:
    palette = DIVERGING if colour.diverging else colour.palette
    columns = chart_hover.time_lattice(grid.time_edges)
    bands = chart_hover.price_lattice(grid.price_edges, structure.log_price)
    pixels = colour.pixels(grid.side(side), filled)
    sparse = not grid.is_stock and int(np.count_nonzero(filled)) <= _SPARSE
    edge = chart_data.milliseconds(grid.time_edges)
    lowest = chart_hover.lowest_decade(*shown.values())
    beside = chart_data.profile(grid, words.reference) if structure.profile else chart_data.NO_PROFILE
    seen = grid.observed
    frame = {
        "time_from": edge[0],
        "time_to": edge[-1],
        "price_from": grid.price_edges[0],
        "price_to": grid.price_edges[-1],
        "time_origin": columns.origin,
        "time_step": columns.step,
        "time_bins": "" if columns.even else chart_hover.in_digits(columns.bins),
        "price_origin": bands.origin,
        "price_step": bands.step,
        "price_steps": len(bands.bins),
        "price_bins": "" if bands.even else chart_hover.in_digits(bands.bins),
        "columns": grid.shape[0],
        "lowest": lowest,
        "below": chart_hover.below_text(lowest),
        "gaps": "" if seen is None or seen.all() else "".join(np.where(seen, "0", "1")),
        "flow": not grid.is_stock,
        "net": side == "net",
        "candle_origin": bars.origin,
        "candle_step": bars.step,
        "legend_url": chart_data.legend_picture(palette),
        **words.frame(beside.bar_top, beside.curve_top, bars.top),
    }
    url = (
        chart_data.nothing()
        if sparse
        else chart_data.picture(pixels, palette, columns, bands, structure.upright)
    )
    return {
        "frame": pa.Table.from_pylist([frame]),
        "heat": pa.table(
            {
                "time_from": edge[:1],
                "time_to": edge[-1:],
                "price_from": grid.price_edges[:1],
                "price_to": grid.price_edges[-1:],
                "url": [url],
            }
        ),
        "cells": chart_data.cells(grid, pixels if sparse else pixels[:0], palette),
        "bands": pa.table(
            {
                "price_from": grid.price_edges[:-1],
                "price_to": grid.price_edges[1:],
                **_strings(grid, side, shown, lowest),
                **beside.columns,
            }
        ),
        "columns": pa.table({"edge": edge}),
        "curves": beside.curves,
        "candles": bars.rows,
        "gaps": chart_data.gaps(grid),
        "ticks": chart_data.ticks(colour),
        "swatches": pa.Table.from_pylist(words.swatches()),
    }


def _strings(grid: HeatGrid, side: Side, shown: dict[str, np.ndarray], lowest: int) -> dict[str, Any]:
    """The strings of each side, and of both together where a cell has both."""
    packed = {name: chart_hover.codes(values, lowest) for name, values in shown.items()}
    if len(packed) == 2:
        double = (packed["long"] > 0) & (packed["short"] > 0)
        if double.any():
            packed["total"] = chart_hover.codes(double * np.abs(grid.side(side)).T, lowest)
    nothing = chart_hover.no_strings(grid.shape[1])
    out: dict[str, Any] = {}
    for name in ("long", "short", "total"):
        one = (
            chart_hover.band_strings(packed[name], dense_only=grid.is_stock and name != "total")
            if name in packed
            else nothing
        )
        out |= {name: one.text, f"first_{name}": one.first}
    return out


def _annotation_data(
    grid: HeatGrid, marks: pd.DataFrame | None, levels: pd.DataFrame | None, outlines: pd.DataFrame | None
) -> dict[str, pa.Table]:
    noted = chart_data.placed(marks, "marks", ("time", "price", "label"), ("number",))
    noted["number"] = pa.array(
        [text or str(k + 1) for k, text in enumerate(noted["number"].to_pylist())], pa.string()
    )
    noted["flip"] = noted["time"] > chart_data.milliseconds(grid.time_edges[[0, -1]]).mean()
    boxes = chart_data.placed(
        outlines, "outlines", ("time_from", "time_to", "price_from", "price_to"), ("label", "side")
    )
    first, last = chart_data.milliseconds(grid.time_edges[[0, -1]]).tolist()
    # A box that begins near the end of the map has its label at its other end, or it would be cut off.
    boxes["flip"] = np.asarray(boxes["time_from"]) > first + 0.55 * (last - first)
    room = np.ptp(grid.price_edges)
    boxes["under"] = np.asarray(boxes["price_to"]) > grid.price_edges[-1] - 0.08 * room
    boxes["label_at"] = np.where(boxes["flip"], boxes["time_to"], boxes["time_from"])
    return {
        "marks": pa.table(noted),
        "levels": pa.table(chart_data.placed(levels, "levels", ("price",), ("label",))),
        "outlines": pa.table(boxes),
    }
