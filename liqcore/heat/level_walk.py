"""The walk behind a modelled heatmap: what price crosses, what closes and what opens, candle by candle.

What a candle closes depends on what it crossed, so the amounts are walked through in order. Where levels
stand and which candle crosses them is known before: that is worked out for a thousand candles at once.
"""

from __future__ import annotations

from itertools import pairwise
from math import exp, inf, log
from typing import Final, NamedTuple

import numpy as np

# Decay is kept as an exponent and applied when levels are read; beyond this it is folded into the levels.
_LARGEST_EXPONENT: Final = 50.0
# What is left of a book that closes as a whole: nothing that anybody could see, and no logarithm of zero.
LEAST: Final = 1e-18
# From this share of open interest on all of it closes; an exponent that nothing outlives.
_MOST, _EVER = 1 - 1e-15, 1e4
# Candles that are walked through before their levels come onto the book, at most: a power of two.
_BLOCK: Final = 32


class Steps(NamedTuple):
    """What candles do, along the last axis: the lowest index that price reached by side (2, n), BTC that
    closes, open interest before and after (NaN where unknown), and the exponent that levels fade by without
    it."""

    edges: np.ndarray
    closes: np.ndarray
    before: np.ndarray
    after: np.ndarray
    fading: np.ndarray

    def part(self, begin: int, stop: int) -> Steps:
        return Steps(*(held[..., begin:stop] for held in self))


class Book:
    """Levels of both sides, by group of equal hazard. Price eats them from the top index down; shorts are
    stored in reverse for that.

    A level is kept as if it had been opened at `base`: what has closed since is one number a side, `closing`
    (times the group's hazard) plus `cutting`, and is applied when levels are read. `window` and `parts`: the
    bins that are shown, so many of them in one that is drawn.
    """

    def __init__(self, centres: np.ndarray, hazard: np.ndarray, window: slice, parts: int) -> None:
        self.hazard, self.group = np.unique(hazard, return_inverse=True)
        self.rates = self.hazard.tolist()
        self.bins, groups = len(centres), len(self.hazard)
        # The last number is nobody's: levels that are crossed before they come onto the book go there.
        self.flat = np.zeros(groups * 2 * self.bins + 1)
        self.levels = self.flat[:-1].reshape(groups, 2, self.bins)
        # (2, bins, 2) what one BTC counts in BTC and in USD, by side.
        self.worth = np.stack([np.ones((2, self.bins)), [centres, centres[::-1]]], axis=2)
        turned = slice(self.bins - window.stop, self.bins - window.start)
        self.parts = parts
        self.shown = [
            (self.levels[:, side, here], centres[window]) for side, here in enumerate((window, turned))
        ]
        self.kept, self.base = np.zeros((2, 2, groups))
        self.bases = self.base.tolist()
        self.closing, self.cutting, self.bound = [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]
        # One past the highest index that may hold anything.
        self.tops, self.age = [0, 0], 0.0

    def share(self, side: int) -> np.ndarray:
        """(groups,) what is left of each level as it is kept."""
        left: np.ndarray = np.exp(self.base[side] - self.hazard * self.closing[side] - self.cutting[side])
        return left

    def cap(self, side: int, most: float) -> bool:
        """Shrink all levels of a side alike where they hold more BTC than `most`; whether they did."""
        held = self.bound[side] = float(self.kept[side] @ self.share(side))
        if held > most:
            cut = log(held / max(most, held * LEAST))
            self.cutting[side] += cut
            self.age += cut
            self.bound[side] = most
        return held > most

    def settle(self) -> None:
        """Apply what has closed to the levels."""
        past = np.multiply.outer(self.closing, self.hazard) + np.array(self.cutting)[:, None]
        left = np.exp(self.base - past)
        self.levels *= left.T[:, :, None]
        self.kept *= left
        self.base, self.bases, self.age = past, past.tolist(), 0.0

    def quantities(self, left: np.ndarray) -> np.ndarray:
        """(2, bins) BTC of each side, in order of price, where (2, groups) `left` is left of what is kept."""
        longs, shorts = (left[side].dot(self.levels[:, side]) for side in (0, 1))
        return np.stack([longs, shorts[::-1]])

    def show(self, left: np.ndarray, out: np.ndarray) -> None:
        """Write the USD of both sides by drawn bin of the window, in order of price, to `out` (2, drawn)."""
        for side, (levels, worth) in enumerate(self.shown):
            usd = left[side].dot(levels)[:: 1 - 2 * side] * worth
            out[side] = usd if self.parts == 1 else usd.reshape(-1, self.parts).sum(axis=1)


