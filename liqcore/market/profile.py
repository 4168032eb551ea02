"""Volume at price: where the trading was, its busiest price, and the area that holds most of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.tables import TableError


@dataclass(frozen=True, eq=False)
class VolumeProfile:
    """Volume by price over a stretch of candles.

    `edges` (P+1,) USD and `volume` (P,) BTC; `outside` BTC traded beyond the price range. The other
    fields are None or empty where there is no volume to measure, and `notes` says why.
    """

    edges: np.ndarray
    volume: np.ndarray
    outside: float
    point_of_control: float | None
    value_area: tuple[float, float] | None
    high_nodes: tuple[float, ...]
    low_nodes: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @property
    def centres(self) -> np.ndarray:
        """(P,) USD middle of each price bin."""
        return (self.edges[:-1] + self.edges[1:]) / 2.0

    @property
    def bin_width(self) -> float:
        """Height of a price bin in USD."""
        return float(self.edges[1] - self.edges[0])


def volume_profile(
    candles: pd.DataFrame,
    bins: int = 60,
    price_range: tuple[float, float] | None = None,
    share: float = 0.7,
    smooth: int = 2,
) -> VolumeProfile:
    """Spread each candle's volume evenly over its low to high and add up by price.

    Parameters
    ----------
    candles : candles table; bars of unknown volume are left out, and said so.
    bins : number of price bins of equal height.
    price_range : (low, high) USD; by default the span of the candles.
    share : part of the volume that the value area holds.
    smooth : bins to either side that the search for nodes averages over (triangular weights).

    Returns
    -------
    VolumeProfile. The value area grows from the point of control towards the busier neighbour until it
    holds `share` (the market profile rule, one row at a time). High nodes are the peaks of the smoothed
    profile above its mean; low nodes are the lowest points between two of them.

    Raises
    ------
    TableError
        No candles and no price range, an empty range, or no bins.
    """
    checked = tables.ensure(candles, "candles")
    if bins < 1:
        raise TableError("A volume profile needs at least one price bin.")
    edges = np.linspace(*_range(checked, price_range), bins + 1)
    volume = checked["volume"].to_numpy()
    known = ~np.isnan(volume)
    low, high = checked["low"].to_numpy()[known], checked["high"].to_numpy()[known]
    at_price = _spread(low, high, volume[known], edges)
    total = float(at_price.sum())
    outside = float(volume[known].sum()) - total
    outside = outside if outside > 1e-9 * total else 0.0
    notes = _notes(len(volume), int(known.sum()), total)
    if total <= 0.0:
        return VolumeProfile(edges, at_price, outside, None, None, (), (), notes)
    centres = (edges[:-1] + edges[1:]) / 2.0
    first, last = _value_area(at_price, share)
    high_nodes, low_nodes = _nodes(at_price, smooth)
    return VolumeProfile(
        edges,
        at_price,
        outside,
        point_of_control=float(centres[at_price.argmax()]),
        value_area=(float(edges[first]), float(edges[last + 1])),
        high_nodes=tuple(centres[high_nodes].tolist()),
        low_nodes=tuple(centres[low_nodes].tolist()),
        notes=notes,
    )


def _range(candles: pd.DataFrame, price_range: tuple[float, float] | None) -> tuple[float, float]:
    if price_range is not None:
        low, high = price_range
        if not (np.isfinite([low, high]).all() and 0 < low < high):
            raise TableError(
                f"The price range {low:g} to {high:g} USD is empty. Give a low above zero and a higher high."
            )
        return low, high
    if candles.empty:
        raise TableError("There are no candles for a volume profile. Widen the window or give a price range.")
    low, high = float(candles["low"].min()), float(candles["high"].max())
    return (low, high) if high - low > 1e-6 * high else (low * 0.999, high * 1.001)


def _spread(low: np.ndarray, high: np.ndarray, volume: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(P,) volume in each bin, in one pass over bars and one over bins however many bins a bar covers."""
    bins = len(edges) - 1
    point = high <= low
    density = volume / np.where(point, 1.0, high - low)
    density[point] = 0.0
    left, right = np.clip(low, edges[0], edges[-1]), np.clip(high, edges[0], edges[-1])
    first = np.clip(np.searchsorted(edges, left, "right") - 1, 0, bins - 1)
    last = np.clip(np.searchsorted(edges, right, "left") - 1, first, bins - 1)
    apart = last > first
    # A bar's bins between its first and last are full: +density where they begin, −density where they end.
    full = np.bincount((first + 1)[apart], density[apart], minlength=bins + 1)
    full -= np.bincount(last[apart], density[apart], minlength=bins + 1)
    out = np.cumsum(full)[:bins] * np.diff(edges)
    inner = np.where(apart, edges[first + 1] - left, right - left)
    out += np.bincount(first, density * inner, minlength=bins)
    out += np.bincount(last[apart], (density * (right - edges[last]))[apart], minlength=bins)
    here = point & (low >= edges[0]) & (low <= edges[-1])
    slot = np.clip(np.searchsorted(edges, low[here], "right") - 1, 0, bins - 1)
    out += np.bincount(slot, volume[here], minlength=bins)
    # Differences of sums leave rounding dust where nothing was traded.
    out[out < 1e-12 * max(float(out.max(initial=0.0)), 0.0)] = 0.0
    return out


def _value_area(volume: np.ndarray, share: float) -> tuple[int, int]:
    """First and last bin of the value area."""
    first = last = int(volume.argmax())
    held, wanted = volume[first], share * volume.sum() * (1.0 - 1e-12)
    while held < wanted:
        below = volume[first - 1] if first else -1.0
        above = volume[last + 1] if last + 1 < len(volume) else -1.0
        if above >= below:
            last, held = last + 1, held + above
        else:
            first, held = first - 1, held + below
    return first, last


def _nodes(volume: np.ndarray, smooth: int) -> tuple[np.ndarray, np.ndarray]:
    """Bins of high nodes and of the low nodes between them."""
    weights = np.minimum(np.arange(1, 2 * smooth + 2), np.arange(2 * smooth + 1, 0, -1)).astype(float)
    padded = np.pad(volume, smooth, mode="edge")
    level = np.convolve(padded, weights / weights.sum(), mode="valid")
    edge = np.concatenate(([-np.inf], level, [-np.inf]))
    # Strict on one side only, so that a plateau is one peak: its first bin.
    rises, falls = edge[1:-1] > edge[:-2], edge[1:-1] >= edge[2:]
    high = np.flatnonzero(rises & falls & (level > level.mean()))
    low = [begin + int(level[begin:end].argmin()) for begin, end in pairwise(high)]
    return high, np.array(low, dtype=np.intp)


def _notes(bars: int, known: int, total: float) -> tuple[str, ...]:
    if not known:
        return ("Volume is unknown in every candle, so there is no volume profile.",)
    if total <= 0.0:
        return ("Nothing was traded in this price range, so the volume profile has no busiest price.",)
    if known < bars:
        return (f"Volume is unknown in {bars - known:,} of {bars:,} candles; the profile leaves them out.",)
    return ()
