"""Hot bands: the stretches of price that stand out in each column of a grid, found for all columns at once.

This is the arithmetic under `clusters.py`. Everything here is causal: what is found in a column depends on
that column and earlier ones only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.price_path import PricePath

# Log units (10 %). The spread of a map whose bins are nearly equal is rounding, not information.
_LEAST_SPREAD = 0.1
# USD. What decay leaves of a removed level is not heat.
_DUST = 1.0
# A band reaches as far as its raw heat exceeds this share of its hottest bin; the rest is the blur.
_EDGE_SHARE = 0.1
# Buckets of distance between the price and the reach, in which the usual heat is learnt, and the least number
# of places in one: a band must stay a minority in its bucket, or it would become the usual.
_BUCKETS = 8
_LEAST = 5
# Share of the hottest bin at which a band begins, and down to which it extends, where most bins are empty.
_SPARSE_STRONG, _SPARSE_WEAK = 0.25, 0.1
# Rows are worked off in blocks that stay in the processor's cache.
_BLOCK = 128


@dataclass(frozen=True)
class ClusterRule:
    """What counts as a hot band, and when two bands are the same one. Every number is an assumption.

    Attributes
    ----------
    reach : bands are searched within this log-distance of the price (0.15 is about ±15 %).
    smooth : half-width, as a share of price, over which heat is averaged before it is judged.
    strong, weak : robust z at which a cluster begins, and down to which it extends and lives on (hysteresis).
    quantile : a hot bin is also among the top 1 − quantile of the bins.
    gap : cool bins that do not split a band.
    minimum_usd, minimum_share : least heat of a band, in USD and as a share of its side within reach.
    profile_columns : past columns from which the usual heat at a distance from price is learnt.
    overlap, tolerance : bands of two columns are one cluster when their intervals overlap by this share of
        their union, or else when their centres differ by less than this share of price.
    growth, decay : ratio of heat now to heat `last` columns ago that counts as grown, or as shrunk or gone.
    shift_bins, shift_range : a centre has shifted when it moved by more than so many bins (of at least half
        the smoothing) and more than so many average true ranges.
    patience : observed columns a cluster may go unseen, with its heat still there, before it has dissipated.
    memory : columns for which a dead cluster can re-emerge.
    """

    reach: float = 0.15
    smooth: float = 0.0025
    strong: float = 2.5
    weak: float = 1.5
    quantile: float = 0.9
    gap: int = 1
    minimum_usd: float = 0.0
    minimum_share: float = 0.02
    profile_columns: int = 96
    overlap: float = 0.3
    tolerance: float = 0.0025
    growth: float = 1.5
    decay: float = 0.5
    shift_bins: float = 2.0
    shift_range: float = 0.25
    patience: int = 3
    memory: int = 96

    def __post_init__(self) -> None:
        if not (self.reach > 0 and self.smooth >= 0 and 0 < self.quantile < 1 and self.weak <= self.strong):
            raise GridError(
                "A cluster rule needs a reach above 0, a quantile between 0 and 1, and weak not above strong."
            )
        if self.growth <= 1 or not 0 < self.decay < 1:
            raise GridError("A cluster rule needs a growth above 1 and a decay between 0 and 1.")
        if min(self.patience, self.memory, self.profile_columns) < 1 or self.gap < 0:
            raise GridError(
                "Patience, memory and profile columns of a cluster rule are 1 or more, the gap 0 or more."
            )


@dataclass(frozen=True, eq=False)
class Bands:
    """Hot bands of all observed columns as parallel arrays (N,), sorted by side, column and distance.

    `row` numbers (side, observed column) as side · (C + 1) + column, with long 0 and short 1. `low` and
    `high` are bins, half-open. `notional`, `peak` are USD, `centre` USD price, `z` NaN where most of the
    map within reach is empty, so that there is no background to compare with. `strong` marks bands hot
    enough to begin a cluster; the others can only carry one on.
    `columns` (C,) are the grid's observed columns, `heat` the two (C, P) arrays that were searched, and
    `window` the number of columns that each row of a flow sums up (1 for a stock).
    """

    columns: np.ndarray
    heat: tuple[np.ndarray, np.ndarray]
    window: int
    row: np.ndarray
    low: np.ndarray
    high: np.ndarray
    notional: np.ndarray
    peak: np.ndarray
    centre: np.ndarray
    z: np.ndarray
    strong: np.ndarray

    @property
    def side(self) -> np.ndarray:
        return self.row // (len(self.columns) + 1)

    @property
    def column(self) -> np.ndarray:
        return self.row % (len(self.columns) + 1)


def find_bands(grid: HeatGrid, path: PricePath, rule: ClusterRule, window: int) -> Bands:
    """Search every observed column for hot bands: a sum over `window` columns of a flow, one column of a
    stock.

    In each column and side x = log1p(smoothed USD) is freed of the usual heat at that distance from price,
    as learnt from past columns, and judged by robust z, (x − median) / (1.4826 MAD) over the bins that hold
    heat: a bin is hot from z ≥ strong if it is also among the top 1 − quantile; its band extends, and later
    bands carry it on, while z ≥ weak. Where most bins within reach are empty, emptiness is the background:
    then a band begins at a quarter of the heat of the hottest bin and extends down to a tenth. Bins much
    finer than the smoothing are searched a few at a time.

    Source: peak detection with hysteresis on a robust z-score (Iglewicz and Hoaglin, 1993).
    """
    columns = np.flatnonzero(np.asarray(grid.observed))
    span = 1 if grid.is_stock else max(int(window), 1)
    if len(columns) == 0:
        whole, real = np.empty(0, dtype=np.intp), np.empty(0)
        none = grid.long[:0], grid.short[:0]
        return Bands(
            columns, none, span, whole, whole, whole, real, real, real, real, np.empty(0, dtype=bool)
        )
    heat = _summed(grid.long, columns, span), _summed(grid.short, columns, span)
    frame = _frame(grid, path.close[columns], rule)
    learnt = _Learnt.start(frame, len(columns))
    found = []
    for begin in range(0, len(columns), _BLOCK):
        part = slice(begin, min(begin + _BLOCK, len(columns)))
        laid = _lay_out(frame, heat, part)
        folded = laid.reshape(-1, frame.fold, laid.shape[1]).sum(axis=1) if frame.fold > 1 else laid
        x = _log_heat(folded, frame.blur)
        residual = _less(x, learnt.update(x, part, rule.profile_columns), frame.wide)
        bar = _judge(frame, folded, x, residual, part, rule)
        found.append(_measure(frame, laid, part, *_runs(x, residual, bar, rule.gap), rule))
    fields = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    order = np.argsort(fields[0], kind="stable")
    return Bands(columns, heat, span, *(field[order] for field in fields))


def _summed(values: np.ndarray, columns: np.ndarray, window: int) -> np.ndarray:
    kept = values if len(columns) == len(values) else values[columns]
    if window == 1 or len(kept) == 0:
        return kept
    running = np.cumsum(kept, axis=0, dtype=np.float64)
    running[window:] -= running[:-window].copy()
    # Differences of sums leave rounding where there was nothing.
    return np.where(running < _DUST / 2, 0.0, running).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Frame:
    """Where each bin stands seen from the price, in the direction in which price would come to it.

    Place k of a row lies `offset[k]` bins beyond the bin of the price (`here`): below it for longs, above
    it for shorts, so that a mirrored market gives the same rows. `low` and `high` bound the bins within
    reach, half-open. For the search, `fold` places are taken as one; the rest is in folded places: `inside`
    (2, C), how many could hold heat of the side; `blur`, the half-width of the smoothing; `wide`, the size
    of a bucket of distance. A stock is `one_sided`: it holds heat only ahead of the price.
    """

    offset: np.ndarray
    here: np.ndarray
    low: np.ndarray
    high: np.ndarray
    centres: np.ndarray
    fold: int
    inside: np.ndarray
    blur: int
    wide: int
    one_sided: bool


def _frame(grid: HeatGrid, price: np.ndarray, rule: ClusterRule) -> _Frame:
    edges, centres = grid.price_edges, grid.price_centres
    bins = len(centres)
    if grid.scale == "log":
        width = float(np.log(edges[-1] / edges[0])) / bins
        span = rule.reach / width
    else:
        even = float(edges[-1] - edges[0]) / bins
        width = even / float(centres[bins // 2])
        span = np.expm1(rule.reach) * float(edges[-1]) / even
    finer = int(np.clip(round(rule.smooth / width), 0, 50))
    fold, blur = max(finer, 1), min(finer, 1)
    ahead = int(min(np.ceil(span) + 1, bins))
    wide = max(-(-ahead // (_BUCKETS * fold)), _LEAST)
    known = np.isfinite(price)
    at = np.where(known, price, edges[0])
    here = np.clip(np.searchsorted(edges, at, "right") - 1, -1, bins)
    if grid.scale == "log":
        low, high = here - ahead + 1, here + ahead
    else:
        # A rounding more than the reach, so that bins at equal distances on both sides fare alike.
        low = np.searchsorted(centres, at * np.exp(-rule.reach) * (1 - 1e-12))
        high = np.searchsorted(centres, at * np.exp(rule.reach) * (1 + 1e-12), "right")
    low = np.maximum(low, 0)
    high = np.where(known, np.maximum(np.minimum(high, bins), low), low)
    middle = np.clip(here, low, high)
    inside = np.stack([middle - low + 1, high - middle] if grid.is_stock else [high - low] * 2)
    beyond = -(-ahead // (wide * fold))
    behind = 1 if grid.is_stock else beyond
    offset = np.arange(-behind * wide * fold, beyond * wide * fold)
    return _Frame(offset, here, low, high, centres, fold, -(-inside // fold), blur, wide, grid.is_stock)


def _lay_out(frame: _Frame, heat: tuple[np.ndarray, np.ndarray], part: slice) -> np.ndarray:
    """Heat of some columns by place, (places, long columns then short columns) float32."""
    count, size, behind = part.stop - part.start, len(frame.offset), -int(frame.offset[0])
    here, low, high = frame.here[part], frame.low[part], frame.high[part]
    laid = np.empty((size, 2 * count), dtype=np.float32)
    # The first bin of each row. Longs are copied as they lie, and turned round to ascend downwards.
    for side, first in enumerate((here + behind + 1 - size, here - behind)):
        rows = np.zeros((count, size), dtype=np.float32)
        begin = np.maximum(low, first)
        end = np.maximum(np.minimum(high, first + size), begin)
        spans = zip(
            (begin - first).tolist(), (end - first).tolist(), begin.tolist(), end.tolist(), strict=True
        )
        for row, values, (to, until, bin, stop) in zip(rows, heat[side][part], spans, strict=True):
            row[to:until] = values[bin:stop]
        # Sums over places and thresholds by row run along memory this way round.
        laid[:, side * count : (side + 1) * count] = rows.T if side else rows.T[::-1]
    return laid


def _log_heat(laid: np.ndarray, blur: int) -> np.ndarray:
    """log1p of the heat smoothed over its neighbours, (places, rows) float32; 0 where there is none."""
    smooth = laid
    if blur:
        smooth = laid.copy()
        smooth[1:] += laid[:-1]
        smooth[:-1] += laid[1:]
        smooth /= 3
    x = np.log1p(smooth)
    x *= smooth >= _DUST
    return x


@dataclass(frozen=True, eq=False)
class _Learnt:
    """What past columns teach: running sums over columns, (2, buckets, 2 sides, C + 1).

    First of the median log heat of each bucket, then of whether it held any. A band that fills less than
    half of a bucket does not move the median, so it is not learnt away. Behind the price, where a stock
    holds next to nothing, the first bucket ahead stands in, so that no line is drawn across the price.
    """

    sums: np.ndarray
    wide: int
    one_sided: bool

    @classmethod
    def start(cls, frame: _Frame, count: int) -> _Learnt:
        buckets = len(frame.offset) // (frame.wide * frame.fold)
        return cls(np.zeros((2, buckets, 2, count + 1)), frame.wide, frame.one_sided)

    def update(self, x: np.ndarray, part: slice, columns: int) -> np.ndarray:
        """Take in the log heat (places, rows) of the columns of `part`; return the usual one before each.

        The result (buckets, rows) is the mean of up to `columns` earlier columns, drawn towards the mean
        over all distances while these are few.
        """
        middle = _middle(x.reshape(-1, self.wide, x.shape[1]))
        running = self.sums[..., part.start : part.stop + 1]
        now = np.stack([middle, middle > 0]).reshape(*running.shape[:3], -1)
        np.cumsum(now, axis=3, dtype=np.float64, out=running[..., 1:])
        running[..., 1:] += running[..., :1]
        since = np.maximum(np.arange(part.start, part.stop) - columns, 0)
        heat, seen = running[..., :-1] - self.sums[..., since]
        overall = heat.sum(axis=0) / np.maximum(seen.sum(axis=0), 1.0)
        usual = (heat + overall) / (seen + 1.0)
        if self.one_sided:
            usual[0] = usual[1]
        return usual.reshape(len(heat), -1).astype(np.float32)


def _middle(values: np.ndarray) -> np.ndarray:
    """Upper median along the second axis, by odd-even transposition sort: all rows take each step
    together."""
    values = values.copy()
    for turn in range(values.shape[1]):
        one, other = values[:, turn % 2 : -1 : 2], values[:, turn % 2 + 1 :: 2]
        low = np.minimum(one, other)
        np.maximum(one, other, out=other)
        one[:] = low
    return values[:, values.shape[1] // 2]


@dataclass(frozen=True, eq=False)
class _Bar:
    """What each row is judged by: median and spread of its residuals, and thresholds on residual and heat."""

    middle: np.ndarray
    spread: np.ndarray
    dense: np.ndarray
    weak: np.ndarray
    strong: np.ndarray
    weak_heat: np.ndarray
    strong_heat: np.ndarray


def _judge(
    frame: _Frame, folded: np.ndarray, x: np.ndarray, residual: np.ndarray, part: slice, rule: ClusterRule
) -> _Bar:
    """The bars that the log heat and its residual, (places, rows), have to clear."""
    heat, rest = (np.ascontiguousarray(values.T) for values in (x, residual))
    empty = heat == 0
    n = heat.shape[1] - np.count_nonzero(empty, axis=1)
    rest[empty] = np.inf
    rest.sort(axis=1)
    middle = np.where(n > 0, _median(rest, n), np.float32(0.0))
    rest -= middle[:, None]
    np.abs(rest, out=rest)
    rest.sort(axis=1)
    spread = np.where(
        n > 0, np.maximum(np.float32(1.4826) * _median(rest, n), np.float32(_LEAST_SPREAD)), np.float32(1.0)
    )
    inside = frame.inside[:, part].reshape(-1)
    dense = 2 * (folded >= _DUST).sum(axis=0, dtype=np.int16) >= inside
    heat.sort(axis=1)
    top = _upper(heat, n, rule.quantile)
    hottest = np.expm1(heat[:, -1])
    begin, extend = (np.log1p(hottest * np.float32(share)) for share in (_SPARSE_STRONG, _SPARSE_WEAK))
    no_bar, never = np.float32(-np.inf), np.where(n > 0, np.float32(1e-6), np.float32(np.inf))
    return _Bar(
        middle,
        spread,
        dense,
        weak=np.where(dense, middle + np.float32(rule.weak) * spread, no_bar),
        strong=np.where(dense, middle + np.float32(rule.strong) * spread, no_bar),
        weak_heat=np.maximum(np.where(dense, 0.0, extend), never),
        strong_heat=np.maximum(np.where(dense, top, begin), never),
    )


def _less(x: np.ndarray, usual: np.ndarray, wide: int) -> np.ndarray:
    """x minus the usual heat, drawn as straight lines between the edges of the buckets."""
    between = (usual[1:] + usual[:-1]) / np.float32(2)
    knots = np.concatenate([usual[:1], between, usual[-1:]])
    share = ((np.arange(wide) + 0.5) / wide).astype(np.float32)
    line = share[:, None] * (knots[1:] - knots[:-1])[:, None]
    line += knots[:-1, None]
    return np.subtract(x, line.reshape(x.shape), out=line.reshape(x.shape))


def _median(ascending: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Median of the first n values of each sorted row; of no values, the first."""
    rows = np.arange(len(n))
    return (
        ascending[rows, np.maximum(n - 1, 0) // 2]
        + ascending[rows, np.minimum(n // 2, ascending.shape[1] - 1)]
    ) / np.float32(2)


def _upper(ascending: np.ndarray, n: np.ndarray, quantile: float) -> np.ndarray:
    """Quantile (linear between ranks) of the n largest values of each sorted row; zeros fill a short row."""
    width = ascending.shape[1]
    rank = width - n + quantile * (np.maximum(n, 1) - 1)
    low = np.floor(rank)
    rows = np.arange(len(n))
    below, above = (ascending[rows, np.clip(k, 0, width - 1).astype(np.intp)] for k in (low, low + 1))
    return np.where(low < 0, np.float32(0.0), below + (above - below) * (rank - low).astype(np.float32))


def _runs(
    x: np.ndarray, residual: np.ndarray, bar: _Bar, gap: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bands as (row, first place, end place) in a (3, N) array, their z (N,), and whether they are strong."""
    warm = residual >= bar.weak
    warm &= x >= bar.weak_heat
    width = len(x)
    cell = np.flatnonzero(np.ascontiguousarray(warm.T))
    if len(cell) == 0:
        return np.empty((3, 0), dtype=np.intp), np.empty(0), np.empty(0, dtype=bool)
    row = cell // width
    place = cell - row * width
    new = np.ones(len(cell), dtype=bool)
    new[1:] = (cell[1:] - cell[:-1] > gap + 1) | (row[1:] != row[:-1])
    first = np.flatnonzero(new)
    owner = row[first]
    r = residual[place, row]
    hot = (r >= bar.strong[row]) & (x[place, row] >= bar.strong_heat[row])
    z = (np.maximum.reduceat(r, first) - bar.middle[owner]) / bar.spread[owner]
    z = np.where(bar.dense[owner], z, np.nan).astype(np.float64)
    high = place[np.append(first[1:], len(cell)) - 1] + 1
    return np.stack([owner, place[first], high]), z, np.logical_or.reduceat(hot, first)


def _measure(
    frame: _Frame,
    laid: np.ndarray,
    part: slice,
    found: np.ndarray,
    z: np.ndarray,
    strong: np.ndarray,
    rule: ClusterRule,
) -> tuple[np.ndarray, ...]:
    """The fields of `Bands` for bands given as (row, first place, end place), without the slight ones."""
    if found.shape[1] == 0:
        whole, real = np.empty(0, dtype=np.intp), np.empty(0)
        return whole, whole, whole, real, real, real, real, strong
    row, count = found[0], part.stop - part.start
    size = (found[2] - found[1]) * frame.fold
    first = np.cumsum(size) - size
    owner = np.repeat(np.arange(len(row)), size)
    place = np.arange(len(owner)) + (found[1] * frame.fold - first)[owner]
    usd = laid[place, row[owner]].astype(np.float64)
    peak = np.maximum.reduceat(usd, first)
    # The blur widens a band; it ends where its raw heat does.
    kept = np.flatnonzero(usd >= _EDGE_SHARE * peak[owner])
    begin = np.searchsorted(kept, first)
    low = place[kept[begin]]
    high = place[kept[np.append(begin[1:], len(kept)) - 1]] + 1
    usd *= (place >= low[owner]) & (place < high[owner])
    notional = np.add.reduceat(usd, first)
    short, column = row // count, row % count + part.start
    here, step = frame.here[column], 2 * short - 1
    one, other = here + step * frame.offset[low], here + step * frame.offset[high - 1]
    bins = np.clip(here[owner] + step[owner] * frame.offset[place], 0, len(frame.centres) - 1)
    centre = np.add.reduceat(usd * frame.centres[bins], first) / np.maximum(notional, 1e-9)
    enough = (notional >= max(rule.minimum_usd, _DUST)) & (
        notional >= rule.minimum_share * laid.sum(axis=0)[row]
    )
    number = short * (len(frame.here) + 1) + column
    fields = number, np.minimum(one, other), np.maximum(one, other) + 1, notional, peak, centre, z, strong
    return tuple(field[enough] for field in fields)
