"""Where liquidations could have printed: orders, the path of price, and what that path alone explains.

A liquidation prints only where price goes, so heat is judged against *opportunity*: time and volume at a
price, travel through it, and travel into ground that price had not visited for hours. All of it is counted in
bins of log price that no view decides, and everything is causal: a bar counts from its close on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import convolve1d, uniform_filter1d

from liqcore import tables

# Width of a bin in log price: bases between venues and noise of fills are 2 to 5 bp, bands of interest 6 to
# 60.
STEP = 0.0005
# Bins beyond the path that are kept, three times the spread of prints that slip.
ROOM = 31
# Price that goes where it has not been for so long counts so many times more. On recorded events of one venue
# that explains 59 to 77 % of the deviance of when liquidations happen; volume alone explains 2 to 40 %.
_FRESH, _FRESH_WEIGHT = 4 * 3_600_000_000, 10.0
# Share of opportunity spread 50 bp wide, for prints that slip; the rest is blurred by one bin.
_SPILL, _SPILL_BOXES = 0.05, (21, 19, 21)
_BLUR = np.exp(-0.5 * np.arange(-4, 5) ** 2) / np.exp(-0.5 * np.arange(-4, 5) ** 2).sum()
# The wide average that stands in for the path where there is none: a spread of 80 bp.
_HEAP_BOXES = (31, 33, 31)
# Length of the blocks within which a busy time is told from a busy price.
BUSY = 15 * 60_000_000
# A claim must stand without its busiest moment of this length: a cascade, or one position that is closed in
# parts, is many orders at one price once.
MOMENT = 10 * 60_000_000


@dataclass(frozen=True, eq=False)
class Bars:
    """Candles as arrays (B,): opening `time` and `step` in µs, logs of the prices; `volume` BTC or None."""

    time: np.ndarray
    step: int
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray | None

    @property
    def closed(self) -> np.ndarray:
        """The last microsecond of each bar."""
        return self.time + self.step - 1

    def of(self, time: np.ndarray) -> np.ndarray:
        """The bar in which each moment falls, -1 where none covers it."""
        bar = np.searchsorted(self.time, time, "right") - 1
        late = np.asarray(time) >= self.time[np.maximum(bar, 0)] + self.step
        return np.where((bar < 0) | late, -1, bar)


def bars_of(candles: pd.DataFrame) -> Bars:
    """A checked candles table as Bars; the step is the usual distance between two bars."""
    time = tables.microseconds(candles["time"])
    names = ("open", "high", "low", "close")
    opened, high, low, closed = (np.log(candles[name].to_numpy(dtype=np.float64)) for name in names)
    volume = candles["volume"].to_numpy(dtype=np.float64)
    known = np.isfinite(volume).all() and (volume > 0).any()
    step = int(np.median(np.diff(time[:1_000]))) if len(time) > 1 else 60_000_000
    return Bars(time, step, opened, high, low, closed, volume if known else None)


def bars_between(closes: np.ndarray, edges: np.ndarray) -> Bars:
    """Bars from closing prices alone: one a column, between the last close and its own. (T,) USD, (T + 1,)
    µs."""
    known = np.isfinite(closes)
    x = np.log(closes[known])
    before = np.concatenate([x[:1], x[:-1]])
    step = int(np.median(np.diff(edges)))
    return Bars(edges[:-1][known], step, before, np.maximum(x, before), np.minimum(x, before), x, None)


def bars_through(time: np.ndarray, x: np.ndarray, step: int = 5 * 60_000_000) -> Bars:
    """Bars guessed from orders in order of time, µs and log price: each from the last known price through its
    own.

    Price must have been where orders printed, and is taken to have stayed there until the next.
    """
    first, last = int(time[0]) // step, int(time[-1]) // step
    row = time // step - first
    start = np.flatnonzero(np.diff(row, prepend=-1))
    low, high, close = (np.full(last - first + 1, np.nan) for _ in range(3))
    low[row[start]], high[row[start]] = np.minimum.reduceat(x, start), np.maximum.reduceat(x, start)
    close[row[start]] = x[np.append(start[1:], len(x)) - 1]
    known = np.maximum.accumulate(np.where(np.isfinite(close), np.arange(len(close)), 0))
    close = close[known]
    before = np.concatenate([close[:1], close[:-1]])
    opening = (first + np.arange(len(close), dtype=np.int64)) * step
    return Bars(opening, step, before, np.fmax(high, before), np.fmin(low, before), close, None)


@dataclass(frozen=True)
class Lattice:
    """Bins of log price [k·STEP, (k + 1)·STEP) for k from `first`, `size` of them."""

    first: int
    size: int

    def bin(self, x: np.ndarray | float) -> np.ndarray:
        """The bin of each log price."""
        return np.floor(np.asarray(x) / STEP + 1e-9).astype(np.int64) - self.first

    @property
    def edges(self) -> np.ndarray:
        """(size + 1,) USD."""
        return np.exp((self.first + np.arange(self.size + 1)) * STEP)

    @property
    def centres(self) -> np.ndarray:
        """(size,) USD."""
        return np.exp((self.first + np.arange(self.size) + 0.5) * STEP)


def lattice_of(low: float, high: float) -> Lattice:
    """The bins from one log price to another, with room on both sides."""
    first, last = int(np.floor(low / STEP)) - ROOM, int(np.ceil(high / STEP)) + ROOM
    return Lattice(first, last - first)


def spread(
    lattice: Lattice, low: np.ndarray, high: np.ndarray, weight: np.ndarray, row: np.ndarray, rows: int
) -> np.ndarray:
    """(rows, bins): each weight spread evenly over [low, high] of log price in its row, all at once."""
    low, high = np.minimum(low, high), np.maximum(low, high)
    high = np.maximum(high, low + 1e-5)
    begin, end = low / STEP - lattice.first, high / STEP - lattice.first
    density, wide = weight / (end - begin), lattice.size + 2
    # What lies below a price is piecewise linear with kinks at low and high, shared between two edges.
    kinks = np.zeros(rows * wide)
    for edge, sign in ((begin, density), (end, -density)):
        edge = np.clip(edge, 0, lattice.size)
        k = np.floor(edge).astype(np.int64)
        place, part = row * wide + k, k + 1 - edge
        kinks += np.bincount(place, sign * part, minlength=len(kinks))
        kinks += np.bincount(place + 1, sign * (1 - part), minlength=len(kinks))
    return np.maximum(np.cumsum(kinks.reshape(rows, wide), axis=1)[:, : lattice.size], 0.0)


def travelled(bars: Bars, part: slice, row: np.ndarray, rows: int, lattice: Lattice, side: int) -> np.ndarray:
    """(4, rows, bins): time at price, volume at price, travel towards the side's liquidations, and that with
    new ground.

    Longs are liquidated while price falls, so bars give their falling legs: open to low and high to close of
    a rising bar, high to low of a falling one; shorts the rising ones. New ground lies beyond the extreme of
    the last four hours.
    """
    low, high = bars.low[part], bars.high[part]
    opened, closed = np.clip(bars.open[part], low, high), np.clip(bars.close[part], low, high)

    def put(begin: np.ndarray, end: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return spread(lattice, begin, end, weight, row, rows)

    still = put(low, high, np.ones(len(low)))
    traded = still if bars.volume is None else put(low, high, bars.volume[part])
    # Shorts are longs of the mirrored market.
    sign = 1 if side == 0 else -1
    bottom, top = (low, high) if side == 0 else (-high, -low)
    begin, end = sign * opened, sign * closed
    rising = end >= begin
    first, second = np.where(rising, begin, top), np.where(rising, end, top)
    new = np.clip(_extreme(bars, part, side), bottom, top)
    legs = put(sign * bottom, sign * first, first - bottom) + put(sign * second, sign * top, top - second)
    fresh = put(sign * bottom, sign * new, new - bottom)
    return np.stack([still, traded, legs, legs + _FRESH_WEIGHT * fresh])


def _extreme(bars: Bars, part: slice, side: int) -> np.ndarray:
    """The lowest log price of the four hours before each bar, of the mirrored market for shorts."""
    turned = bars.low if side == 0 else -bars.high
    n = max(_FRESH // bars.step, 1)
    past = turned[max(part.start - n, 0) : part.stop]
    filled = np.concatenate([np.full(max(n - part.start, 0), past[0]), past])
    return sliding_window_view(filled, n).min(axis=1)[: part.stop - part.start]


def smoothed(values: np.ndarray, boxes: tuple[int, ...]) -> np.ndarray:
    """Values (..., bins) averaged over boxes one after the other, nearly a bell curve; zero beyond the ends.

    Running sums cost the same for every width, and no matrix product wakes the threads of the machine.
    """
    for width in boxes:
        values = uniform_filter1d(values, width, axis=-1, mode="constant")
    return values


def shares(weights: np.ndarray, spill: bool = True) -> np.ndarray:
    """Weights (..., bins) as shares of their row, blurred by a bin, a little spread 50 bp wide; 0 of an empty
    row.

    Without the `spill`, which allows for prints that slip, nothing lies where price was not.
    """
    out = convolve1d(np.maximum(weights, 0.0), _BLUR, axis=-1, mode="constant")
    if spill:
        out = (1 - _SPILL) * out + _SPILL * smoothed(out, _SPILL_BOXES)
    np.maximum(out, 0.0, out=out)
    total = out.sum(axis=-1, keepdims=True)
    return np.divide(out, total, out=np.zeros_like(out), where=total > 0)


def blurred(shares: np.ndarray, grain: float) -> np.ndarray:
    """Shares (E, R, P), and the same as orders whose prices were rounded would show them."""
    width = round(grain / STEP)
    if width < 2:
        return shares
    return np.concatenate([shares, uniform_filter1d(shares, width + 1, axis=-1, mode="constant")])


def background(counts: np.ndarray) -> np.ndarray:
    """(1, rows, bins) shares without a path: the counts themselves, smoothed so widely (sd 80 bp) that a band
    hardly shows."""
    held = np.maximum((counts > 0).sum(axis=-1, keepdims=True), 1)
    cut = np.minimum(counts, 3 * np.maximum(counts.sum(axis=-1, keepdims=True) / held, 1.0))
    smooth = np.maximum(smoothed(cut, _HEAP_BOXES), 0.0)
    total = smooth.sum(axis=-1, keepdims=True)
    return np.divide(smooth, total, out=np.zeros_like(smooth), where=total > 0)[None]
