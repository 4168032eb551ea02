"""Hot bands of a realised map: stretches with more orders than the path of price explains, in every
column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from liqcore import wording
from liqcore.heat import scan
from liqcore.heat.bands import ROWS, Bands, ClusterRule, no_bands
from liqcore.heat.ground import Ground, windowed
from liqcore.heat.opportunity import STEP
from liqcore.heat.scan import LEAST, PATH

# A cluster is carried on down to this corrected chance.
_WEAK = 0.2
# A band must also hold its due of USD, single orders cut at this quantile of the side's first orders.
_LARGE, _JUDGED = 0.95, 500
# A single order above this share of its side's USD is named for itself.
_ONE_PRINT = 0.2
# Bins of a run of windows beyond which it is no band any more (80 bp).
_WIDEST = 16
# The band that is asked for when it is said what would have shown: 15 bp wide.
_TYPICAL = 3
# Above this share of all orders, a band would have to be so large that nothing can be said without one.
_CANNOT_SAY = 0.4
# Below so many orders it is their number, and not the path of price, that leaves nothing to be said.
_FEW = 30


@dataclass(frozen=True)
class DensePlace:
    """A stretch of price with many orders, beside what the path explains; not a cluster. USD prices."""

    low: float
    high: float
    orders: int
    expected: float


@dataclass(frozen=True)
class SideFindings:
    """What the latest window of one side of a realised map allows to say.

    Attributes
    ----------
    side : `long` or `short`. since, until : datetime64 UTC. orders : orders in the window.
    detectable : share of the orders that a band 15 bp wide needs to be found half of the time; None where no
        share would do.
    can_say : whether silence means something: False with too few orders, or where price hardly moved.
    prints : (price, USD, share of the side) of single orders above a fifth of the side's USD.
    dense : the densest places, with what the path explains.
    busy : bands that one busy moment explains, (low, high, orders, expected).
    path : False where no candles were known.
    """

    side: str
    since: np.datetime64
    until: np.datetime64
    orders: int
    detectable: float | None
    can_say: bool
    prints: tuple[tuple[float, float, float], ...]
    dense: tuple[DensePlace, ...]
    busy: tuple[DensePlace, ...]
    path: bool

    @property
    def one_prints(self) -> tuple[str, ...]:
        """A sentence for each large single order: it is no cluster."""
        return tuple(
            f"{wording.usd(usd)} of {self.side}s at {wording.price(price)} was one order,"
            f" {wording.percent(part)} of all: no cluster."
            for price, usd, part in self.prints
        )

    @property
    def sentence(self) -> str:
        """What silence means on this side, when no cluster is there."""
        name = wording.count(self.orders, f"{self.side} liquidation")
        if not self.can_say:
            if self.detectable is None:
                why = "too few" if self.orders < _FEW else "too few, or price moved too little"
                return (
                    f"Cannot say: {name}, {why}."
                    if self.orders
                    else f"Cannot say: no {self.side} liquidations."
                )
            return (
                f"Cannot say: {name}. A band would need about {wording.percent(self.detectable)} of them to"
                " stand out."
            )
        where = "Liquidations lie where price was" if self.path else "Liquidations lie in a wide heap"
        explained = "the path explains" if self.path else "that heap explains"
        return (
            f"{where}: no band of the {name} stands out from what {explained} (a band with"
            f" {wording.percent(self.detectable)} of them would have shown)."
        )


def find_flow_bands(ground: Ground, columns: np.ndarray, rule: ClusterRule) -> Bands:
    """Search the window that ends with each observed column for bands of orders, both sides."""
    heat, found, since = [], [], []
    large = []
    rows = np.arange(len(columns))
    for side in (0, 1):
        first = ground.since(side, rule.window)
        since.append(first)
        usd = ground.orders.usd
        heat.append(windowed(ground.sums(side, usd), rows, first).astype(np.float32))
        large.append(_size(ground, side))
        if len(columns) and (ground.orders.side == side).any():
            found.append(_side(ground, rule, side, first, heat[-1], large[-1]))
    edges = ground.lattice.edges
    held = (heat[0], heat[1])
    if not found:
        return no_bands(columns, edges, held, True)
    fields = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    empty = no_bands(columns, edges, held, True)
    rows_of: dict[str, Any] = dict(zip(ROWS, fields, strict=True))
    return replace(empty, since=np.stack(since), **rows_of)


def _size(ground: Ground, side: int) -> float:
    """USD at which single orders of a side are cut, when a band's due is asked for."""
    usd = ground.orders.usd[ground.orders.side == side][:_JUDGED]
    return float(np.quantile(usd, _LARGE)) if len(usd) else 0.0


