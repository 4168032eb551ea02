"""The datasets behind the heatmap: picture, candles, profile and annotations, ready to be placed."""

from __future__ import annotations

import base64
import io
import math
from typing import Final

import numpy as np
import pandas as pd
from PIL import Image

from liqcore import tables
from liqcore.heat.grid import HeatGrid
from liqcore.views.chart_hover import Lattice
from liqcore.views.palette import ColourScale, drawn_colours, hexes

CANDLES_DRAWN: Final = 500


class ChartError(ValueError):
    """A chart that cannot be drawn as asked, said in one sentence."""


def milliseconds(times: np.ndarray) -> np.ndarray:
    """datetime64 as float64 milliseconds since 1970 UTC."""
    return times.astype("datetime64[us]").astype("int64") / 1000.0


def picture(pixels: np.ndarray, palette: str, columns: Lattice, bands: Lattice, upright: bool) -> str:
    """(T, P) palette indices as the data address of a PNG, one pixel a step of the lattices, 0 transparent."""
    if not columns.even:
        pixels = pixels[columns.bins]
    if not bands.even:
        pixels = pixels[:, bands.bins]
    # The first row of a picture is its top: the highest price, or the latest time.
    rows = pixels.T[::-1] if upright else pixels[::-1]
    image = Image.fromarray(np.ascontiguousarray(rows))
    return _address(image, np.vstack([np.zeros((1, 3), np.uint8), drawn_colours(palette)]), transparent=True)


def legend_picture(palette: str) -> str:
    """The colours of a map from low to high as a picture of one row."""
    image = Image.fromarray(np.arange(255, dtype=np.uint8)[None, :])
    return _address(image, drawn_colours(palette), transparent=False)


def nothing() -> str:
    """A transparent picture of one pixel."""
    return _address(Image.fromarray(np.zeros((1, 1), np.uint8)), np.zeros((1, 3), np.uint8), transparent=True)


def _address(image: Image.Image, colours: np.ndarray, transparent: bool) -> str:
    image = image.convert("L")
    image.putpalette(colours.tobytes())
    buffer = io.BytesIO()
    # Palette pictures are mostly long runs: the fast level is a third of the time and hardly larger.
    image.save(buffer, "PNG", compress_level=4, **({"transparency": 0} if transparent else {}))
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def cells(grid: HeatGrid, pixels: np.ndarray, palette: str) -> pd.DataFrame:
    """One row a filled cell, with its colour: for grids so sparse that a shrunken picture would lose cells."""
    column, band = np.nonzero(pixels)
    order = np.argsort(pixels[column, band], kind="stable")    # the brightest last, on top
    column, band = column[order], band[order]
    edge = milliseconds(grid.time_edges)
    names = hexes(drawn_colours(palette))
    return pd.DataFrame({
        "time_from": edge[column], "time_to": edge[column + 1],
        "price_from": grid.price_edges[band], "price_to": grid.price_edges[band + 1],
        "colour": np.array(names, dtype=object)[pixels[column, band].astype(int) - 1] if len(column) else np.empty(0, object),
        "column": column.astype(np.int32), "band": band.astype(np.int32),
    })


