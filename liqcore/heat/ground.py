"""The ground a realised map stands on: its columns, the path of price through them, and the orders of each
side.

From here come the two things a scan compares, for any window of columns at once: orders by bin of price, and
the shares by which each explanation would have spread them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.heat import opportunity
from liqcore.heat.estimated import is_estimated
from liqcore.heat.grid import HeatGrid
from liqcore.heat.opportunity import Bars, Lattice
from liqcore.heat.orders import Orders, orders_of
from liqcore.heat.price_path import PricePath

_HOUR = 3_600_000_000
# A column of a realised map stands for the last 24 hours, or as far back as there were 100 orders of the
# side,
# up to a week: three hours rarely allow a claim.
WINDOW, _ENOUGH, _WEEK = 24.0, 100, 7 * 24.0
# Orders this far off the bar they fell in are of another price; without bars, this far off the usual one.
_OFF_BAR, _OFF_ALL = 0.01, 0.25
_STRANGE_NOTE = (
    "Many liquidations lie far from the candles of their time, so price and events hardly belong together, as"
    " when their clocks differ:"
    " what stands out is judged without the path of price, which is weaker."
)
_CELLS_NOTE = (
    "The events behind this map were not given: each filled cell counts as one order, so large prints cannot"
    " be told from many small ones."
)
ESTIMATED_NOTE = (
    "Prices that were estimated from candles say where price was, not where liquidations were: they have no"
    " say in what stands out."
)
NO_PATH_NOTE = (
    "Without candles the path of price is guessed from the liquidations themselves, so less is found than"
    " could be: add candles, best of one minute."
)


@dataclass(frozen=True, eq=False)
class Ground:
    """Observed columns of a realised map with what happened in them.

    `begin`, `end` (C,) µs bound the columns. `bars` are None where there is nothing to tell a path by, and
    `guessed` where they come from the orders themselves; `bar_column` (B,) is the column in which each bar
    closed,
    -1 for none. `orders` are those that can be judged, `column` and `bin` (N,) their places.
    `astray` are the others of these columns. `heard` (C,) is False where a venue was not listened to. `notes`
    say what limits the judgement.
    """

    begin: np.ndarray
    end: np.ndarray
    bars: Bars | None
    bar_column: np.ndarray
    lattice: Lattice
    orders: Orders
    column: np.ndarray
    bin: np.ndarray
    astray: Orders
    heard: np.ndarray
    guessed: bool = False
    notes: tuple[str, ...] = ()
    # What price did, by side; the same for all who share the ground.
    _travelled: dict[int, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.begin), self.lattice.size

    def travelled(self, side: int) -> np.ndarray:
        """(4, C, P) what each explanation weighs in every column."""
        assert self.bars is not None
        if side not in self._travelled:
            held = np.flatnonzero(self.bar_column >= 0)
            part = slice(int(held[0]), int(held[-1]) + 1) if len(held) else slice(0, 0)
            row = self.bar_column[part]
            # Bars of no column are put into one more, which is thrown away.
            rows = self.shape[0] + 1
            all_ = (
                opportunity.travelled(
                    self.bars, part, np.where(row < 0, rows - 1, row), rows, self.lattice, side
                )
                if len(held)
                else np.zeros((4, rows, self.lattice.size))
            )
            self._travelled[side] = all_[:, :-1]
        return self._travelled[side]

    def of(self, venue: str) -> Ground:
        """The same ground for the orders of one venue."""
        mine = self.orders.venue == (self.orders.names.index(venue) if venue in self.orders.names else -1)
        return replace(self.kept(mine), astray=self.astray.of(venue))

    def kept(self, mine: np.ndarray) -> Ground:
        """The same ground with some of its orders, by mask."""
        if mine.all():
            return self
        mine = np.flatnonzero(mine)
        return replace(self, orders=self.orders.where(mine), column=self.column[mine], bin=self.bin[mine])

    def moved(self, long: float, short: float) -> Ground:
        """The same ground with the orders of each side moved down by so much log price."""
        x = self.orders.x - np.where(self.orders.side == 0, long, short)
        bins = np.clip(self.lattice.bin(x), 0, self.lattice.size - 1)
        return replace(self, orders=replace(self.orders, x=x), bin=bins)

    def sums(self, side: int, values: np.ndarray) -> np.ndarray:
        """(C, P) sums of a value of each order of a side, by column and bin."""
        mine = self.orders.side == side
        place = self.column[mine] * self.lattice.size + self.bin[mine]
        return np.bincount(place, values[mine], minlength=self.shape[0] * self.lattice.size).reshape(
            self.shape
        )

    def busiest(
        self, side: int, row: np.ndarray, since: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> np.ndarray:
        """(N,) orders of a side in the busiest ten minutes of each stretch of bins [low, high), in the
        columns `since` to `row`."""
        mine = np.flatnonzero(self.orders.side == side)
        mine = mine[np.argsort(self.bin[mine], kind="stable")]
        first, last = (np.searchsorted(self.bin[mine], end) for end in (low, high))
        number = last - first
        owner = np.repeat(np.arange(len(number)), number)
        at = mine[np.arange(len(owner)) + np.repeat(first - (np.cumsum(number) - number), number)]
        inside = (self.column[at] >= since[owner]) & (self.column[at] <= row[owner])
        owner, at = owner[inside], at[inside]
        out = np.zeros(len(number))
        if not len(at):
            return out
        # Two sets of blocks, half a block apart: one of them holds a short burst whole.
        for phase in (0, opportunity.MOMENT // 2):
            block = (self.orders.time[at] + phase) // opportunity.MOMENT
            span = int(block.max() - block.min()) + 1
            names, member = np.unique(owner * span + block - block.min(), return_inverse=True)
            np.maximum.at(out, names // span, np.bincount(member, self.orders.weight[at]))
        return out

    def since(self, side: int, hours: float | None) -> np.ndarray:
        """(C,) the first column that each column's window begins with."""

        def back(length: float) -> np.ndarray:
            begin = np.searchsorted(self.begin, self.end - int(length * _HOUR))
            return np.minimum(begin, np.arange(len(self.end)))

        if hours is not None:
            return back(hours)
        number = np.bincount(self.column[self.orders.side == side], minlength=len(self.end))
        total = np.concatenate([[0], np.cumsum(number)])
        enough = np.searchsorted(total, total[1:] - _ENOUGH, "right") - 1
        return np.maximum(np.minimum(back(WINDOW), np.maximum(enough, 0)), back(_WEEK))

    def shares(self, side: int, rows: np.ndarray, since: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """(E, R, P) where orders of a side would fall in some windows, by each explanation of the path.

        Without a path, or with one that is guessed, the wide average of the counts (R, P) themselves is one
        more.
        """
        if self.bars is None:
            return self.explained(counts, None)
        return self.explained(counts, windowed(self.travelled(side) * self.heard[:, None], rows, since))

    def explained(self, counts: np.ndarray, path: np.ndarray | None) -> np.ndarray:
        """The same (E, R, P) from the orders (R, P) and the path (4, R, P) of some windows, None without
        one."""
        heap = [opportunity.background(counts)] if self.bars is None or self.guessed else []
        if path is None:
            return heap[0]
        return np.concatenate([opportunity.blurred(opportunity.shares(path), self.orders.grain), *heap])

    def busy(self, side: int, rows: np.ndarray, since: np.ndarray) -> np.ndarray | None:
        """(1, R, P) where they would fall if only the moment mattered: the orders of each quarter of an hour
        spread over where price was in it. None without a path."""
        if self.bars is None:
            return None
        return self.busy_shares(windowed(self.busy_weights(side), rows, since))[None]

    def busy_weights(self, side: int) -> np.ndarray:
        """(C, P) the orders of each column as `busy` spreads them; there must be a path."""
        still = self.travelled(side)[0] * self.heard[:, None]
        return self._busy(side, still) + 1e-9 * still

    def busy_shares(self, weights: np.ndarray) -> np.ndarray:
        """(R, P) where orders would fall by the sums (R, P) of `busy_weights` over some windows."""
        return opportunity.blurred(opportunity.shares(weights)[None], self.orders.grain)[-1]

    def _busy(self, side: int, still: np.ndarray) -> np.ndarray:
        """(C, P) orders of each column spread over the path of its quarter of an hour.

        Within a quarter, as known at each column's end, so that later orders change nothing before them.
        """
        assert self.bars is not None
        number = np.bincount(
            self.column[self.orders.side == side],
            self.orders.weight[self.orders.side == side],
            minlength=len(self.end),
        )
        length = max(opportunity.BUSY, self.bars.step)
        width = int(np.median(self.end - self.begin))
        if width >= length:
            return self._busy_bars(side, length)
        block = self.begin // length
        first = np.flatnonzero(np.diff(block, prepend=block[0] - 1))
        start = first[np.cumsum(np.diff(block, prepend=block[0] - 1) != 0) - 1]
        spent = still.sum(axis=1)

        def within(values: np.ndarray) -> np.ndarray:
            total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
            return total[1:] - total[start]

        state = within(still) * (within(number) / np.maximum(within(spent), 1e-12))[:, None]
        before = np.concatenate([np.zeros_like(state[:1]), state[:-1]])
        before[first] = 0.0
        return state - before

    def _busy_bars(self, side: int, length: int) -> np.ndarray:
        """The same where columns hold whole quarters: each bar weighs the orders of its quarter."""
        assert self.bars is not None
        held = np.flatnonzero(self.bar_column >= 0)
        names, member, bars = np.unique(
            self.bars.time[held] // length, return_inverse=True, return_counts=True
        )
        mine = self.orders.side == side
        hit = self.orders.time[mine] // length
        place = np.minimum(np.searchsorted(names, hit), max(len(names) - 1, 0))
        some = names[place] == hit if len(names) else np.zeros(len(hit), dtype=bool)
        number = np.bincount(place[some], self.orders.weight[mine][some], minlength=len(names))
        return opportunity.spread(
            self.lattice,
            self.bars.low[held],
            self.bars.high[held],
            (number / bars)[member],
            self.bar_column[held],
            self.shape[0],
        )


def windowed(values: np.ndarray, rows: np.ndarray, since: np.ndarray) -> np.ndarray:
    """Sums of values (..., C, P) over the columns `since` to `rows`, both included, (..., R, P)."""
    total = np.zeros((*values.shape[:-2], values.shape[-2] + 1, values.shape[-1]))
    np.cumsum(values, axis=-2, out=total[..., 1:, :])
    # One row after the other needs no copy.
    whole = len(rows) > 1 and rows[0] >= 0 and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows)))
    until = total[..., rows[0] + 1 : rows[0] + 1 + len(rows), :] if whole else total[..., rows + 1, :]
    out = total[..., since, :]
    np.subtract(until, out, out=out)
    # Differences of sums leave rounding where there was nothing.
    out[out < 1e-9 * until] = 0.0
    return out


