"""The state behind a modelled heatmap: quantity that would be liquidated, by log-price bin and side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Decay is kept as one number and applied when a row is read; below this it is folded into the row.
_SMALLEST_SCALE = 1e-100
# Candles whose deposits are prepared at once: a few MB, so that memory does not grow with the history.
CHUNK = 1_024


@dataclass(frozen=True)
class Lattice:
    """Log-spaced price bins: the drawn ones and as many more on both sides as levels can reach.

    Bin i spans low·step^i to low·step^(i+1); the drawn bins are first..first + drawn.
    """

    low: float
    log_step: float
    bins: int
    first: int
    drawn: int

    @property
    def edges(self) -> np.ndarray:
        return self.low * np.exp(self.log_step * np.arange(self.bins + 1))

    @property
    def centres(self) -> np.ndarray:
        return self.low * np.exp(self.log_step * (np.arange(self.bins) + 0.5))

    def bin(self, price: np.ndarray) -> np.ndarray:
        """Bin of each price, clipped to the lattice."""
        position = np.log(price / self.low) / self.log_step
        # A price on an edge belongs to the bin above it, also when the logarithm falls an ulp short.
        return np.clip(np.floor(position + 1e-9), 0, self.bins - 1).astype(np.intp)


def lattice(low: float, high: float, bins: int, reach_low: float, reach_high: float) -> Lattice:
    """A lattice whose drawn bins split low..high, extended to reach_low..reach_high."""
    step = np.log(high / low) / bins
    before = max(int(np.ceil(np.log(low / min(reach_low, low)) / step)), 0) + 1
    after = max(int(np.ceil(np.log(max(reach_high, high) / high) / step)), 0) + 1
    return Lattice(low=low * np.exp(-before * step), log_step=step, bins=before + bins + after, first=before, drawn=bins)


@dataclass(frozen=True)
class Flows:
    """What each candle does to the book, in order: cross, close, open. Arrays of length n.

    `closes` is the quantity closed on each side in the candle, crossed quantity included; `interest`
    the open interest before the candle (NaN where unknown); `fade` the share that stays where open
    interest is unknown.
    """

    low_bin: np.ndarray
    high_bin: np.ndarray
    closes: np.ndarray
    interest: np.ndarray
    fade: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """What a run leaves behind, BTC unless said; the last axis of pairs is (long, short).

    `rows` (2, C, kept bins) float32 at the snapshots, `last` (2, bins) all bins at the last snapshot,
    `crossed_usd`, `crossed` and `standing` (n, 2) by candle.
    """

    rows: np.ndarray
    last: np.ndarray
    crossed_usd: np.ndarray
    crossed: np.ndarray
    standing: np.ndarray


Deposits = Callable[[int, int], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]


def run(grid: Lattice, flows: Flows, deposits: Deposits, snapshots: np.ndarray, kept: slice) -> Outcome:
    """Walk through the candles once and keep the book's rows after the candles in `snapshots`.

    Parameters
    ----------
    deposits : begin, stop -> bins and quantities of new long levels, then of new short levels, each
        (stop − begin, k). A level that no price can reach is left out by a quantity of 0.
    snapshots : (C,) ascending candle indices, −1 for before the first candle.
    kept : the bins whose state is kept at the snapshots.
    """
    n = len(flows.low_bin)
    longs, shorts = np.zeros(grid.bins), np.zeros(grid.bins)
    centres = grid.centres
    rows = np.zeros((2, len(snapshots), len(range(*kept.indices(grid.bins)))), dtype=np.float32)
    last = np.zeros((2, grid.bins))
    crossed_usd, crossed_all, standing = np.zeros((n, 2)), np.zeros((n, 2)), np.zeros((n, 2))
    # Highest bin with longs plus one, lowest bin with shorts: crossing looks no further.
    top, bottom = 0, grid.bins
    scale_long = scale_short = 1.0
    held_long = held_short = 0.0
    next_snapshot = int(np.searchsorted(snapshots, 0))
    low_bins, high_bins = flows.low_bin.tolist(), flows.high_bin.tolist()
    closes, interests, fades = flows.closes.tolist(), flows.interest.tolist(), flows.fade.tolist()
    wanted = [*snapshots.tolist(), -1]
    for begin in range(0, n, CHUNK):
        stop = min(begin + CHUNK, n)
        long_bins, long_sizes, short_bins, short_sizes = deposits(begin, stop)
        long_tops, short_bottoms = (long_bins.max(axis=1) + 1).tolist(), short_bins.min(axis=1).tolist()
        long_new, short_new = long_sizes.sum(axis=1).tolist(), short_sizes.sum(axis=1).tolist()
        for t in range(begin, stop):
            row = t - begin
            gone_long = gone_short = 0.0
            edge = low_bins[t]
            if edge < top:
                part = longs[edge:top]
                gone_long = float(part.sum()) * scale_long
                if gone_long:
                    crossed_usd[t, 0] = part.dot(centres[edge:top]) * scale_long
                    crossed_all[t, 0] = gone_long
                    part[:] = 0.0
                top = edge
            edge = high_bins[t] + 1
            if edge > bottom:
                part = shorts[bottom:edge]
                gone_short = float(part.sum()) * scale_short
                if gone_short:
                    crossed_usd[t, 1] = part.dot(centres[bottom:edge]) * scale_short
                    crossed_all[t, 1] = gone_short
                    part[:] = 0.0
                bottom = edge
            interest = interests[t]
            if interest == interest:
                close = closes[t]
                keep_long = _keep(close - gone_long, interest - gone_long)
                keep_short = _keep(close - gone_short, interest - gone_short)
            else:
                keep_long = keep_short = fades[t]
            held_long = max(held_long - gone_long, 0.0) * keep_long + long_new[row]
            held_short = max(held_short - gone_short, 0.0) * keep_short + short_new[row]
            standing[t, 0], standing[t, 1] = held_long, held_short
            scale_long *= keep_long
            scale_short *= keep_short
            if scale_long < _SMALLEST_SCALE:
                longs *= scale_long
                scale_long = 1.0
            if scale_short < _SMALLEST_SCALE:
                shorts *= scale_short
                scale_short = 1.0
            np.add.at(longs, long_bins[row], long_sizes[row] / scale_long)
            np.add.at(shorts, short_bins[row], short_sizes[row] / scale_short)
            if long_tops[row] > top:
                top = long_tops[row]
            if short_bottoms[row] < bottom:
                bottom = short_bottoms[row]
            while wanted[next_snapshot] == t:
                rows[0, next_snapshot] = longs[kept] * scale_long
                rows[1, next_snapshot] = shorts[kept] * scale_short
                next_snapshot += 1
                if next_snapshot == len(snapshots):
                    last[0], last[1] = longs * scale_long, shorts * scale_short
    return Outcome(rows, last, crossed_usd, crossed_all, standing)


def _keep(close: float, interest: float) -> float:
    """Share of the book that stays when `close` of `interest` is closed."""
    if close <= 0.0:
        return 1.0
    return 1.0 - close / interest if close < interest else 0.0