def _side(
    ground: Ground, rule: ClusterRule, side: int, since: np.ndarray, heat: np.ndarray, large: float
) -> tuple[np.ndarray, ...]:
    """The fields of `Bands` for one side, sorted by column and distance."""
    orders, columns = ground.orders, ground.shape[0]
    rows = np.arange(columns)
    counts = windowed(ground.sums(side, orders.weight), rows, since)
    shares = ground.shares(side, rows, since, counts)
    windows = scan.scan(counts, shares, max(_WEAK, rule.flow_alpha))
    # All else is asked only of the rows that hold something.
    some, member = np.unique(windows.row, return_inverse=True)
    counts, shares, first = counts[some], shares[:, some], since[some]
    mask, chance = np.zeros(counts.shape, dtype=bool), np.ones(counts.shape)
    for low, high, row, p in zip(windows.low, windows.high, member, windows.chance, strict=True):
        mask[row, low:high] = True
        chance[row, low:high] = np.minimum(chance[row, low:high], p)
    mask[:, 1:-1] |= mask[:, :-2] & mask[:, 2:]
    rate = counts.copy()
    rate[:, 1:] += counts[:, :-1]
    rate[:, :-1] += counts[:, 1:]
    row, low, high = scan.cut_at_valleys(rate, *_narrow(mask, windows, member), 0.5, scan.fewer)
    found = _measured(counts, shares, mask, chance, row, low, high)
    busy = ground.busy(side, some, first)
    beyond = np.ones(len(row), dtype=bool)
    if busy is not None:
        again = _measured(counts, busy, mask, np.ones_like(chance), row, low, high, scan.lived(shares[0]))
        beyond = again[2] <= rule.flow_alpha
    busiest = ground.busiest(side, some[row], first[row], low, high)
    beyond &= scan.stands(found[0], busiest, counts.sum(axis=1)[row], found[1])
    cut = windowed(ground.sums(side, np.minimum(orders.usd, large)), some, first)
    place = windowed(ground.sums(side, orders.weight * orders.x), some, first)
    return _fields(rule, side, columns, some, heat, (row, low, high), found, beyond, cut, place, shares)


