"""The state behind a modelled heatmap: quantity that would be liquidated, by log-price bin and side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from typing import Any

import numpy as np

from liqcore import wording
from liqcore.heat.grid import GridError

# Decay is kept as an exponent and applied when a row is read; beyond this it is folded into the levels.
_LARGEST_EXPONENT = 50.0
# What is left of a book that closes as a whole: nothing that anybody could see, and no logarithm of zero.
_LEAST = 1e-18
# From this share of open interest on all of it closes; an exponent that nothing outlives.
_MOST, _EVER = 1 - 1e-15, 1e4
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


class _Book:
    """Levels of both sides, by group of equal hazard. Price eats them from the top index down; shorts are
    stored in reverse for that.

    A level is kept as if it had been opened at `base`: what has closed since is one number a side, `closing`
    (times the group's hazard) plus `cutting`, and is applied when levels are read.
    """

    def __init__(self, grid: Lattice, hazard: np.ndarray) -> None:
        self.hazard, self.group = np.unique(hazard, return_inverse=True)
        self.slowest, self.fastest = float(self.hazard[0]), float(self.hazard[-1])
        self.levels = np.zeros((2, len(self.hazard), grid.bins))
        self.flat = self.levels.reshape(-1)
        centres = np.stack([np.ones(grid.bins), grid.centres], axis=1)
        self.worth = (centres, np.ascontiguousarray(centres[::-1]))
        self.kept = np.zeros((2, len(self.hazard)))
        self.base = np.zeros((2, len(self.hazard)))
        self.closing, self.cutting, self.age = [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]
        # One past the highest index that may hold anything, and no less BTC than is held.
        self.tops, self.bound = [0, 0], [0.0, 0.0]

    def share(self, side: int) -> np.ndarray:
        """(groups,) what is left of each level as it is kept."""
        past = self.hazard * -self.closing[side]
        past += self.base[side]
        past -= self.cutting[side]
        left: np.ndarray = np.exp(past, out=past)
        return left

    def cross(self, side: int, edge: int) -> tuple[float, float, np.ndarray]:
        """Remove everything of a side from index `edge` up; BTC and USD removed, and (groups,) as was
        kept."""
        part = self.levels[side, :, edge : self.tops[side]]
        found = part @ self.worth[side][edge : self.tops[side]]
        gone, usd = (self.share(side) @ found).tolist()
        self.tops[side] = edge
        part[:] = 0.0
        self.bound[side] = max(self.bound[side] - gone, 0.0)
        return gone, usd, found[:, 0]

    def cap(self, side: int, most: float) -> bool:
        """Shrink all levels of a side alike where they hold more BTC than `most`; whether they did."""
        held = self.bound[side] = float(self.kept[side] @ self.share(side))
        if held > most:
            cut = log(held / max(most, held * _LEAST))
            self.cutting[side] += cut
            self.age[side] += cut
            self.bound[side] = most
        return held > most

    def settle(self) -> None:
        """Apply what has closed to the levels."""
        past = np.multiply.outer(self.closing, self.hazard) + np.array(self.cutting)[:, None]
        left = np.exp(self.base - past)
        self.levels *= left[:, :, None]
        self.kept *= left
        self.base, self.age = past, [0.0, 0.0]

    def quantities(self, side: int, window: slice) -> np.ndarray:
        """BTC of a side in a window of its bins, in order of price."""
        count = self.levels.shape[2]
        here = window if side == 0 else slice(count - window.stop, count - window.start)
        return (self.share(side) @ self.levels[side, :, here])[:: 1 - 2 * side]


class _Chunk:
    """Levels that a run of candles opens; they are put on the book in batches, as late as possible."""

    def __init__(
        self, deposits: Deposits, begin: int, stop: int, book: _Book, candles: list[list[Any]]
    ) -> None:
        # low and high index that price reached, closes, before, after, fading; by candle.
        self.candles = [numbers[begin:stop] for numbers in candles]
        groups, bins = book.levels.shape[1:]
        places, self.sizes = deposits.make(begin, stop)
        places[:, 1] = bins - 1 - places[:, 1]
        # Plain lists a side: numbers in them are read quickly, and the garbage collector leaves them alone.
        self.tops = [places[:, side].max(axis=(1, 2)).tolist() for side in (0, 1)]
        places += (np.arange(2)[:, None] * groups + book.group)[:, :, None] * bins
        self.places, self.entries, self.book = places, places.shape[3], book
        # BTC by group of hazard.
        self.opened = self.entries * (self.sizes @ (book.group[:, None] == np.arange(groups)))
        self.totals = [self.opened[:, side].sum(axis=1).tolist() for side in (0, 1)]
        # What had closed and was cut when each candle opened its levels, and what stood after it.
        self.closing, self.cutting, self.standing = np.zeros((3, stop - begin, 2))
        self.cutting[:] = book.cutting
        self.wiped = np.zeros((stop - begin, 2))
        self._removed = np.zeros_like(self.opened)
        self._crossed: list[tuple[int, int, float, float]] = []
        self._done = self._told = 0
        # As the book's own tops, of what was opened and is not on the book yet.
        self.waiting = [0, 0]

    def walk(self, first: int, stop: int) -> None:
        """Take candles `first` to `stop` of the chunk, each of which crosses, closes and opens.

        What is looked up for every candle and side is a local name or a plain list: here the time goes.
        """
        book, waiting, told = self.book, self.waiting, self.closing
        closing, age, bound, held = book.closing, book.age, book.bound, book.tops
        lows, highs, closes, befores, afters, fades = self.candles
        sides = ((0, lows, self.totals[0]), (1, highs, self.totals[1]))
        long_tops, short_tops = self.tops
        for row in range(first, stop):
            before, after = befores[row], afters[row]
            for side, edges, totals in sides:
                edge = edges[row]
                gone = self._cross(row, side, edge) if edge < held[side] or edge < waiting[side] else 0.0
                # A comparison with NaN is false: unknown open interest fades by holding time and caps
                # nothing.
                rate = fades[row]
                if before > 0:
                    # Of what is left after the crossing, so much closes.
                    close, interest, rate = closes[row] - gone, before - gone, 0.0
                    if close > 0:
                        if close < _MOST * interest:
                            rate = -log(1 - close / interest)
                        else:
                            self._wipe(row, side)
                if rate:
                    closing[side] += rate
                    age[side] += rate * book.fastest
                    bound[side] *= exp(-rate * book.slowest)
                told[row, side] = closing[side]
                # The levels themselves are put on the book later.
                bound[side] += totals[row]
            if long_tops[row] >= waiting[0]:
                waiting[0] = long_tops[row] + 1
            if short_tops[row] >= waiting[1]:
                waiting[1] = short_tops[row] + 1
            if bound[0] > after or bound[1] > after:
                self._cap(row, after)
            if age[0] > _LARGEST_EXPONENT or age[1] > _LARGEST_EXPONENT:
                self.tell(row + 1)
                book.settle()

    def _cross(self, row: int, side: int, edge: int) -> float:
        """Remove what a side holds from index `edge` up before the row's candle opens; the BTC of it."""
        if edge < self.waiting[side]:
            self.catch_up(row)
        if edge >= self.book.tops[side]:
            return 0.0
        gone, usd, self._removed[row, side] = self.book.cross(side, edge)
        self._crossed.append((row, side, gone, usd))
        return gone

    def crossed(self) -> np.ndarray:
        """(2, candles, 2) BTC and USD that each candle removed by crossing, by side."""
        out = np.zeros((2, *self.closing.shape))
        if self._crossed:
            row, side, gone, usd = zip(*self._crossed, strict=True)
            out[:, row, side] = gone, usd
        return out

    def _cap(self, row: int, most: float) -> None:
        """Shrink the sides that hold more than `most` BTC after the row's candle."""
        self.tell(row + 1)
        for side in (0, 1):
            if self.book.cap(side, most):
                self.standing[row, side] = most
                self.cutting[row + 1 :, side] = self.book.cutting[side]

    def _wipe(self, row: int, side: int) -> None:
        """Close everything that a side held before the row's candle opens."""
        self.tell(row)
        self.book.levels[side] = 0.0
        self.book.kept[side] = self._removed[row, side] = 0.0
        self.book.bound[side], self.wiped[row, side] = 0.0, _EVER

    def catch_up(self, row: int) -> None:
        """Put on the book what the candles before `row` opened."""
        if self._done == row:
            return
        new, book = slice(self._done, row), self.book
        self._done = row
        for side in (0, 1):
            book.tops[side] = max(book.tops[side], self.waiting[side])
            self.waiting[side] = 0
        grown = np.exp(self._grown(new, book.hazard, book.base))
        sizes = self.sizes[new] * (grown if grown.shape[2] == 1 else grown[:, :, book.group])
        np.add.at(book.flat, self.places[new].ravel(), sizes.ravel().repeat(self.entries))

    def tell(self, row: int) -> None:
        """Catch up, and find what stood after each candle before `row`."""
        self.catch_up(row)
        new, book = slice(self._told, row), self.book
        if new.start == new.stop:
            return
        self._told = row
        grown = np.exp(self._grown(new, book.hazard, book.base))
        kept = np.cumsum(self.opened[new] * grown - self._removed[new], axis=0) + book.kept
        self.standing[new] = (np.maximum(kept, 0.0) / grown).sum(axis=2)
        book.kept = np.maximum(kept[-1], 0.0)

    def _grown(self, rows: slice, hazard: np.ndarray, base: np.ndarray) -> np.ndarray:
        """Exponents by which levels that the candles open are kept larger than they are."""
        grown: np.ndarray = self.closing[rows, :, None] * hazard
        grown += self.cutting[rows, :, None]
        grown -= base
        return grown


def run(grid: Lattice, flows: Flows, deposits: Deposits, snapshots: np.ndarray, kept: slice) -> Outcome:
    """Walk through the candles once and keep the book's rows after the candles in `snapshots`.

    Parameters
    ----------
    snapshots : (C,) ascending candle indices, −1 for before the first candle.
    kept : the bins whose state is kept at the snapshots, whole drawn bins (`Lattice.window`).
    """
    n, book, centres = len(flows.low_bin), _Book(grid, deposits.hazard), grid.centres[kept]
    fading = -np.log(np.maximum(flows.fade, _LEAST))
    steps = [
        held.tolist()
        for held in (
            *(flows.low_bin, grid.bins - 1 - flows.high_bin),
            *(flows.closes, flows.before, flows.after, fading),
        )
    ]
    rows = np.zeros((2, len(snapshots), (kept.stop - kept.start) // grid.parts), dtype=np.float32)
    last, told = np.zeros((2, grid.bins)), np.zeros((7, n, 2))
    wanted, column = snapshots.tolist(), int(np.searchsorted(snapshots, 0))
    for begin in range(0, n, CHUNK):
        stop, done = min(begin + CHUNK, n), 0
        chunk = _Chunk(deposits, begin, stop, book, steps)
        while column < len(wanted) and wanted[column] < stop:
            if (row := wanted[column] + 1 - begin) > done or column == 0:
                chunk.walk(done, row)
                chunk.catch_up(row)
                done = row
                for side in (0, 1):
                    usd = book.quantities(side, kept) * centres
                    rows[side, column] = usd if grid.parts == 1 else usd.reshape(-1, grid.parts).sum(axis=1)
            else:
                rows[:, column] = rows[:, column - 1]
            column += 1
            if column == len(wanted):
                last[:] = [book.quantities(side, slice(0, grid.bins)) for side in (0, 1)]
        chunk.walk(done, stop - begin)
        chunk.tell(stop - begin)
        told[:3, begin:stop] = chunk.standing, chunk.closing, chunk.cutting
        told[3:5, begin:stop] = chunk.opened.sum(axis=2), chunk.wiped
        told[5:, begin:stop] = chunk.crossed()
    standing, closing, cutting, opened, wiped, crossed, usd = told
    closing += np.cumsum(wiped, axis=0)
    # What stood or opened and is neither crossed nor left has closed.
    closed = opened - crossed - np.diff(standing, axis=0, prepend=0.0)
    return Outcome(rows, last, usd, crossed, closed, standing, closing, np.vstack([cutting, book.cutting]))
