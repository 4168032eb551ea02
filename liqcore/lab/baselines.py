"""Maps that know nothing about leverage: what a real one has to beat."""

from __future__ import annotations

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.lab.cells import CELL, CELLS, distances

_DAY = 86_400_000_000


def uniform(count: int, cells: int = 2 * CELLS) -> np.ndarray:
    """(S, K) the same everywhere."""
    return np.ones((count, cells))


def round_numbers(price: np.ndarray, cell: float = CELL, count: int = CELLS) -> np.ndarray:
    """(S, K) more where a cell lies near a round price (a tenth of the price's power of ten)."""
    inside = (np.arange(5) + 0.5) / 5 - 0.5
    at = price[:, None, None] * np.exp(distances(cell, count)[:, None] + inside * cell)
    step = round_step(price)[:, None, None]
    away = np.abs(at - np.round(at / step) * step) / step
    return (1 / (0.02 + away)).mean(axis=2)


def round_step(price: np.ndarray) -> np.ndarray:
    """USD between round prices: 1,000 around 28,000, 10,000 above 100,000."""
    return 10.0 ** (np.floor(np.log10(price)) - 1)


def volume_profile(
    candles: pd.DataFrame, times: np.ndarray, price: np.ndarray, cell: float = CELL, count: int = CELLS
) -> np.ndarray:
    """(S, K) BTC traded in the last 24 hours in each cell, spread evenly over each candle's range."""
    opened = tables.microseconds(candles["time"])
    step = int(np.median(np.diff(opened[:1_000])))
    bars = max(_DAY // step, 1)
    last = np.searchsorted(opened + step, np.asarray(times).astype("datetime64[us]").astype("int64"), "right")
    low, high = np.log(candles["low"].to_numpy()), np.log(candles["high"].to_numpy())
    volume = np.nan_to_num(candles["volume"].to_numpy())
    cuts = np.arange(-count, count + 1) * cell
    out = np.zeros((len(price), 2 * count))
    back = np.arange(-bars, 0)
    # A day of candles against the cells of a few snapshots at a time keeps the arrays small.
    for begin in range(0, len(price), 32):
        part = slice(begin, begin + 32)
        place = last[part, None] + back
        known, place = place >= 0, np.maximum(place, 0)
        edge = np.log(price[part])[:, None, None] + cuts
        span = np.maximum(high[place] - low[place], 1e-9)
        share = np.clip((edge - low[place][:, :, None]) / span[:, :, None], 0.0, 1.0)
        out[part] = np.diff(np.einsum("sb,sbk->sk", volume[place] * known, share), axis=1)
    return out