def _narrow(
    mask: np.ndarray, windows: scan.Windows, member: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs of the mask; of one so wide that it is a zone, where price was, only the strongest window."""
    row, low, high = scan.runs(mask)
    for i in np.flatnonzero(high - low > _WIDEST).tolist():
        inside = np.flatnonzero((member == row[i]) & (windows.low >= low[i]) & (windows.high <= high[i]))
        best = inside[windows.chance[inside].argmin()]
        low[i], high[i] = windows.low[best], windows.high[best]
    return row, low, high


def _measured(
    counts: np.ndarray,
    shares: np.ndarray,
    mask: np.ndarray,
    chance: np.ndarray,
    row: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    been: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orders, the most expected and the corrected chance of each band, the other bands of its row left out,
    so that one does not hide another."""
    run, cum = scan.running(counts), scan.running(shares)
    rest, part = scan.running(counts * ~mask), scan.running(shares * ~mask)
    count = run[row, high] - run[row, low]
    inside = cum[:, row, high] - cum[:, row, low]
    middle, size = low + (high - low) // 2, counts.shape[1]
    a = np.minimum(np.maximum(middle - scan.REACH, 0), low)
    b = np.maximum(np.minimum(middle + scan.REACH + 1, size), high)
    total, near = rest[row, -1] + count, rest[row, b] - rest[row, a] + count
    whole = (inside / np.maximum(part[:, row, -1] + inside, 1e-12)).max(axis=0)
    local = (inside / np.maximum(part[:, row, b] - part[:, row, a] + inside, 1e-12)).max(axis=0)
    times = scan.margin(run[row, -1])
    p = np.maximum(scan.log_tail(count, total, times * whole), scan.log_tail(count, near, times * local))
    tests = scan.tried(scan.lived(shares[0]) if been is None else been)[row]
    wide = int((high - low).max(initial=1))
    at = np.minimum(low[:, None] + np.arange(wide), size - 1)
    inner = np.where(low[:, None] + np.arange(wide) < high[:, None], chance[row[:, None], at], 1.0)
    return count, np.maximum(total * whole, near * local), np.minimum(np.exp(p) * tests, inner.min(axis=1))


def _fields(
    rule: ClusterRule,
    side: int,
    columns: int,
    some: np.ndarray,
    heat: np.ndarray,
    bands: tuple[np.ndarray, np.ndarray, np.ndarray],
    found: tuple[np.ndarray, np.ndarray, np.ndarray],
    beyond: np.ndarray,
    cut: np.ndarray,
    place: np.ndarray,
    shares: np.ndarray,
) -> tuple[np.ndarray, ...]:
    row, low, high = bands
    count, expected, chance = found
    usd = heat[some[row]].astype(np.float64)
    wide = int((high - low).max(initial=1))
    bins = low[:, None] + np.arange(wide)
    inner = np.where(
        bins < high[:, None], np.take_along_axis(usd, np.minimum(bins, usd.shape[1] - 1), axis=1), 0.0
    )
    # Rounded, so that what else is on the map does not show in the last digit.
    notional, peak = np.round(inner.sum(axis=1), 2), inner.max(axis=1, initial=0.0)
    run, cum, cuts = (scan.running(values) for values in (place, shares, cut))
    centre = np.round(np.exp((run[row, high] - run[row, low]) / np.maximum(count, 1e-12)), 6)
    share = (cum[:, row, high] - cum[:, row, low]).max(axis=0)
    # Many tiny orders are no heat: with large ones cut, the band must still hold its due of USD.
    due = cuts[row, high] - cuts[row, low] >= share * cuts[row, -1]
    weak = max(_WEAK, rule.flow_alpha)
    enough = (count >= LEAST) & (chance <= weak) & due & (notional >= rule.minimum_usd) & (notional > 0)
    enough &= notional >= rule.minimum_share * usd.sum(axis=1)
    claims = chance <= rule.flow_alpha
    number, expected = side * (columns + 1) + some[row], np.round(expected, 6)
    values = (
        number,
        low,
        high,
        notional,
        peak,
        centre,
        expected,
        chance,
        count,
        claims & beyond,
        claims & ~beyond,
    )
    # Seen from the price outwards: long bands downwards, short ones upwards.
    order = np.lexsort((low if side else -low, number))
    order = order[enough[order]]
    return tuple(value[order] for value in values)


def side_findings(ground: Ground, rule: ClusterRule, bands: Bands, side: int, name: str) -> SideFindings:
    """What the latest window of a side allows to say, beside the bands found in it."""
    last = np.array([ground.shape[0] - 1])
    first = ground.since(side, rule.window)[last]
    mine = (ground.orders.side == side) & (ground.column >= first[0])
    lost = (ground.astray.side == side) & (ground.astray.time >= ground.begin[first[0]])
    usd = np.concatenate([ground.orders.usd[mine], ground.astray.usd[lost]])
    x = np.concatenate([ground.orders.x[mine], ground.astray.x[lost]])
    counts = windowed(ground.sums(side, ground.orders.weight), last, first)
    shares = ground.shares(side, last, first, counts)
    number = round(float(counts.sum()))
    been = float(scan.lived(shares[0])[0]) if shares.any() else 0.0
    need = _detectable(number, been, _blocks(ground, last, first), rule.flow_alpha)
    large = np.flatnonzero(usd > _ONE_PRINT * usd.sum())
    latest = (bands.column == last[0]) & (bands.side == side) & bands.busy
    busy = [
        DensePlace(float(bands.edges[low]), float(bands.edges[high]), int(count), float(expected))
        for low, high, count, expected in zip(
            bands.low[latest], bands.high[latest], bands.orders[latest], bands.expected[latest], strict=True
        )
    ]
    return SideFindings(
        name,
        np.datetime64(int(ground.begin[first[0]]), "us"),
        np.datetime64(int(ground.end[-1]), "us"),
        number,
        need,
        need is not None and need <= _CANNOT_SAY,
        tuple(
            (float(np.exp(x[i])), float(usd[i]), float(usd[i] / usd.sum()))
            for i in large[np.argsort(-usd[large])]
        ),
        _dense(ground, counts[0], shares[:, 0]),
        tuple(busy),
        not ground.guessed,
    )


def _blocks(ground: Ground, last: np.ndarray, first: np.ndarray) -> float:
    """Share of a busy quarter of an hour that a typical band takes, by the usual range of one; 0 without a
    path."""
    if ground.bars is None:
        return 0.0
    held = (ground.bar_column >= first[0]) & (ground.bar_column <= last[0])
    if not held.any():
        return 0.0
    block = ground.bars.time[held] // max(15 * 60_000_000, ground.bars.step)
    start = np.flatnonzero(np.diff(block, prepend=block[0] - 1))
    high = np.maximum.reduceat(ground.bars.high[held], start)
    low = np.minimum.reduceat(ground.bars.low[held], start)
    return float(min(_TYPICAL * STEP / max(float(np.median(high - low)), STEP), 0.9))


def _detectable(orders: int, been: float, busy: float, alpha: float) -> float | None:
    """Least share of all orders that a typical band needs to be found half of the time; None where none
    would."""
    if been < PATH or orders < LEAST:
        return None
    usual = min(_TYPICAL / been, 0.9)
    count = np.arange(LEAST, orders + 1)
    more = np.maximum((count / orders - usual) / (1 - usual), 0.0)
    share = np.minimum(scan.margin(orders) * (usual + busy * more), 1.0)
    enough = np.flatnonzero(
        scan.log_tail(count, np.full(len(count), orders), share) <= np.log(alpha / scan.tried(been))
    )
    return float(more[enough[0]]) if len(enough) else None


def _dense(ground: Ground, counts: np.ndarray, shares: np.ndarray) -> tuple[DensePlace, ...]:
    """The three densest stretches of 15 bp that do not touch."""
    width, edges, out = 6, ground.lattice.edges, []
    run, cum = scan.running(counts), scan.running(shares)
    held = run[width:] - run[:-width]
    for _ in range(3):
        low = int(held.argmax())
        if held[low] < 1:
            break
        expected = float((cum[:, low + width] - cum[:, low]).max() * run[-1])
        out.append(
            DensePlace(float(edges[low]), float(edges[low + width]), round(float(held[low])), expected)
        )
        held[max(low - width, 0) : low + width] = 0
    return tuple(out)
