"""The heatmap and its profile as Altair charts for notebooks and files: static, and small enough to keep.

The heat is one palette picture under real axes, as sharp as the chart is wide; candles, levels and the
legend are ordinary marks. What is joined to fit is added up by `HeatGrid.rebin`, never sampled.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from typing import Any, Final, Literal

import altair as alt
import numpy as np
import pandas as pd
from PIL import Image

from liqcore import tables
from liqcore.charts.marks import USD_AXIS
from liqcore.charts.palette import LONG, PANEL, SHORT, ColourScale, Kind, colour_scale, drawn_colours, hexes
from liqcore.charts.times import UTC
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.market.candles import bar_length, resample
from liqcore.wording import day, duration, percent, period, price as in_usd, usd, venues

Side = Literal["long", "short", "both", "net"]

MAX_BYTES: Final = 150_000
_MOST_CANDLES: Final = 240
_MOST_BANDS: Final = 150
# Cells narrower than two pixels cannot be seen; a chart that is too large nevertheless is drawn coarser.
_PIXELS_A_CELL: Final = 2
_SIDES: Final = {"both": "longs and shorts", "long": "longs", "short": "shorts", "net": "longs minus shorts"}
_UP, _DOWN, _LEVEL, _GAP, _INK = "#ffffff", "#8fb8de", "#ffe08a", "#3a4352", "#3d4652"
_MEANING: Final = {
    "realised": "these happened",
    "modelled": "where a model puts open positions, not observed",
    "measured": "where publicly known positions would be closed",
}
_COMPLETE: Final = {
    "all": "every liquidation",
    "sampled": "only a sample of their liquidations",
    "mixed": "some complete, some sampled",
}


def chart(
    grid: HeatGrid,
    candles: pd.DataFrame | None = None,
    *,
    side: Side = "both",
    palette: str = "inferno",
    scale: Kind = "log",
    domain: tuple[float, float] | None = None,
    levels: Sequence[float] = (),
    title: str | None = None,
    width: int = 760,
    height: int = 420,
) -> alt.LayerChart:
    """Draw a heatmap for a notebook or a file: in a notebook it shows itself, `.save("map.png")` keeps it.

    Parameters
    ----------
    grid : what to draw; of a part of it, `grid.crop(...)`.
    candles : candles table to draw over the heat, or None; joined exactly until at most 240 are left.
    side : `long`, `short`, `both` (added), or `net` (long minus short, diverging colours).
    palette, scale, domain : `inferno`, `viridis` or `cividis`; `log`, `linear` or `percentile`; USD at the
        two ends of the colours, by default fitted to the cells.
    levels : USD; each a labelled line.
    title : in place of what the grid is. The lines below it say kind, venues, completeness and USD per cell.
    width, height : of the plot, in pixels.

    Returns
    -------
    LayerChart of at most 150 kB as JSON; its description is the takeaway in words.

    Raises
    ------
    GridError, PaletteError
        An unknown side, palette or scale, or an empty domain.
    """
    if side not in _SIDES:
        raise GridError(f"A side is one of {', '.join(_SIDES)}, not {side!r}.")
    marks = [*_gaps(grid), *_candles(candles, grid), *_levels(levels)]
    for coarser in range(1, 9):
        pixels = coarser * _PIXELS_A_CELL
        drawn = _fitting(grid, max(width // pixels, 1), max(height // pixels, 1))
        values = drawn.side(side)
        colour = colour_scale(values, scale, palette, domain, diverging=side == "net")
        out = alt.layer(_heat(drawn, values, colour), _legend(colour), *marks).properties(
            width=width,
            height=height,
            title=alt.TitleParams(
                title or f"{grid.kind.capitalize()} liquidations: {_SIDES[side]}",
                subtitle=_said(drawn, colour),
                anchor="start",
                color=_INK,
                subtitleColor=_INK,
            ),
            description=_takeaway(drawn, side),
            view=alt.ViewBackground(fill=PANEL, stroke=None),
        )
        if len(out.to_json(indent=None)) <= MAX_BYTES:
            break
    return out


def profile(
    grid: HeatGrid, price: float | None = None, *, width: int = 300, height: int = 420
) -> alt.LayerChart:
    """USD by price, longs and shorts apart, with curves that add up from `price`.

    Of events the whole window is summed, of states (modelled, measured) the last column stands.

    Parameters
    ----------
    grid : what to sum; bands are joined exactly until at most 150 are left.
    price : USD from which the curves run, down over longs and up over shorts; None draws none.
    """
    drawn = _fitting(grid, grid.shape[0], _MOST_BANDS)
    bands = drawn.profile().melt(["price_low", "price_high"], list(tables.SIDES), "side", "usd")
    bands = bands[bands["usd"] > 0].assign(
        label=lambda rows: [usd(value) for value in rows["usd"]],
        price_low=lambda rows: rows["price_low"].round(2),
        price_high=lambda rows: rows["price_high"].round(2),
    )
    colour = alt.Color(
        "side:N",
        scale=alt.Scale(domain=list(tables.SIDES), range=[LONG, SHORT]),
        legend=alt.Legend(title=None, orient="top"),
    )
    y = _price_axis(drawn)
    layers: list[Any] = [
        alt.Chart(bands)
        .mark_rect(stroke=None, opacity=0.6)
        .encode(
            x=alt.X("from:Q", title="USD", axis=alt.Axis(labelExpr=USD_AXIS, grid=False)),
            x2="to:Q",
            y=alt.Y("price_low:Q", **y),
            y2="price_high:Q",
            color=colour,
            tooltip=["side:N", "price_low:Q", "price_high:Q", alt.Tooltip("label:N", title="USD")],
        )
        .transform_stack(stack="usd", as_=["from", "to"], groupby=["price_low", "price_high"])
    ]
    if price is not None:
        # Added up over the grid's own bands, then shown at the edges of those drawn.
        curve = grid.cumulative(price).rename(columns={"long_below": "long", "short_above": "short"})
        curve = curve[curve["price"].isin([*drawn.price_edges, price])]
        lines = curve.melt(["price"], list(tables.SIDES), "side", "usd").round(2)
        down = np.where(lines["side"] == "long", lines["price"] <= price, lines["price"] >= price)
        layers += [
            alt.Chart(lines[down])
            .mark_line(strokeWidth=2)
            .encode(
                x=alt.X("usd:Q", title="Added up from the price, USD", axis=alt.Axis(labelExpr=USD_AXIS)),
                y=alt.Y("price:Q", **y),
                color=colour,
                order="price:Q",
            ),
            *_levels([price]),
        ]
    when = "at the end of the map" if grid.is_stock else "over the whole window"
    heading = alt.TitleParams(
        f"{grid.kind.capitalize()} liquidations by price",
        subtitle=[f"{_MEANING[grid.kind]}; {when}", _venues(grid)],
        anchor="start",
        color=_INK,
        subtitleColor=_INK,
    )
    return (
        alt.layer(*layers)
        .resolve_scale(x="independent")
        .properties(
            width=width,
            height=height,
            title=heading,
            description=_takeaway(drawn, "both"),
            view=alt.ViewBackground(fill=PANEL, stroke=None),
        )
    )


def _fitting(grid: HeatGrid, columns: int, bands: int) -> HeatGrid:
    by = math.ceil(grid.shape[0] / columns), math.ceil(grid.shape[1] / bands)
    return grid if by == (1, 1) else grid.rebin(time=by[0], price=by[1])


def _milliseconds(times: np.ndarray) -> np.ndarray:
    return times.astype("datetime64[ms]").astype("int64")


def _time_axis() -> dict[str, Any]:
    return {"scale": alt.Scale(type="utc", nice=False), "axis": alt.Axis(**UTC.axis)}


def _price_axis(grid: HeatGrid) -> dict[str, Any]:
    low, high = float(grid.price_edges[0]), float(grid.price_edges[-1])
    return {
        "scale": alt.Scale(type=grid.scale, domain=[low, high], nice=False, zero=False, clamp=True),
        "axis": alt.Axis(title="BTC price, USD", format=",.0f", grid=False, labelOverlap=True),
    }


def _heat(grid: HeatGrid, values: np.ndarray, colour: ColourScale) -> alt.Chart:
    """The cells as one picture: rows even in the axis's own measure, so that the picture can be stretched."""
    measured = np.log(grid.price_edges) if grid.scale == "log" else grid.price_edges
    columns = _lattice(_milliseconds(grid.time_edges).astype(np.float64))
    bands = _lattice(measured)[::-1]
    image = Image.fromarray(
        np.ascontiguousarray(colour.pixels(values, values != 0).T[np.ix_(bands, columns)])
    )
    image.putpalette(np.vstack([np.zeros((1, 3), np.uint8), drawn_colours(colour.palette)]).tobytes())
    packed = io.BytesIO()
    image.save(packed, "PNG", optimize=True, transparency=0)
    edge = _milliseconds(grid.time_edges[[0, -1]]).tolist()
    row = {
        "start": edge[0],
        "end": edge[1],
        "low": float(grid.price_edges[0]),
        "high": float(grid.price_edges[-1]),
        "url": "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode(),
    }
    return (
        alt.Chart(alt.InlineData(values=[row]))
        .mark_image(aspect=False, smooth=False)
        .encode(
            x=alt.X("start:T", **_time_axis()),
            x2="end:T",
            y=alt.Y("low:Q", **_price_axis(grid)),
            y2="high:Q",
            url="url:N",
        )
    )


