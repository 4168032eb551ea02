"""The price beside a grid, column by column: from candles, from closes, or guessed from the heat itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.grid import GridError, HeatGrid

# Columns worked off at a time, so that the arrays stay in the processor's cache.
_BLOCK = 32


@dataclass(frozen=True, eq=False)
class PricePath:
    """The price in each column: `close`, and the range `low` to `high` it covered; (T,) USD each.

    `source` is `candles`, `closes` or `heat` (guessed from the map itself; then nothing is known about
    what price crossed, and low and high are NaN).
    """

    close: np.ndarray
    low: np.ndarray
    high: np.ndarray
    source: str


def price_path(grid: HeatGrid, price: pd.DataFrame | np.ndarray | None = None) -> PricePath:
    """The price in each column of a grid, from candles, from (T,) closes, or else from the heat itself.

    A candle counts in the column in which it closed, so that nothing is known before its time; columns
    without a candle keep the last close. Without prices a stock is taken to stand where its longs end and
    its shorts begin, a flow at the centre of its heat.

    Raises
    ------
    GridError
        An array of another length than the grid has columns, or prices that are not above zero.
    """
    if price is None:
        close = _carry(_implied(grid))
        unknown = np.full(len(close), np.nan)
        return PricePath(close, unknown, unknown, "heat")
    if isinstance(price, pd.DataFrame):
        close, low, high = _by_column(grid, tables.ensure(price, "candles"))
        source = "candles"
    else:
        close = np.array(price, dtype=np.float64)
        if close.shape != (grid.shape[0],):
            raise GridError(
                f"Give one closing price for each of the {grid.shape[0]:,} columns, or a candles table."
            )
        if (close <= 0).any() or np.isinf(close).any():
            raise GridError("The closing prices must be above zero. Use NaN where the price is unknown.")
        low, high, source = close, close, "closes"
    if np.isnan(close).all():
        return price_path(grid)
    close = _carry(close)
    before = np.concatenate([close[:1], close[:-1]])
    # A bar that opens beyond the last close crossed what lies between; NaN bars crossed nothing known.
    low, high = np.fmin(np.fmin(low, close), before), np.fmax(np.fmax(high, close), before)
    start = np.isnan(close)
    if start.any():
        close = np.where(start, _carry(_implied(grid)), close)
    return PricePath(close, low, high, source)


def _implied(grid: HeatGrid) -> np.ndarray:
    """(T,) USD, NaN where a column holds nothing: where price must have been for the heat to lie as it
    does."""
    edges, centres = grid.price_edges, grid.price_centres
    out = np.full(grid.shape[0], np.nan)
    for begin in range(0, len(out), _BLOCK):
        long, short = (
            values[begin : begin + _BLOCK].astype(np.float64) for values in (grid.long, grid.short)
        )
        usd = (long + short).sum(axis=1)
        if grid.is_stock:
            net = np.zeros((len(usd), len(edges)))
            np.cumsum(np.subtract(long, short, out=long), axis=1, out=net[:, 1:])
            # Longs belong below the price and shorts above it; the edges that sort them best form a stretch.
            first, last = net.argmax(axis=1), len(centres) - net[:, ::-1].argmax(axis=1)
            first, last = np.where(first == 0, last, first), np.where(last == len(centres), first, last)
            price = (
                np.sqrt(edges[first] * edges[last])
                if grid.scale == "log"
                else (edges[first] + edges[last]) / 2
            )
        else:
            price = ((long + short) * centres).sum(axis=1) / np.where(usd > 0, usd, 1.0)
        out[begin : begin + _BLOCK] = np.where(usd > 0, price, np.nan)
    return out


def _carry(values: np.ndarray) -> np.ndarray:
    """The last known value in place of NaN; NaN before the first."""
    seen = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    return np.where(seen < 0, np.nan, values[seen])


def _by_column(grid: HeatGrid, candles: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Close, low and high of the candles that closed in each column; NaN where none did."""
    out = np.full((3, grid.shape[0]), np.nan)
    opened = tables.microseconds(candles["time"])
    edges = grid.time_edges.astype("int64")
    # A single candle is taken to be as long as a column.
    step = int(np.median(np.diff(opened[:1_000]))) if len(opened) > 1 else int(edges[1] - edges[0])
    first = np.searchsorted(opened, edges - step, "right")
    filled = np.flatnonzero(first[1:] > first[:-1])
    if filled.size:
        inside = slice(first[filled[0]], first[filled[-1] + 1])
        close, low, high = (candles[name].to_numpy()[inside] for name in ("close", "low", "high"))
        starts = first[filled] - inside.start
        out[0, filled] = close[first[filled + 1] - inside.start - 1]
        out[1, filled] = np.minimum.reduceat(low, starts)
        out[2, filled] = np.maximum.reduceat(high, starts)
    return out[0], out[1], out[2]