def _blocks(ends: list[int]) -> tuple[list[int], list[range]]:
    """Where parts begin and end, of which each ends at one of `ends` or after so many candles, and the parts
    of each block."""
    stops = [0]
    for end in ends:
        stops += [*range(stops[-1] + _BLOCK, end, _BLOCK), end]
    firsts, begin = [0], 0
    for part, (first, stop) in enumerate(pairwise(stops)):
        if stop - begin > _BLOCK:
            firsts.append(part)
            begin = first
    return stops, [range(*pair) for pair in pairwise([*firsts, len(stops) - 1])]


def _reached(edges: np.ndarray, starts: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """(2, n) each: the lowest index that price reaches before and after each candle, in the stretches that
    begin at `starts`."""
    fresh = np.zeros(edges.shape[1], dtype=np.int64)
    fresh[starts[1:]] = 1
    # A step of `bins` between stretches lets one running minimum begin anew in each.
    shift = np.cumsum(fresh) * bins
    so_far = np.minimum.accumulate(edges - shift, axis=1) + shift
    ahead = np.minimum.accumulate((edges + shift)[:, ::-1], axis=1)[:, ::-1] - shift
    before, later = np.full((2, *edges.shape), bins, dtype=np.int32)
    before[:, 1:] = np.where(fresh[1:], bins, so_far[:, :-1])
    later[:, :-1] = np.where(fresh[1:], bins, ahead[:, 1:])
    return before, later


class Chunk:
    """A run of candles, in blocks: what a block's candles open and do not cross comes onto the book after it,
    part by part, so that the book can be looked at after each part.

    `blocks` are the parts of each, `stops` where each part begins, and the last one ends.
    """

    def __init__(
        self, book: Book, steps: Steps, places: np.ndarray, sizes: np.ndarray, ends: list[int]
    ) -> None:
        """`places` (n, 2, atoms, entries) bins, which are changed; `sizes` (n, 2, atoms) BTC of each; `ends`
        the rows, counted from 1, after which the book is looked at."""
        count, bins = len(places), book.bins
        # Candles along the last axis, where numpy is quickest.
        self.places = np.ascontiguousarray(places.transpose(3, 1, 2, 0), dtype=np.int32)
        self.sizes = np.ascontiguousarray(sizes.transpose(1, 2, 0))
        self.book, self.entries = book, len(self.places)
        # (2, groups, n) BTC that each candle opens.
        self.opened = (self.entries * (book.group == np.arange(len(book.rates))[:, None])) @ self.sizes
        self.stops, self.blocks = _blocks(ends)
        np.subtract(bins - 1, self.places[:, 1], out=self.places[:, 1])
        tops = self.places.max(axis=0)
        self._stops = np.array(self.stops)
        starts = self._stops[:-1]
        firsts = starts[[block.start for block in self.blocks]]
        _, near = before, later = _reached(steps.edges, firsts, bins)
        if len(firsts) < len(starts):
            _, near = _reached(steps.edges, starts, bins)
        self._fill(steps.edges, starts, np.minimum(tops.max(axis=1) + 1, near))
        met = self._meet(steps.edges, tops, near, later)
        held = np.repeat([self.tops[block.start] for block in self.blocks], np.diff([*firsts, count]), axis=0)
        self._prepare(steps, np.minimum(before, held.T), met)
        self.closing = [[0.0] * count, [0.0] * count]
        self.cutting = [[cut] * count for cut in book.cutting]
        # What stood after each candle and was wiped by it, by side and row; what had closed before it opened
        # anything, one row late; and what was cut before it.
        self.standing, self.wiped = np.zeros((2, 2, count))
        self.shut, self.cuts = np.zeros((2, 2, count + 1))
        self.shut[:, 0] = book.closing
        self.cuts[:] = np.reshape(book.cutting, (2, 1))
        # What was removed, in order: BTC, USD, and BTC of each group of what was kept.
        self.gone: list[float] = []
        self.usd: list[float] = []
        self.found: list[float] = []
        self._noted = self._done = self._seen = 0
        self._wipes: list[tuple[int, int]] = []

    def _fill(self, edges: np.ndarray, starts: np.ndarray, fresh: np.ndarray) -> None:
        """How far each part clears the book, and one past the highest index that may hold anything before
        it."""
        self.ends = np.minimum.reduceat(edges, starts, axis=1).T.tolist()
        self.tops = [self.book.tops]
        for ends, new in zip(self.ends, np.maximum.reduceat(fresh, starts, axis=1).T.tolist(), strict=True):
            self.tops.append([max(min(self.tops[-1][side], ends[side]), new[side]) for side in (0, 1)])
        self.book.tops = self.tops[-1]

    def _meet(self, edges: np.ndarray, tops: np.ndarray, part: np.ndarray, later: np.ndarray) -> np.ndarray:
        """Which levels are crossed inside their own block, and by which candle: who opened them, their group,
        BTC and USD, and how many a candle, by side and row. Those that are crossed inside their own part
        never come onto the book."""
        book, (entries, _, atoms, count) = self.book, self.places.shape
        near = np.flatnonzero(tops >= later[:, None, :])
        opener = near // (atoms * count) * count + near % count
        held = self.places.reshape(entries, -1)
        place = held[:, near]
        entry, which = np.nonzero(place >= later.ravel()[opener])
        place, near, opener = place[entry, which], near[which], opener[which]
        # The first candle after it that reaches the level: leaps of halving length over those that do not.
        nearest, leaps, leap = edges.copy(), [], 1
        while leap < _BLOCK:
            leaps.append((leap, nearest.ravel()))
            nearest = nearest.copy()
            np.minimum(nearest[:, :-leap], nearest[:, leap:], out=nearest[:, :-leap])
            leap *= 2
        meets = opener + 1
        for leap, lowest in reversed(leaps):
            meets += leap * (lowest[meets] > place)
        groups, group = len(book.rates), book.group[near // count % atoms]
        key = (meets * count + opener % count) * groups + group
        order = np.argsort(key, kind="stable")
        first = np.flatnonzero(np.diff(key[order], prepend=-1))
        size = self.sizes.ravel()[near[order]]
        value = size * book.worth[opener[order] // count, place[order], 1]
        key = key[order[first]]
        # Lists of plain numbers: they are read quickly, and the garbage collector leaves them alone.
        self.openers, self.groups = (key // groups % count).tolist(), (key % groups).tolist()
        self.quantities, self.values = (np.add.reduceat(held, first).tolist() for held in (size, value))
        met = np.bincount(key // (groups * count), minlength=2 * count)
        shift = (2 * book.group + np.arange(2)[:, None]) * book.bins
        self.places += shift[:, :, None].astype(np.int32)
        never = place >= part.ravel()[opener]
        held[entry[never], near[never]] = len(book.flat) - 1
        return met

    def _prepare(self, steps: Steps, fronts: np.ndarray, met: np.ndarray) -> None:
        """What each candle closes of both sides where it crosses nothing, and what there is to know of those
        that cross something, or close everything."""
        book, known = self.book, steps.before > 0
        with np.errstate(all="ignore"):
            share = steps.closes / steps.before
            rates = np.where(known, np.where(share > 0, -np.log(1 - share), 0.0), steps.fading)
        wiped = known & ~(share < _MOST)
        rates[wiped] = 0.0
        slow = (steps.edges < fronts) | (met.reshape(2, -1) > 0) | wiped
        self.candles = (
            # 1 where longs need a look of their own, 2 where shorts do.
            ([1, 2] @ slow).tolist(),
            rates.tolist(),
            np.exp(-rates * book.rates[0]).tolist(),
            *self.opened.sum(axis=1).tolist(),
            steps.after.tolist(),
        )
        self.rows, self.sides = rows, sides = np.nonzero(slow.T)
        event = sides * len(known) + rows
        last = np.cumsum(met)[event]
        # The pairs, the bins of the book, and what else closes, in the order of the candles.
        self.queue = zip(
            (last - met[event]).tolist(),
            last.tolist(),
            steps.edges[sides, rows].tolist(),
            fronts[sides, rows].tolist(),
            steps.closes[rows].tolist(),
            steps.before[rows].tolist(),
            steps.fading[rows].tolist(),
            strict=True,
        )

    def walk(self, parts: range) -> np.ndarray:
        """Take the candles of a block, each of which crosses, closes and opens.

        What is looked up for every candle is a local name or a plain list: here the time goes.

        Returns (2, parts, groups) what is left, after each part, of levels as they are kept.
        """
        first, stop = self.stops[parts.start], self.stops[parts.stop]
        self._wipes = []
        book, (longs, shorts) = self.book, self.closing
        slowest, fastest = book.rates[0], book.rates[-1]
        (long, short), (long_bound, short_bound), age = book.closing, book.bound, book.age
        for row, event, usual, kept, opened, sold, after in zip(
            range(first, stop), *(held[first:stop] for held in self.candles), strict=True
        ):
            if event & 1:
                gone, rate = self._event(row, 0, long)
                long += rate
                long_bound = max(long_bound - gone, 0.0) * exp(-rate * slowest) + opened
                age += rate * fastest
            else:
                long += usual
                long_bound = long_bound * kept + opened
            if event & 2:
                gone, rate = self._event(row, 1, short)
                short += rate
                short_bound = max(short_bound - gone, 0.0) * exp(-rate * slowest) + sold
                age += rate * fastest
            else:
                short += usual
                short_bound = short_bound * kept + sold
            age += usual * fastest
            longs[row], shorts[row] = long, short
            if long_bound > after or short_bound > after or age > _LARGEST_EXPONENT:
                book.closing, book.bound, book.age = [long, short], [long_bound, short_bound], age
                self._cap(row, after)
                (long_bound, short_bound), age = book.bound, book.age
        book.closing, book.bound, book.age = [long, short], [long_bound, short_bound], age
        self._note(stop)
        grown, group = self._grown(first, stop), book.group
        self.weights = self.sizes[:, :, first:stop] * (grown if grown.shape[1] == 1 else grown[:, group])
        ends = self._stops[parts.start + 1 : parts.stop + 1]
        past = self.shut.take(ends, axis=1)[..., None] * book.hazard
        past += self.cuts.take(ends, axis=1)[..., None]
        left: np.ndarray = np.exp(book.base[:, None] - past)
        return left

    def put(self, part: int, block: range) -> None:
        """Clear what a part of a block crossed, and put what it opened and did not cross on the book."""
        book, first, stop, start = self.book, *self.stops[part : part + 2], self.stops[block.start]
        for side, (end, top) in enumerate(zip(self.ends[part], self.tops[part], strict=True)):
            if end < top:
                book.levels[:, side, end:top] = 0.0
        weights = self.weights[:, :, first - start : stop - start]
        for row, side in self._wipes:
            if first <= row < stop:
                book.levels[:, side] = 0.0
                weights[side, :, : row - first] = 0.0
        np.add.at(
            book.flat,
            self.places[..., first:stop].astype(np.intp).ravel(),
            np.concatenate((weights.ravel(),) * self.entries),
        )

    def _event(self, row: int, side: int, closing: float) -> tuple[float, float]:
        """What a candle that crosses something, or closes everything, does to a side before it opens: the BTC
        that go, and the exponent that the rest closes by."""
        book, past, cuts = self.book, self.closing[side], self.cutting[side]
        rates, cut = book.rates, book.cutting[side]
        begin, stop, edge, front, closes, before, fade = next(self.queue)
        usd, found = 0.0, [0.0] * len(rates)
        for pair in range(begin, stop):
            opener, group = self.openers[pair], self.groups[pair]
            left = exp(rates[group] * (past[opener] - closing) + cuts[opener] - cut)
            found[group] += self.quantities[pair] * left
            usd += self.values[pair] * left
        if edge < front and not any(wiped == side for _, wiped in self._wipes):
            held = book.levels[:, side, edge:front].dot(book.worth[side, edge:front])
            for group, (quantity, value) in enumerate(held.tolist()):
                left = exp(book.bases[side][group] - rates[group] * closing - cut)
                found[group] += quantity * left
                usd += value * left
        gone = sum(found)
        self.gone.append(gone)
        self.usd.append(usd)
        self.found += found
        # A comparison with NaN is false: unknown open interest fades by holding time and caps nothing.
        if not before > 0:
            return gone, fade
        # Of what is left after the crossing, so much closes.
        close, interest = closes - gone, before - gone
        if close <= 0:
            return gone, 0.0
        if close < _MOST * interest:
            return gone, -log(1 - close / interest)
        self._wipe(row, side)
        return inf, 0.0

    def _cap(self, row: int, most: float) -> None:
        """Shrink the sides that hold more than `most` BTC after the row's candle; begin counting anew where
        exponents have become large."""
        self.tell(row + 1)
        book = self.book
        for side in (0, 1):
            if book.bound[side] > most and book.cap(side, most):
                self.standing[side, row] = most
                cut, rest = book.cutting[side], self.cutting[side]
                rest[row + 1 :] = [cut] * (len(rest) - row - 1)
                self.cuts[side, row + 1 :] = cut
        if book.age > _LARGEST_EXPONENT:
            book.settle()

    def _wipe(self, row: int, side: int) -> None:
        """Close everything that a side held before the row's candle opens."""
        self.tell(row)
        groups = len(self.book.rates)
        self.book.kept[side] = 0.0
        self.wiped[side, row] = _EVER
        # What the candle crossed before is no part of what is kept any more.
        self.found[-groups:] = [0.0] * groups
        # Neither is what its block opened before.
        first = next(self.stops[block.start] for block in self.blocks if row < self.stops[block.stop])
        self.cutting[side][first:row] = [-inf] * (row - first)
        self._wipes.append((row, side))

    def _note(self, stop: int) -> None:
        """Put down what had closed when the candles before `stop` opened their levels."""
        first, (longs, shorts) = self._noted, self.closing
        if first < stop:
            self._noted = stop
            self.shut[:, first + 1 : stop + 1] = longs[first:stop], shorts[first:stop]

    def _grown(self, first: int, stop: int) -> np.ndarray:
        """(2, groups, rows) how much larger levels that the candles open are kept than they are."""
        past = self.shut[:, None, first + 1 : stop + 1] * self.book.hazard[:, None]
        past += self.cuts[:, None, first:stop] - self.book.base[:, :, None]
        grown: np.ndarray = np.exp(past, out=past)
        return grown

    def tell(self, row: int) -> None:
        """Find what stood after each candle before `row`."""
        first, book = self._done, self.book
        if first == row:
            return
        self._done = row
        self._note(row)
        grown = self._grown(first, row)
        kept = self.opened[:, :, first:row] * grown
        seen, groups = self._seen, len(book.rates)
        self._seen = int(np.searchsorted(self.rows, row))
        if seen < self._seen:
            sides, rows = self.sides[seen : self._seen], self.rows[seen : self._seen]
            found = np.reshape(self.found[seen * groups : self._seen * groups], (-1, groups))
            # What was crossed is told as it was before the candle closed anything.
            rate = self.shut[sides, rows] - self.shut[sides, rows + 1]
            found = found * np.exp(rate[:, None] * book.hazard)
            kept[sides, :, rows - first] -= found * grown[sides, :, rows - first]
        kept = np.cumsum(kept, axis=2) + book.kept[:, :, None]
        self.standing[:, first:row] = (np.maximum(kept, 0.0) / grown).sum(axis=1)
        book.kept = np.maximum(kept[:, :, -1], 0.0)

    def facts(self) -> np.ndarray:
        """(7, 2, n) by side and candle: BTC that stood after it, what had closed and was cut when it opened
        its levels, what it wiped, and BTC that it opened, and BTC and USD that it crossed."""
        self.tell(len(self.closing[0]))
        crossed = np.zeros((2, *self.standing.shape))
        crossed[:, self.sides, self.rows] = self.gone, self.usd
        opened = self.opened.sum(axis=1)
        return np.stack([self.standing, self.shut[:, 1:], self.cuts[:, :-1], self.wiped, opened, *crossed])