def _lattice(edges: np.ndarray) -> np.ndarray:
    """Which bin covers each of evenly spaced places: the bins themselves where they are even already."""
    widths = np.diff(edges)
    count = min(round((edges[-1] - edges[0]) / widths.min()), 2_000)
    places = edges[0] + (np.arange(count) + 0.5) * (edges[-1] - edges[0]) / count
    return np.clip(np.searchsorted(edges, places, "right") - 1, 0, len(widths) - 1)


def _legend(colour: ColourScale) -> alt.Chart:
    """A point nobody sees, for the legend of a picture."""
    ticks = colour.legend()
    words = " : ".join(f"datum.value == {place!r} ? '{text}'" for place, text in ticks)
    shown = hexes(drawn_colours(colour.palette)[::6])
    return (
        alt.Chart(alt.InlineData(values=[{"share": 0.0}]))
        .mark_point(opacity=0)
        .encode(
            color=alt.Color(
                "share:Q",
                scale=alt.Scale(domain=[0, 1], range=shown),
                legend=alt.Legend(
                    title="USD per cell",
                    values=[place for place, _ in ticks],
                    labelExpr=f"{words} : ''",
                    gradientLength=200,
                ),
            )
        )
    )


def _gaps(grid: HeatGrid) -> list[alt.Chart]:
    """Stretches of time that nobody watched: gaps, not zeros."""
    if grid.observed is None or grid.observed.all():
        return []
    turns = np.flatnonzero(np.diff(np.concatenate([[True], grid.observed, [True]])))
    edge = _milliseconds(grid.time_edges)
    rows = [
        {"start": int(edge[first]), "end": int(edge[last]), "what": "No data was collected"}
        for first, last in zip(turns[::2], turns[1::2], strict=True)
    ]
    return [
        alt.Chart(alt.InlineData(values=rows))
        .mark_rect(color=_GAP, opacity=0.7)
        .encode(x=alt.X("start:T", **_time_axis()), x2="end:T", tooltip="what:N")
    ]


