"""Maps as seen from the price: USD in cells of equal distance, longs below and shorts above."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.grid import HeatGrid
from liqcore.heat.modelled import modelled_heatmap
from liqcore.heat.models import DEFAULT
from liqcore.heat.models.model import Model

# Where maps are judged: ±15 % in cells of 0.5 %, as far as a map can be read with some confidence.
CELL: Final = 0.005
CELLS: Final = 30
# A map is made in bins of this width (log price) before it is read in cells.
_FINE: Final = 0.001


def distances(cell: float = CELL, count: int = CELLS) -> np.ndarray:
    """(2·count,) signed log distance of each cell's centre, ascending: longs first, then shorts."""
    return (np.arange(-count, count) + 0.5) * cell


def by_distance(
    grid: HeatGrid,
    price: np.ndarray,
    cell: float = CELL,
    count: int = CELLS,
    rows: np.ndarray | slice = slice(None),
) -> np.ndarray:
    """(S, 2·count) USD of a grid's columns `rows` in cells around the prices (S,); amounts are split evenly
    where cells cut a bin."""
    return np.concatenate(
        [
            spread(grid.long[rows], grid.price_edges, price, np.arange(-count, 1) * cell),
            spread(grid.short[rows], grid.price_edges, price, np.arange(count + 1) * cell),
        ],
        axis=1,
    )


def spread(usd: np.ndarray, edges: np.ndarray, price: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """(T, K) of rows of USD (T, P) between price edges (P + 1,), read at price·exp(cuts) (K + 1,)."""
    running = np.zeros((len(usd), len(edges)))
    np.cumsum(usd, axis=1, out=running[:, 1:])
    wanted = np.log(price)[:, None] + cuts
    logs = np.log(edges)
    place = np.clip(np.searchsorted(logs, wanted, "right") - 1, 0, len(edges) - 2)
    part = np.clip((wanted - logs[place]) / (logs[place + 1] - logs[place]), 0.0, 1.0)
    rows = np.arange(len(usd))[:, None]
    # Differences of sums leave dust below zero.
    return np.maximum(
        np.diff(running[rows, place] * (1 - part) + running[rows, place + 1] * part, axis=1), 0.0
    )


def positions(frame: pd.DataFrame, price: float, cell: float = CELL, count: int = CELLS) -> np.ndarray:
    """(2·count,) USD at the liquidation price of open positions: columns side, quantity,
    liquidation_price."""
    limit = frame["liquidation_price"].to_numpy(dtype=float)
    place = np.floor(np.log(np.where(limit > 0, limit, np.nan) / price) / cell) + count
    below = (frame["side"] == "long").to_numpy()
    kept = (
        np.isfinite(place)
        & (place >= np.where(below, 0, count))
        & (place < np.where(below, count, 2 * count))
    )
    usd = frame["quantity"].to_numpy(dtype=float) * limit
    return np.bincount(place[kept].astype(int), usd[kept], 2 * count)


def closes(candles: pd.DataFrame, times: np.ndarray) -> np.ndarray:
    """(T,) USD the last close known at each moment (datetime64); NaN before the first."""
    opened = tables.microseconds(candles["time"])
    step = int(np.median(np.diff(opened[:1_000]))) if len(opened) > 1 else 60_000_000
    last = (
        np.searchsorted(opened + step, np.asarray(times).astype("datetime64[us]").astype("int64"), "right")
        - 1
    )
    return np.where(last < 0, np.nan, candles["close"].to_numpy()[np.maximum(last, 0)])


def model_maps(
    candles: pd.DataFrame,
    open_interest: pd.DataFrame | None,
    times: np.ndarray,
    model: str | Model = DEFAULT,
    assumptions: Assumptions | None = None,
    reach: float = 0.2,
) -> HeatGrid:
    """A model's map with one column that ends at each moment (datetime64, ascending), from what was known
    then."""
    first = tables.to_datetime64(candles["time"].iloc[0])
    edges = np.concatenate([[first], np.asarray(times).astype("datetime64[us]")])
    # Bins lie on multiples of their width, so that how far price goes later moves none of them.
    first_bin = int(np.floor(np.log(candles["low"].min() * (1 - reach)) / _FINE))
    bins = int(np.ceil(np.log(candles["high"].max() * (1 + reach)) / _FINE)) - first_bin
    low, high = np.exp(first_bin * _FINE), np.exp((first_bin + bins) * _FINE)
    return modelled_heatmap(
        candles,
        open_interest,
        model=model,
        assumptions=assumptions,
        bins=bins,
        time_edges=edges,
        price_range=(low, high),
    )