def candles_drawn(candles: pd.DataFrame | None, start: np.datetime64, end: np.datetime64, most: int = CANDLES_DRAWN) -> pd.DataFrame:
    """Candles of the window, merged until at most `most` are left, one row a step without holes in the steps.

    Merging is exact: first open, highest high, lowest low, last close, volumes added. A step without candles
    is a row of NaN. `attrs` holds `origin` and `step` in ms; step is 0 when there is nothing to draw.
    """
    names = ["open", "high", "low", "close", "volume", "taker_buy_volume"]
    kept = np.empty(0, dtype=np.int64)
    if candles is not None and len(candles):
        source = tables.ensure(candles, "candles")
        opened = tables.microseconds(source["time"])
        step = _usual_step(opened)
        inside = (opened > start.astype("datetime64[us]").astype("int64") - step) & (opened < end.astype("datetime64[us]").astype("int64"))
        kept = opened[inside]
    if not len(kept):
        out = pd.DataFrame({name: np.empty(0) for name in ("time_to", "left", "middle", "right", *names[:5], "volume_share", "pressure", "bought")})
        out.attrs.update(origin=0.0, step=0.0)
        return out
    merged = math.ceil(((kept[-1] - kept[0]) // step + 1) / most) * step
    origin = int(kept[0] // merged * merged)
    slot = ((kept - origin) // merged).astype(int)
    slots, at = np.unique(slot, return_index=True)
    values = source.loc[inside, names].to_numpy(dtype=np.float64)
    last = np.append(at[1:], len(kept)) - 1
    full = np.full((slot[-1] + 1, len(names)), np.nan)
    full[slots, 0], full[slots, 3] = values[at, 0], values[last, 3]
    full[slots, 1] = np.maximum.reduceat(values[:, 1], at)
    full[slots, 2] = np.minimum.reduceat(values[:, 2], at)
    full[slots, 4:] = np.add.reduceat(values[:, 4:], at, axis=0)
    return _placed(pd.DataFrame(full, columns=names), origin / 1000.0, merged / 1000.0)


def _usual_step(opened: np.ndarray) -> int:
    if len(opened) < 2:
        return 3_600_000_000
    steps = np.diff(opened)
    return int(np.median(steps[steps > 0])) if (steps > 0).any() else 3_600_000_000


def _placed(bars: pd.DataFrame, origin: float, step: float) -> pd.DataFrame:
    opened = origin + step * np.arange(len(bars))
    volume, bought = bars["volume"].to_numpy(), bars["taker_buy_volume"].to_numpy()
    top = np.nanmax(volume) if np.isfinite(volume).any() else 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        share = volume / top if top > 0 else np.full(len(bars), np.nan)
        out = pd.DataFrame({
            "time_to": opened + step, "left": opened + 0.12 * step, "middle": opened + 0.5 * step, "right": opened + 0.88 * step,
            **{name: bars[name].to_numpy() for name in ("open", "high", "low", "close", "volume")},
            "volume_share": share, "pressure": share * (2 * bought / volume - 1), "bought": bought / volume,
        })
    out.attrs.update(origin=origin, step=step, top=top)
    return out


def bands(grid: HeatGrid, strings: dict[str, pd.Series], reference: float | None, profile: bool) -> pd.DataFrame:
    """One row a price band: its edges, its strings of cells, and its place in the profile."""
    out = pd.DataFrame({"price_from": grid.price_edges[:-1], "price_to": grid.price_edges[1:], **strings})
    if not profile or reference is None:
        return out
    by_price = grid.profile()
    long, short = by_price["long"].to_numpy(), by_price["short"].to_numpy()
    top = max(float((long + short).max()), 1e-12)
    curve = grid.cumulative(reference)
    way = curve["long_below"] + curve["short_above"]
    far = np.where(grid.price_centres < reference, grid.price_edges[:-1], grid.price_edges[1:])
    out = out.assign(
        long_usd=long, short_usd=short, long_share=long / top, short_share=short / top,
        way_usd=np.interp(far, curve["price"], way),
    )
    out.attrs["top"] = top
    return out


def curves(grid: HeatGrid, reference: float | None, profile: bool) -> pd.DataFrame:
    """The cumulative curves, long below and short above the reference, as shares of the larger total."""
    if not profile or reference is None:
        return pd.DataFrame({"side": np.empty(0, object), "price": np.empty(0), "long": np.empty(0), "short": np.empty(0)})
    curve = grid.cumulative(reference)
    top = max(float(curve["long_below"].max()), float(curve["short_above"].max()), 1e-12)
    halves = [
        pd.DataFrame({"side": side, "price": half["price"], "long": half["long_below"] / top, "short": half["short_above"] / top})
        for side, half in (("long", curve[curve["price"] <= reference]), ("short", curve[curve["price"] >= reference]))
    ]
    out = pd.concat(halves, ignore_index=True)
    out.attrs["top"] = top
    return out


def gaps(grid: HeatGrid) -> pd.DataFrame:
    """Stretches of time nobody watched, in ms."""
    seen = np.ones(grid.shape[0], dtype=bool) if grid.observed is None else grid.observed
    edge = np.diff(np.concatenate([[True], seen, [True]]).astype(np.int8))
    at = milliseconds(grid.time_edges)
    start, end = at[np.flatnonzero(edge == -1)], at[np.flatnonzero(edge == 1)]
    return pd.DataFrame({"time_from": start, "time_to": end, "middle": (start + end) / 2})


def placed(frame: pd.DataFrame | None, name: str, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> pd.DataFrame:
    """A copy of the caller's annotations with times in ms and missing optional columns empty.

    Raises
    ------
    ChartError
        A needed column is missing.
    """
    if frame is None:
        frame = pd.DataFrame({column: [] for column in needed})
    missing = [column for column in needed if column not in frame]
    if missing:
        raise ChartError(f"The {name} to draw lack the column '{missing[0]}'. They need {', '.join(needed)}.")
    out = {}
    for column in (*needed, *optional):
        if column.startswith("time"):
            out[column] = milliseconds(pd.DatetimeIndex(pd.to_datetime(frame[column], utc=True)).tz_localize(None).to_numpy())
        elif column.startswith("price"):
            out[column] = frame[column].to_numpy(dtype=np.float64)
        else:
            out[column] = frame[column].astype(str).to_numpy(dtype=object) if column in frame else np.full(len(frame), "", object)
    return pd.DataFrame(out)


def ticks(colour: ColourScale) -> pd.DataFrame:
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
    return pd.DataFrame({"share": shares, "label": names, "narrow": on_phone})