def _candles(candles: pd.DataFrame | None, grid: HeatGrid) -> list[alt.Chart]:
    if candles is None or not len(candles):
        return []
    bars = tables.ensure(candles, "candles")
    length = bar_length(bars)
    opened = tables.microseconds(bars["time"]).view("datetime64[us]")
    inside = (opened >= grid.time_edges[0]) & (opened < grid.time_edges[-1])
    # Bars begin at whole multiples, so that the first and the last may be short.
    joined = math.ceil(np.count_nonzero(inside) / (_MOST_CANDLES - 1))
    if not joined:
        return []
    kept = bars[inside].reset_index(drop=True)
    kept = resample(kept, joined * length, partial=True, source=length) if joined > 1 else kept
    rows = kept[["open", "high", "low", "close"]].round(2)
    rows.insert(
        0,
        "time",
        _milliseconds(tables.microseconds(kept["time"]).view("datetime64[us]") + joined * length // 2),
    )
    base = alt.Chart(alt.InlineData(values=rows.to_dict("records"))).encode(
        x=alt.X("time:T", **_time_axis()),
        color=alt.condition("datum.close >= datum.open", alt.value(_UP), alt.value(_DOWN)),
        tooltip=[
            alt.Tooltip("time:T", format="%Y-%m-%d %H:%M", title="UTC"),
            "open:Q",
            "high:Q",
            "low:Q",
            "close:Q",
        ],
    )
    y = _price_axis(grid)
    return [
        base.mark_rule(clip=True).encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        base.mark_bar(clip=True, size=2.2).encode(y=alt.Y("open:Q", **y), y2="close:Q"),
    ]


def _levels(levels: Sequence[float]) -> list[alt.Chart]:
    if not len(levels):
        return []
    rows = [{"price": float(price), "label": in_usd(price)} for price in levels]
    base = alt.Chart(alt.InlineData(values=rows)).encode(y="price:Q")
    text = {"align": "left", "baseline": "bottom", "dx": 4, "dy": -2, "x": 0}
    return [
        base.mark_rule(color=_LEVEL, strokeDash=[6, 4]),
        base.mark_text(color=PANEL, stroke=PANEL, strokeWidth=4, **text).encode(text="label:N"),
        base.mark_text(color=_LEVEL, **text).encode(text="label:N"),
    ]


def _venues(grid: HeatGrid) -> str:
    names = venues(name for name in grid.provenance.venue_names if name != "unknown")
    if not names:
        return f"{grid.provenance.source}, venue not named"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    complete = _COMPLETE.get(grid.provenance.completeness, "completeness unknown")
    return f"{', '.join(names[:5])}{more} ({complete})"


def _said(grid: HeatGrid, colour: ColourScale) -> list[str]:
    """Kind, venues, span and the size of a cell: without them the colours mean nothing."""
    column = np.median(np.diff(_milliseconds(grid.time_edges))) / 1_000
    band = grid.price_edges[1] - grid.price_edges[0]
    width = percent(band / grid.price_edges[0]) if grid.scale == "log" else usd(band)
    cell = f"{width} of price" if grid.is_stock else f"{duration(float(column))} × {width}"
    return [
        f"{_MEANING[grid.kind]}; {_venues(grid)}",
        f"{period(*grid.time_edges[[0, -1]])}; a cell is {cell}, {colour.words()}",
    ]


def _takeaway(grid: HeatGrid, side: Side) -> str:
    values = np.abs(grid.side(side))
    if grid.is_stock:
        values = values[-1:]
    first, last = (
        day(moment) for moment in (grid.time_edges[0], grid.time_edges[-1] - np.timedelta64(1, "us"))
    )
    span = first if first == last else f"{first} to {last}"
    said = f"{grid.kind.capitalize()} liquidations ({_SIDES[side]}), {span}."
    if not values.any():
        return f"{said} No cell holds anything."
    band = int(values.max(axis=0).argmax())
    low, high = grid.price_edges[band : band + 2]
    digits = None if high - low >= 2 else 2  # neighbouring bands must read differently
    return (
        f"{said} The largest cell{' at the end' if grid.is_stock else ''} holds {usd(float(values.max()))} at"
        f" {in_usd(low, digits=digits)} to {in_usd(high, digits=digits)}."
    )
