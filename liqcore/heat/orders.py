"""Orders from the prints of venues: fills joined, prices where the trade happened, nothing counted twice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.estimated import is_estimated
from liqcore.heat.opportunity import STEP, Bars

# Prints of one venue and side this close in time (µs) and log price are one order, filled in parts.
_SAME_ORDER, _SAME_PRICE = 500_000, 0.0005
# Prices of a venue and side are moved back when they lie this far beyond the bar they print in, as bankruptcy
# prices do; judged by 2 ** 3 of its first orders and more, up to so many.
_BEYOND, _FIRST, _JUDGED = 0.001, 3, 500
# Prices were rounded where so many of a venue's orders share theirs with another; what they were rounded to
# is the least distance between two, up to this share of price.
_SHARED, _COARSEST = 0.8, 0.02
# Orders of two venues alike in side, price and USD, this close in time (µs), are one order that was recorded
# twice; what is said of a venue when so many of its orders are.
_TWINS, _COPY, _COPIES = 10_000_000, 0.5, 10
# Orders spread over what their prices were rounded to, evenly whatever their number (a golden section apart).
_GOLDEN = (5**0.5 - 1) / 2
# Where so many orders lie beyond their bar, by more than its height, on the side where no bankruptcy price
# is, events and candles tell different times.
_ASTRAY = 0.2
# What bankruptcy prices lie beyond the trade at least and at most: the maintenance margin of the smallest and
# the largest positions.
_LEAST, _LARGEST = 0.0035, 0.05
# A venue prints several such distances where this share of its orders, and so many, stay so far beyond one.
_APART, _MIXED, _MIXED_LEAST = 0.0045, 0.03, 3
# Orders this far off their bar do not belong to these candles.
_ELSEWHERE, _ELSEWHERE_SHARE = 0.02, 0.2


@dataclass(frozen=True, eq=False)
class Orders:
    """Liquidation orders (N,) in order of time: partial fills joined, prices where the trade happened.

    `time` µs, `x` log price, `usd`, `side` (0 long, 1 short), `venue` as a number in `names`, `events` the
    prints it was filled in; `weight` is 1 for an order, less for a cell of a map that stands for one. `fits`
    is False where too many lie off the candles to be judged by them; `moved` names venues moved back, and
    `rounded` those whose prices were spread over what they had been rounded to, at most `grain` in log price.
    `copies` are pairs of venues of which the first told what the second did, whose orders count once.
    """

    time: np.ndarray
    x: np.ndarray
    usd: np.ndarray
    side: np.ndarray
    venue: np.ndarray
    events: np.ndarray
    weight: np.ndarray
    names: tuple[str, ...]
    fits: bool = True
    moved: tuple[str, ...] = ()
    rounded: tuple[str, ...] = ()
    grain: float = 0.0
    copies: tuple[tuple[str, str], ...] = ()

    def where(self, keep: np.ndarray) -> Orders:
        """Those orders that are to be kept, by mask or by place."""
        if keep.dtype == bool:
            if keep.all():
                return self
            # Places are worked out once for all arrays.
            keep = np.flatnonzero(keep)
        parts = ("time", "x", "usd", "side", "venue", "events", "weight")
        return replace(self, **{name: getattr(self, name)[keep] for name in parts})

    def of(self, venue: str) -> Orders:
        """The orders of one venue."""
        return self.where(self.venue == (self.names.index(venue) if venue in self.names else -1))


def orders_of(liquidations: pd.DataFrame, bars: Bars | None) -> Orders:
    """Join partial fills to orders, move prices beyond the trade back to it, and spread rounded ones.

    A bankruptcy price lies about the maintenance margin beyond the trade. The distance is the median of
    ln(price / nearest price of its bar) by venue and side, where that is more than 10 bp; orders that lie
    farther, as those of large positions do, stand evenly in their bar. Prices rounded to
    more than a bin would stand at every round price as a band of their own. Prices that were estimated are no
    orders at a price, and left out.
    """
    if (guessed := is_estimated(liquidations)).any():
        liquidations = liquidations[~guessed]
    time = tables.microseconds(liquidations["time"])
    side = liquidations["side"].array.codes.astype(np.int8)
    venue = liquidations["venue"].array.codes.astype(np.intp)
    names = tuple(str(name) for name in liquidations["venue"].cat.categories)
    price, usd = liquidations["price"].to_numpy(), liquidations["notional"].to_numpy()
    x, grain = np.log(price), _grains(price, venue, len(names))
    moved: list[str] = []
    fits = True
    if bars is not None and len(x) and len(bars.time):
        x, moved, fits = _moved_back(x, time, side, venue, bars, names)
    # In order of time already, so that only venues and sides are to be put together.
    order = np.argsort(2 * venue + side, kind="stable")
    time, x, usd, side, venue, grain = (values[order] for values in (time, x, usd, side, venue, grain))
    new = np.ones(len(x), dtype=bool)
    new[1:] = (np.diff(time) > _SAME_ORDER) | (np.abs(np.diff(x)) > _SAME_PRICE)
    new[1:] |= (np.diff(side) != 0) | (np.diff(venue) != 0)
    first = np.flatnonzero(new)
    if len(first):
        total = np.add.reduceat(usd, first)
        x = np.add.reduceat(usd * x, first) / total
        usd, time, side, venue, grain = total, time[first], side[first], venue[first], grain[first]
        start = np.flatnonzero(np.diff(2 * venue + side, prepend=-1))
        place = np.arange(len(x)) - np.repeat(start, np.diff(np.append(start, len(x))))
        spread_by = ((place * _GOLDEN) % 1.0 - 0.5) * grain
    else:
        spread_by = np.zeros(0)
    events = np.diff(np.append(first, len(new)))
    by_time = np.argsort(time, kind="stable")
    found = Orders(time, x, usd, side, venue, events, np.ones(len(x)), names, fits, tuple(moved))
    found = found.where(by_time)
    again, copies = _told_twice(found)
    rounded = tuple(names[code] for code in np.unique(venue[grain > 0]).tolist())
    found = replace(found, x=found.x + spread_by[by_time], rounded=rounded, copies=copies)
    return replace(found, grain=float(grain.max(initial=0.0))).where(~again)


def _told_twice(orders: Orders) -> tuple[np.ndarray, tuple[tuple[str, str], ...]]:
    """(N,) which orders, in order of time, are an earlier venue's as well, and the venues that mostly tell
    what another one does.

    Two files of one venue under two names would otherwise confirm one another.
    """
    again = np.zeros(len(orders.time), dtype=bool)
    if len(np.unique(orders.venue)) < 2:
        return again, ()
    price, usd = (np.round(values * 1e7).astype(np.int64) for values in (orders.x, np.log(orders.usd)))
    key = (price * 4_000_000_000 + usd) * 2 + orders.side
    kept = np.argsort(key, kind="stable")
    alike = np.diff(key[kept]) == 0
    kept = kept[np.append(alike, False) | np.append(False, alike)]
    pairs = np.zeros((len(orders.names), len(orders.names)))
    while len(kept) > 1:
        first, second = kept[:-1], kept[1:]
        twins = (key[first] == key[second]) & (orders.venue[first] != orders.venue[second])
        twins &= orders.time[second] - orders.time[first] <= _TWINS
        if not twins.any():
            break
        first, second = first[twins], second[twins]
        swap = orders.venue[first] > orders.venue[second]
        lost, owner = np.where(swap, first, second), np.where(swap, second, first)
        lost, one = np.unique(lost, return_index=True)
        again[lost] = True
        np.add.at(pairs, (orders.venue[lost], orders.venue[owner[one]]), 1)
        kept = kept[~again[kept]]
    number = np.bincount(orders.venue, minlength=len(orders.names))
    mostly = (pairs >= _COPIES) & (pairs >= _COPY * number[:, None])
    return again, tuple((orders.names[a], orders.names[b]) for a, b in np.argwhere(mostly).tolist())


def _grains(price: np.ndarray, venue: np.ndarray, venues: int) -> np.ndarray:
    """(N,) what each price was rounded to, as a share of it; 0 where that is less than a bin.

    A venue is judged by its first orders, as in `_moved_back`.
    """
    out = np.zeros(len(price))
    for code in range(venues):
        mine = np.flatnonzero(venue == code)
        for step in range(_FIRST, int(np.log2(max(len(mine), 1))) + 1):
            values, number = np.unique(price[mine[: min(2**step, _JUDGED)]], return_counts=True)
            shared = values[number > 1]
            grain = 0.0
            if len(shared) > 1 and number[number > 1].sum() >= _SHARED * number.sum():
                grain = float(np.diff(shared).min())
            coarse = grain > STEP * values[0] and grain < _COARSEST * values[-1]
            out[mine[2**step :]] = grain / price[mine[2**step :]] if coarse else 0.0
            if 2**step >= _JUDGED:
                break
    return out


def _moved_back(
    x: np.ndarray, time: np.ndarray, side: np.ndarray, venue: np.ndarray, bars: Bars, names: tuple[str, ...]
) -> tuple[np.ndarray, list[str], bool]:
    """Log prices where the trade happened, the venues that were moved, and whether all this fits the candles.

    A venue and side is judged by its first orders: the first 8 of them for the next 8, the first 16 for the
    next 16 and so on, so that what comes later changes nothing before it.
    """
    bar = bars.of(time)
    off = np.where(bar >= 0, x - np.clip(x, bars.low[bar], bars.high[bar]), np.nan)
    timely = _timely(off, side, bars)
    x, moved = x.copy(), []
    for code, name in enumerate(names):
        for way in (0, 1):
            mine = np.flatnonzero((venue == code) & (side == way))
            # Where nothing lies beyond its bar, no median does.
            if not (np.abs(off[mine]) > _BEYOND).any():
                continue
            turn = np.floor(np.log2(np.maximum(np.arange(len(mine)), 1))).astype(np.intp)
            shifts = np.zeros(int(turn[-1]) + 1 if len(turn) else 1)
            for step in range(_FIRST, len(shifts)):
                first = off[mine[: min(2**step, _JUDGED)]]
                shifts[step] = np.median(first[np.isfinite(first)]) if np.isfinite(first).any() else 0.0
            shifts[(np.abs(shifts) <= _BEYOND) | (np.abs(shifts) > _ELSEWHERE)] = 0.0
            if shifts.any():
                x[mine] -= shifts[turn]
                off[mine] -= shifts[turn]
                moved.append(name)
    x, lost = _into_bars(x, time, 2 * venue + side, bar, bars, np.isin(np.array(names), moved))
    of = np.bincount(venue, minlength=len(names))
    moved += [names[code] for code in np.flatnonzero(np.bincount(venue, lost, len(names)) > _MIXED * of)]
    known = off[np.isfinite(off)][:_JUDGED]
    near = not known.size or float((np.abs(known) > _ELSEWHERE).mean()) <= _ELSEWHERE_SHARE
    return x, sorted(set(moved)), near and timely


def _into_bars(
    x: np.ndarray, time: np.ndarray, group: np.ndarray, bar: np.ndarray, bars: Bars, moved: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Log prices in which orders that still lie beyond their bar stand somewhere in it, evenly, and which
    (N,) those are.

    The margin that lies between a trade and its bankruptcy price grows with the position, so that one
    distance for a venue leaves large ones where nothing was traded. `group` (N,) is twice the venue and the
    side. `moved` (V,) tells the venues of which orders on either side of the bar are such ones; of others
    only those on the side that loses.
    """
    low, high = bars.low[bar], bars.high[bar]
    way, shifted = np.where(group % 2 == 0, 1.0, -1.0), moved[group // 2]
    # How far they lie beyond the edge that a losing position meets, and beyond the other one.
    beyond = np.where(way > 0, low - x, x - high)
    before = np.where(way > 0, x - high, low - x)
    least = np.full(len(x), _LEAST)
    for one in np.unique(group[shifted]).tolist():
        mine = np.flatnonzero(group == one)
        # The first ones stand where they were printed, until their distance is known.
        far = (beyond[mine] > _APART) & (np.arange(len(mine)) >= 2**_FIRST)
        # One distance leaves none behind; where some stay far, others stay nearer. Judged by those before.
        mixed = np.cumsum(far) - far >= np.maximum(_MIXED * np.arange(len(mine)), _MIXED_LEAST)
        least[mine[mixed]] = _BEYOND
    lost = (beyond > least) & (beyond <= _LARGEST)
    lost |= shifted & (before > least) & (before <= _LARGEST)
    lost &= bar >= 0
    out = x.copy()
    for one in np.unique(group[lost]).tolist():
        mine = np.flatnonzero(lost & (group == one))
        # Parts of one order stay together.
        new = (np.diff(time[mine]) > _SAME_ORDER) | (np.abs(np.diff(x[mine])) > _SAME_PRICE)
        place = (np.concatenate([[0], np.cumsum(new)]) * _GOLDEN) % 1.0
        start = np.where(way[mine] > 0, low[mine], high[mine])
        out[mine] = start + way[mine] * place * (high - low)[mine]
    return out, lost


def _timely(off: np.ndarray, side: np.ndarray, bars: Bars) -> bool:
    """Whether the first orders printed in the bars of their time.

    Bankruptcy prices lie beyond the bar on the side that loses, and another market's by one distance; clocks
    that differ put them on the other side, by many.
    """
    far = max(float(np.median(bars.high - bars.low)), _BEYOND)
    for way, sign in ((0, 1.0), (1, -1.0)):
        known = off[side == way]
        known = sign * known[np.isfinite(known)][:_JUDGED]
        if not len(known) or (known > far).mean() <= _ASTRAY:
            continue
        if (np.abs(known - np.median(known)) > far).mean() > _ASTRAY:
            return False
    return True
