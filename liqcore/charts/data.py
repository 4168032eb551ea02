"""The datasets behind the heatmap: picture, candles, profile and annotations, ready to be placed."""

from __future__ import annotations

import base64
import functools
import io
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from liqcore import tables
from liqcore.charts.hover import Lattice
from liqcore.charts.palette import ColourScale, drawn_colours, hexes
from liqcore.heat.grid import HeatGrid

CANDLES_DRAWN: Final = 500
# zlib's strategy Z_RLE.
_RUNS: Final = 3


class ChartError(ValueError):
    """A chart that cannot be drawn as asked, said in one sentence."""


def milliseconds(times: np.ndarray) -> np.ndarray:
    """datetime64 as float64 milliseconds since 1970 UTC."""
    return times.astype("datetime64[us]").astype("int64") / 1000.0


def picture(pixels: np.ndarray, palette: str, columns: Lattice, bands: Lattice, upright: bool) -> str:
    """(T, P) palette indices as the data address of a PNG, one pixel a step of the lattices, 0
    transparent."""
    if not columns.even:
        pixels = pixels[columns.bins]
    if not bands.even:
        pixels = pixels[:, bands.bins]
    # The first row of a picture is its top: the highest price, or the latest time.
    rows = pixels.T[::-1] if upright else pixels[::-1]
    image = Image.fromarray(np.ascontiguousarray(rows))
    return _address(image, np.vstack([np.zeros((1, 3), np.uint8), drawn_colours(palette)]), transparent=True)


@functools.lru_cache(maxsize=16)
def legend_picture(palette: str) -> str:
    """The colours of a map from low to high as a picture of one row."""
    image = Image.fromarray(np.arange(255, dtype=np.uint8)[None, :])
    return _address(image, drawn_colours(palette), transparent=False)


def nothing() -> str:
    """A transparent picture of one pixel."""
    return _address(Image.fromarray(np.zeros((1, 1), np.uint8)), np.zeros((1, 3), np.uint8), transparent=True)


def _address(image: Image.Image, colours: np.ndarray, transparent: bool) -> str:
    image.putpalette(colours.tobytes())
    buffer = io.BytesIO()
    # Palette pictures are mostly long runs: looking for nothing else is quicker, and no larger.
    image.save(
        buffer, "PNG", compress_level=1, compress_type=_RUNS, **({"transparency": 0} if transparent else {})
    )
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def cells(grid: HeatGrid, pixels: np.ndarray, palette: str) -> pa.Table:
    """One row a filled cell, with its colour: for grids so sparse that a shrunken picture would lose
    cells."""
    column, band = np.nonzero(pixels)
    shade = pixels[column, band]
    order = np.argsort(shade, kind="stable")  # the brightest last, on top
    column, band, shade = column[order], band[order], shade[order]
    edge = milliseconds(grid.time_edges)
    return pa.table(
        {
            "time_from": edge[column],
            "time_to": edge[column + 1],
            "price_from": grid.price_edges[band],
            "price_to": grid.price_edges[band + 1],
            "colour": pa.array(hexes(drawn_colours(palette)[shade.astype(int) - 1]), pa.string()),
            "column": column.astype(np.int32),
            "band": band.astype(np.int32),
        }
    )


@dataclass(frozen=True)
class Bars:
    """Candles as drawn: rows of equal steps in ms from `origin`, and the largest volume in BTC. Step 0:
    none."""

    rows: pa.Table
    origin: float = 0.0
    step: float = 0.0
    top: float = 0.0
    merged: bool = False