def ground_of(
    grid: HeatGrid,
    path: PricePath,
    candles: pd.DataFrame | None,
    liquidations: pd.DataFrame | None,
    cells: Mapping[str, HeatGrid] | None = None,
) -> Ground:
    """The ground of a realised map, from candles or closes where there are any, and from events or else
    cells.

    `cells` are maps by venue, for the question whether they agree; by default all cells are of one.
    """
    edges = grid.time_edges.astype("int64")
    watched = np.flatnonzero(np.asarray(grid.observed))
    begin, end = edges[:-1][watched], edges[1:][watched]
    bars = None
    if candles is not None and len(candles):
        bars = opportunity.bars_of(candles)
    elif path.source == "closes":
        bars = opportunity.bars_between(path.close, edges)
    if liquidations is None:
        orders, notes = _cells(cells or {"unknown": grid}), [_CELLS_NOTE]
    else:
        orders, notes = orders_of(liquidations, bars), []
        if is_estimated(liquidations).any():
            notes.append(ESTIMATED_NOTE)
    if orders.moved:
        notes.append(
            f"Prices of {', '.join(wording.venues(orders.moved))} lie beyond the trade, as bankruptcy prices"
            " do, and were moved back to it."
        )
    if orders.rounded:
        notes.append(
            f"Prices of {', '.join(wording.venues(orders.rounded))} are rounded, to"
            f" {wording.percent(orders.grain)} of the price or less: a round price is no band, and none"
            " narrower than that can be told."
        )
    notes += [
        f"{wording.venue(copy)} tells the same liquidations as {wording.venue(first)}: they count once, and"
        " confirm nothing."
        for copy, first in orders.copies
    ]
    guessed = bars is None or not orders.fits
    if guessed:
        notes.append(NO_PATH_NOTE if bars is None else _STRANGE_NOTE)
        bars = None
    inside = _column(orders.time, begin, end) >= 0
    orders = orders.where(inside)
    if guessed and len(orders.time):
        near = np.abs(orders.x - np.median(orders.x)) <= _OFF_ALL
        bars = opportunity.bars_through(orders.time[near], orders.x[near]) if near.any() else None
    judged = np.ones(len(orders.time), dtype=bool)
    bar_column = np.empty(0, dtype=np.intp)
    if bars is not None:
        bar = bars.of(orders.time)
        off = np.abs(orders.x - np.clip(orders.x, bars.low[bar], bars.high[bar]))
        judged = (bar >= 0) & (off <= _OFF_BAR)
        heard_from = int(orders.time[0]) if liquidations is not None and len(orders.time) else int(edges[0])
        bar_column = np.where(bars.closed > heard_from, _column(bars.closed, begin, end), -1)
    if liquidations is not None and not judged.all():
        notes.append(
            f"{wording.count(int((~judged).sum()), 'liquidation')} fell where no candle is, or more than 1 %"
            " off it, and had no say in what stands out."
        )
    held, kept = bar_column >= 0, orders.where(judged)
    spans = [kept.x] if bars is None else [kept.x, bars.low[held], bars.high[held]]
    prices = np.concatenate(spans)
    some = prices if len(prices) else np.log(grid.price_edges[:1])
    lattice = opportunity.lattice_of(float(some.min()), float(some.max()))
    return Ground(
        begin=begin,
        end=end,
        bars=bars,
        bar_column=bar_column,
        lattice=lattice,
        orders=kept,
        column=_column(kept.time, begin, end),
        bin=lattice.bin(kept.x),
        astray=orders.where(~judged),
        heard=np.ones(len(begin), dtype=bool),
        guessed=guessed,
        notes=tuple(notes),
    )


