"""The state behind a modelled heatmap: quantity that would be liquidated, by log-price bin and side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from liqcore import wording
from liqcore.heat.grid import GridError
from liqcore.heat.level_walk import LEAST, Book, Chunk, Steps

# Candles whose deposits are prepared at once: a few MB, so that memory does not grow with the history.
CHUNK = 1_024
# Wider bins are divided inside, or levels of high leverage would share a bin with the price that opened them.
_WIDEST_BIN = 0.001
# A million bins take 50 MB; a narrower window says nothing that the candles could support.
_MOST_BINS = 1_000_000


@dataclass(frozen=True)
class Lattice:
    """Log-spaced price bins: the drawn ones, divided where they are wide, and as many more as levels can
    reach.

    Bin i spans low·e^(i·log_step) to low·e^((i+1)·log_step). Drawn bin j is bins first + j·parts and the
    parts − 1 after it.
    """

    low: float
    log_step: float
    bins: int
    first: int
    drawn: int
    parts: int

    @property
    def edges(self) -> np.ndarray:
        """(drawn + 1,) USD: edges of the drawn bins."""
        return self.low * np.exp(self.log_step * (self.first + self.parts * np.arange(self.drawn + 1)))

    @property
    def centres(self) -> np.ndarray:
        """(bins,) USD: geometric middle of every bin."""
        return self.low * np.exp(self.log_step * (np.arange(self.bins) + 0.5))

    def bin(self, log_price: np.ndarray) -> np.ndarray:
        """Bin of each price, given as the logarithm of price / low, clipped to the lattice."""
        # A price on an edge belongs to the bin above it, also when the logarithm falls an ulp short.
        return np.clip(np.floor(log_price / self.log_step + 1e-9), 0, self.bins - 1).astype(np.intp)

    def window(self, margin: int) -> slice:
        """The drawn bins and up to `margin` drawn bins' worth on both sides, as whole drawn bins."""
        before = min(margin, self.first // self.parts)
        after = min(margin, (self.bins - self.first) // self.parts - self.drawn)
        return slice(self.first - before * self.parts, self.first + (self.drawn + after) * self.parts)


def lattice(low: float, high: float, drawn: int, reach_low: float, reach_high: float) -> Lattice:
    """A lattice whose drawn bins split low..high, extended to reach_low..reach_high.

    Raises GridError where the window is so narrow that the bins beyond it would not fit into memory.
    """
    width = np.log(high / low) / drawn
    parts = max(int(np.ceil(width / _WIDEST_BIN - 1e-9)), 1)
    step = width / parts
    before = max(int(np.ceil(np.log(low / min(reach_low, low)) / step)), 0) + 1
    after = max(int(np.ceil(np.log(max(reach_high, high) / high) / step)), 0) + 1
    count = before + drawn * parts + after
    if count > _MOST_BINS:
        raise GridError(
            f"The price range {wording.price(low, exact=True)} to {wording.price(high, exact=True)} is too"
            f" narrow for {drawn:,} bins. Widen it or take fewer bins."
        )
    return Lattice(
        low=low * np.exp(-before * step), log_step=step, bins=count, first=before, drawn=drawn, parts=parts
    )


@dataclass(frozen=True)
class Flows:
    """What each candle does to both sides of the book, in order: cross, close, open. Arrays of length n.

    Attributes
    ----------
    low_bin, high_bin : the bins that price touched.
    closes : BTC closed on each side in the candle, crossed quantity included.
    before, after : BTC of open interest before and after the candle; NaN where unknown.
    fade : share of the levels that stays where open interest before the candle is unknown.
    """

    low_bin: np.ndarray
    high_bin: np.ndarray
    closes: np.ndarray
    before: np.ndarray
    after: np.ndarray
    fade: np.ndarray


@dataclass(frozen=True)
class Deposits:
    """What each candle opens: `entries` times `atoms` levels a side.

    Attributes
    ----------
    make : begin, stop -> bins (stop − begin, 2, atoms, entries) and the BTC of each of them (stop − begin, 2,
        atoms), longs first. A level that no price can reach is left out by a quantity of 0.
    hazard : (atoms,) how fast each is closed, as a multiple of the book's own rate.
    """

    make: Callable[[int, int], tuple[np.ndarray, np.ndarray]]
    hazard: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """What a run leaves behind; pairs are (long, short).

    Attributes
    ----------
    rows : (2, C, kept drawn bins) float32, USD at the snapshots.
    last : (2, bins), BTC in all bins at the last snapshot.
    crossed_usd, crossed, closed, standing : (n, 2) by candle: USD and BTC that price removed, BTC that
        closed otherwise, BTC left after the candle.
    closing, cutting : (n, 2) and (n + 1, 2): what has closed so far, so that of a level opened in candle s
        the share exp(−hazard·(closing[t] − closing[s]) − (cutting[t + 1] − cutting[s])) stands after t.
    """

    rows: np.ndarray
    last: np.ndarray
    crossed_usd: np.ndarray
    crossed: np.ndarray
    closed: np.ndarray
    standing: np.ndarray
    closing: np.ndarray
    cutting: np.ndarray


def run(grid: Lattice, flows: Flows, deposits: Deposits, snapshots: np.ndarray, kept: slice) -> Outcome:
    """Walk through the candles once and keep the book's rows after the candles in `snapshots`.

    Parameters
    ----------
    snapshots : (C,) ascending candle indices, −1 for before the first candle.
    kept : the bins whose state is kept at the snapshots, whole drawn bins (`Lattice.window`).
    """
    n, book = len(flows.low_bin), Book(grid.centres, deposits.hazard, kept, grid.parts)
    edges = np.stack([flows.low_bin, grid.bins - 1 - flows.high_bin])
    fading = -np.log(np.maximum(flows.fade, LEAST))
    steps = Steps(edges, flows.closes, flows.before, flows.after, fading)
    rows = np.zeros((2, len(snapshots), (kept.stop - kept.start) // grid.parts), dtype=np.float32)
    last, told = np.zeros((2, grid.bins)), np.zeros((7, 2, n))
    wanted, column = snapshots.tolist(), int(np.searchsorted(snapshots, 0))
    for begin in range(0, n, CHUNK):
        stop = min(begin + CHUNK, n)
        ends = np.unique(np.append(snapshots[(snapshots >= begin) & (snapshots < stop)] + 1, stop)) - begin
        chunk = Chunk(book, steps.part(begin, stop), *deposits.make(begin, stop), ends.tolist())
        for block in chunk.blocks:
            left = chunk.walk(block)
            for part in block:
                chunk.put(part, block)
                same, end = column, begin + chunk.stops[part + 1]
                while column < len(wanted) and wanted[column] < end:
                    column += 1
                if same < column:
                    standing = left[:, part - block.start]
                    book.show(standing, rows[:, same])
                    rows[:, same + 1 : column] = rows[:, same : same + 1]
                    if column == len(wanted):
                        last = book.quantities(standing)
        told[..., begin:stop] = chunk.facts()
    standing, closing, cutting, wiped, opened, crossed, usd = told.transpose(0, 2, 1)
    closing += np.cumsum(wiped, axis=0)
    # What stood or opened and is neither crossed nor left has closed.
    closed = opened - crossed - np.diff(standing, axis=0, prepend=0.0)
    return Outcome(rows, last, usd, crossed, closed, standing, closing, np.vstack([cutting, book.cutting]))