def candles_drawn(
    candles: pd.DataFrame | None, start: np.datetime64, end: np.datetime64, most: int = CANDLES_DRAWN
) -> Bars:
    """Candles of the window, merged until at most `most` are left, one row a step without holes in the steps.

    Merging is exact: first open, highest high, lowest low, last close, volumes added. A step without candles
    is a row of NaN.
    """
    names = ("open", "high", "low", "close", "volume", "taker_buy_volume")
    if candles is None or not len(candles):
        return Bars(_bars({name: np.empty(0) for name in names}, 0.0, 0.0, 0.0))
    source = tables.ensure(candles, "candles")
    opened = tables.microseconds(source["time"])
    step = _usual_step(opened)
    first, last = np.searchsorted(
        opened,
        [
            start.astype("datetime64[us]").astype("int64") - step + 1,
            end.astype("datetime64[us]").astype("int64"),
        ],
    )
    kept = opened[first:last]
    if not len(kept):
        return candles_drawn(None, start, end)
    merged = math.ceil(((kept[-1] - kept[0]) // step + 1) / most) * step
    origin = int(kept[0] // merged * merged)
    slot = ((kept - origin) // merged).astype(int)
    at = np.flatnonzero(np.diff(slot, prepend=-1))
    values = {name: source[name].to_numpy()[first:last] for name in names}
    joined = {
        "open": values["open"][at],
        "high": np.maximum.reduceat(values["high"], at),
        "low": np.minimum.reduceat(values["low"], at),
        "close": values["close"][np.append(at[1:], len(kept)) - 1],
        **{name: np.add.reduceat(values[name], at) for name in names[4:]},
    }
    full = {name: np.full(slot[-1] + 1, np.nan) for name in names}
    for name in names:
        full[name][slot[at]] = joined[name]
    top = float(np.nanmax(joined["volume"])) if np.isfinite(joined["volume"]).any() else 0.0
    return Bars(
        _bars(full, origin / 1000.0, merged / 1000.0, top),
        origin / 1000.0,
        merged / 1000.0,
        top,
        merged=merged > step,
    )


def _usual_step(opened: np.ndarray) -> int:
    steps = np.diff(opened)
    return int(np.median(steps)) if len(steps) else 3_600_000_000


def _bars(bars: dict[str, np.ndarray], origin: float, step: float, top: float) -> pa.Table:
    opened = origin + step * np.arange(len(bars["close"]))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = bars["volume"] / top if top > 0 else np.full(len(opened), np.nan)
        bought = bars["taker_buy_volume"] / bars["volume"]
    return pa.table(
        {
            "time_to": opened + step,
            "left": opened + 0.12 * step,
            "middle": opened + 0.5 * step,
            "right": opened + 0.88 * step,
            **{name: bars[name] for name in ("open", "high", "low", "close", "volume")},
            "volume_share": share,
            "pressure": share * (2 * bought - 1),
            "bought": bought,
        }
    )


@dataclass(frozen=True)
class Profile:
    """USD by price beside the grid: columns for the bands, the cumulative curves, and the USD of full
    width."""

    columns: dict[str, np.ndarray]
    curves: pa.Table
    bar_top: float = 0.0
    curve_top: float = 0.0


_NO_CURVES: Final = pa.table(
    {"side": pa.array([], pa.string()), "price": np.empty(0), "long": np.empty(0), "short": np.empty(0)}
)


def profile(grid: HeatGrid, reference: float) -> Profile:
    """Bars for every band and, where columns are states, curves that add up from the reference price."""
    by_price = grid.profile()
    long, short = by_price["long"].to_numpy(), by_price["short"].to_numpy()
    curve = grid.cumulative(reference)
    price, below, above = (curve[name].to_numpy() for name in ("price", "long_below", "short_above"))
    bar_top, curve_top = (
        max(float((long + short).max()), 1e-12),
        max(float(below.max()), float(above.max()), 1e-12),
    )
    far = np.where(grid.price_centres < reference, grid.price_edges[:-1], grid.price_edges[1:])
    columns = {
        "long_usd": long,
        "short_usd": short,
        "long_share": long / bar_top,
        "short_share": short / bar_top,
        "way_usd": np.interp(far, price, below + above),
    }
    if not grid.is_stock:
        return Profile(columns, _NO_CURVES, bar_top)
    down, up = price <= reference, price >= reference
    lines = pa.table(
        {
            "side": np.repeat(["long", "short"], [down.sum(), up.sum()]).tolist(),
            "price": np.concatenate([price[down], price[up]]),
            "long": np.concatenate([below[down], below[up]]) / curve_top,
            "short": np.concatenate([above[down], above[up]]) / curve_top,
        }
    )
    return Profile(columns, lines, bar_top, curve_top)


NO_PROFILE: Final = Profile({}, _NO_CURVES)


def gaps(grid: HeatGrid) -> pa.Table:
    """Stretches of time nobody watched, in ms."""
    seen = np.ones(grid.shape[0], dtype=bool) if grid.observed is None else grid.observed
    edge = np.diff(np.concatenate([[True], seen, [True]]).astype(np.int8))
    at = milliseconds(grid.time_edges)
    start, end = at[np.flatnonzero(edge == -1)], at[np.flatnonzero(edge == 1)]
    return pa.table({"time_from": start, "time_to": end, "middle": (start + end) / 2})


def placed(
    frame: pd.DataFrame | None, name: str, needed: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The caller's annotations as columns, times in ms; missing optional columns are empty text.

    Raises
    ------
    ChartError
        A needed column is missing.
    """
    if frame is None:
        return {
            column: np.empty(0) if column.startswith(("time", "price")) else pa.array([], pa.string())
            for column in (*needed, *optional)
        }
    missing = [column for column in needed if column not in frame]
    if missing:
        raise ChartError(f"The {name} to draw lack the column '{missing[0]}'. They need {', '.join(needed)}.")
    out: dict[str, Any] = {}
    for column in (*needed, *optional):
        if column.startswith("time"):
            out[column] = milliseconds(
                pd.DatetimeIndex(pd.to_datetime(frame[column], utc=True)).tz_localize(None).to_numpy()
            )
        elif column.startswith("price"):
            out[column] = frame[column].to_numpy(dtype=np.float64)
        else:
            out[column] = pa.array(
                frame[column].astype(str).tolist() if column in frame else [""] * len(frame), pa.string()
            )
    return out


def ticks(colour: ColourScale) -> pa.Table:
    """Places and USD of the legend's ticks; the ends say that values beyond take the end colours."""
    placed = colour.legend(most=4 if colour.diverging else 5)
    names = [text for _, text in placed]
    if not colour.diverging and colour.kind != "percentile":
        names[0] = f"≤ {names[0]}" if colour.low > 0 else names[0]
        names[-1] = f"≥ {names[-1]}"
    shares = np.array([place for place, _ in placed])
    middle = len(shares) // 2 if colour.diverging else int(np.abs(shares - 0.52).argmin())
    on_phone = np.zeros(len(shares), dtype=bool)
    on_phone[[0, middle, -1]] = [True, 0.4 < shares[middle] < 0.6, True]
    return pa.table({"share": shares, "label": names, "narrow": on_phone})