def _column(time: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The observed column of each moment, -1 for none."""
    column = np.searchsorted(begin, time, "right") - 1
    late = time >= end[np.maximum(column, 0)] if len(end) else np.ones(len(time), dtype=bool)
    return np.where((column < 0) | late, -1, column)


def _cells(grids: Mapping[str, HeatGrid]) -> Orders:
    """Each filled cell of some maps as one order, in parts spread evenly over its bin."""
    out = []
    for venue, grid in enumerate(grids.values()):
        wide = np.diff(np.log(grid.price_edges))
        parts = np.maximum(np.round(wide / opportunity.STEP), 1).astype(np.intp)
        middle = (grid.time_edges[:-1].astype("int64") + grid.time_edges[1:].astype("int64")) // 2
        for side, usd in enumerate((grid.long, grid.short)):
            t, p = np.nonzero(usd)
            number = parts[p]
            owner = np.repeat(np.arange(len(t)), number)
            k = np.arange(len(owner)) - np.repeat(np.cumsum(number) - number, number)
            x = np.log(grid.price_edges[p])[owner] + (k + 0.5) / number[owner] * wide[p][owner]
            part = 1.0 / number[owner]
            code = np.full(len(owner), side), np.full(len(owner), venue)
            out.append((middle[t][owner], x, usd[t, p].astype(np.float64)[owner] * part, *code, part))
    time, x, usd, way, who, share = (np.concatenate(part) for part in zip(*out, strict=True))
    made = Orders(
        time, x, usd, way.astype(np.int8), who, np.ones(len(time), dtype=np.intp), share, tuple(grids)
    )
    return made.where(np.argsort(time, kind="stable"))
