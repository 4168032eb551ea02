"""The state behind a modelled heatmap: quantity that would be liquidated, by log-price bin and side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from liqcore import wording
from liqcore.heat.grid import GridError

# Decay is kept as one number and applied when a row is read; below this it is folded into the levels.
_SMALLEST_SCALE = 1e-100
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
            f"The price range {wording.price(low, exact=True)} to {wording.price(high, exact=True)} is too narrow for {drawn:,} bins. Widen it or"
            " take fewer bins."
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
class Outcome:
    """What a run leaves behind; pairs are (long, short).

    Attributes
    ----------
    rows : (2, C, kept drawn bins) float32, USD at the snapshots.
    last : (2, bins), BTC in all bins at the last snapshot.
    crossed_usd, crossed, closed, standing : (n, 2) by candle: USD and BTC that price removed, BTC that
        closed otherwise, BTC left after the candle.
    """

    rows: np.ndarray
    last: np.ndarray
    crossed_usd: np.ndarray
    crossed: np.ndarray
    closed: np.ndarray
    standing: np.ndarray


Deposits = Callable[[int, int], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]


class _Side:
    """Levels of one side. Price eats them from the top index down; shorts are stored in reverse for that."""

    __slots__ = ("centres", "held", "levels", "scale", "top")

    def __init__(self, centres: np.ndarray) -> None:
        self.centres = centres
        self.levels = np.zeros(len(centres))
        self.scale = 1.0
        self.held = 0.0
        # One past the highest index that may hold anything: crossing looks no further.
        self.top = 0

    def cross(self, edge: int) -> tuple[float, float]:
        """Remove everything from index `edge` up; BTC and USD removed."""
        if edge >= self.top:
            return 0.0, 0.0
        part, centres = self.levels[edge : self.top], self.centres[edge : self.top]
        self.top = edge
        gone = float(part.sum()) * self.scale
        if gone == 0.0:
            return 0.0, 0.0
        usd = float(part.dot(centres)) * self.scale
        part[:] = 0.0
        self.held = max(self.held - gone, 0.0)
        return gone, usd

    def keep(self, share: float) -> float:
        """Shrink all levels to a share; BTC removed."""
        before = self.held
        self.held = before * share
        self.scale *= share
        if self.scale < _SMALLEST_SCALE:
            self.levels *= self.scale
            self.scale = 1.0
        return before - self.held

    def usd(self, window: slice, parts: int) -> np.ndarray:
        """USD in a window of the levels, `parts` of them added up to one."""
        value = self.levels[window] * self.centres[window]
        value *= self.scale
        return value if parts == 1 else value.reshape(-1, parts).sum(axis=1)

    def open(self, bins: np.ndarray, sizes: np.ndarray, total: float, top: int) -> None:
        """Add new levels: their indices and BTC, the sum of these, and one past the highest index."""
        np.add.at(self.levels, bins, sizes / self.scale)
        self.held += total
        if top > self.top:
            self.top = top


def run(grid: Lattice, flows: Flows, deposits: Deposits, snapshots: np.ndarray, kept: slice) -> Outcome:
    """Walk through the candles once and keep the book's rows after the candles in `snapshots`.

    Parameters
    ----------
    deposits : begin, stop -> bins and quantities of new long levels, then of new short levels, each
        (stop − begin, k). A level that no price can reach is left out by a quantity of 0.
    snapshots : (C,) ascending candle indices, −1 for before the first candle.
    kept : the bins whose state is kept at the snapshots, whole drawn bins (`Lattice.window`).
    """
    n, last_bin = len(flows.low_bin), grid.bins - 1
    centres = grid.centres
    sides = (_Side(centres), _Side(centres[::-1].copy()))
    windows = (kept, slice(grid.bins - kept.stop, grid.bins - kept.start))
    edges = (flows.low_bin.tolist(), (last_bin - flows.high_bin).tolist())
    closes, before, after, fade = (
        values.tolist() for values in (flows.closes, flows.before, flows.after, flows.fade)
    )
    rows = np.zeros((2, len(snapshots), (kept.stop - kept.start) // grid.parts), dtype=np.float32)
    last, told = np.zeros((2, grid.bins)), np.zeros((n, 2, 4))
    wanted = [*snapshots.tolist(), -1]
    column = int(np.searchsorted(snapshots, 0))
    for begin in range(0, n, CHUNK):
        stop = min(begin + CHUNK, n)
        new = _prepared(deposits(begin, stop), last_bin)
        said = []
        for t in range(begin, stop):
            for side, edge, (bins, sizes, totals, tops) in zip(sides, edges, new, strict=True):
                gone, usd = side.cross(edge[t])
                # A comparison with NaN is false: unknown open interest fades by holding time and caps
                # nothing.
                lost = side.keep(
                    _share_kept(closes[t] - gone, before[t] - gone) if before[t] > 0 else fade[t]
                )
                side.open(bins[t - begin], sizes[t - begin], totals[t - begin], tops[t - begin])
                if side.held > after[t]:
                    lost += side.keep(after[t] / side.held)
                said.append((usd, gone, lost, side.held))
            while wanted[column] == t:
                for i, side in enumerate(sides):
                    rows[i, column] = side.usd(windows[i], grid.parts)[:: 1 - 2 * i]
                column += 1
                if column == len(snapshots):
                    last[:] = sides[0].levels * sides[0].scale, (sides[1].levels * sides[1].scale)[::-1]
        told[begin:stop] = np.reshape(said, (stop - begin, 2, 4))
    return Outcome(rows, last, *np.moveaxis(told, 2, 0))


def _prepared(
    made: tuple[np.ndarray, ...], last_bin: int
) -> list[tuple[np.ndarray, np.ndarray, list[float], list[int]]]:
    """Deposits of a chunk by side as `_Side.open` takes them, with each candle's total and top index."""
    long_bins, long_sizes, short_bins, short_sizes = made
    return [
        (bins, sizes, sizes.sum(axis=1).tolist(), (bins.max(axis=1) + 1).tolist())
        for bins, sizes in ((long_bins, long_sizes), (last_bin - short_bins, short_sizes))
    ]


def _share_kept(close: float, interest: float) -> float:
    """Share of the book that stays when `close` of `interest` is closed."""
    if close <= 0.0:
        return 1.0
    return 1.0 - close / interest if close < interest else 0.0
