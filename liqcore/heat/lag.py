"""Which venue is late, and by how much; and by how much its prices differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import fft

from liqcore import tables
from liqcore.heat.grid import HeatGrid

# Newest occupied steps of a venue that are compared: enough to be sure, few enough to be quick in a cascade.
_NEWEST = 4_000
_PAIRS = 4_000_000
_BLOCKS = 8
# From so many pairs a step of the span on, a product of transforms costs less than counting pairs.
_DENSE = 4
# Columns in which two venues must both show heat before their prices are compared.
_COMMON = 8
# Standard deviations by which a lag's peak must exceed the same lag the other way round.
_SIGMAS = 3.0


@dataclass(frozen=True)
class Lag:
    """How much later a venue is than the others: seconds (negative: earlier), sureness 0 to 1, and its
    events.

    `pairs` (2 · reach + 1,) counts its events with an event elsewhere by how many steps later they came, from
    −reach to reach, averaged over three steps; `step` is in seconds. What shifts the whole picture to one
    side is a lag.
    """

    seconds: float
    confidence: float
    events: int
    pairs: np.ndarray = field(default_factory=lambda: np.zeros(1), compare=False, repr=False)
    step: float = 1.0

    @property
    def shifts(self) -> np.ndarray:
        """(2 · reach + 1,) seconds of `pairs`."""
        reach = len(self.pairs) // 2
        return np.arange(-reach, reach + 1) * self.step


def venue_lags(
    liquidations: pd.DataFrame,
    *,
    start: object = None,
    end: object = None,
    step: float = 1.0,
    max_lag: float = 300.0,
    minimum_events: int = 20,
) -> dict[str, Lag]:
    """The lag of each venue against all others, by cross-correlation of their event times.

    Each venue's events become a series of occupied steps; the lag is where the cross-correlogram with the
    other venues' series, averaged over three steps, is highest. The confidence is the share of eight
    blocks of its events that agree with it within two steps. A peak that its mirror image nearly equals is no
    lag: bursts of events do that by themselves.

    Parameters
    ----------
    liquidations : liquidations table with two venues or more.
    start, end : window, UTC. step, max_lag : seconds.
    minimum_events : a venue with fewer occupied steps gets no lag, and so does one whose peers have fewer.

    Returns
    -------
    dict venue to Lag; venues that cannot be judged are missing.

    Source: cross-correlogram of point processes (Perkel, Gerstein and Moore, 1967).
    """
    events = tables.ensure(liquidations, "liquidations")
    micros = tables.microseconds(events["time"])
    begin = 0 if start is None else int(np.searchsorted(micros, tables.to_datetime64(start).astype("int64")))
    stop = (
        len(micros)
        if end is None
        else int(np.searchsorted(micros, tables.to_datetime64(end).astype("int64"), "right"))
    )
    slots = micros[begin:stop] // int(step * 1e6)
    venues = events["venue"].array.codes[begin:stop]
    names = events["venue"].cat.categories
    busy = {str(names[code]): _distinct(slots[venues == code]) for code in np.unique(venues)}
    return _lags(busy, step, int(max_lag / step), minimum_events)


def column_lags(
    grids: Mapping[str, HeatGrid], max_columns: int = 12, minimum_columns: int = 20
) -> dict[str, Lag]:
    """Lags from realised grids alone, in whole columns (as seconds): which venue's columns fill later.

    Nothing is said of stocks, of grids whose columns differ, or of venues with few columns with heat.
    """
    first = next(iter(grids.values()), None)
    if first is None or any(
        grid.is_stock or not np.array_equal(grid.time_edges, first.time_edges) for grid in grids.values()
    ):
        return {}
    width = float(np.median(np.diff(first.time_edges).astype("int64"))) / 1e6
    busy = {
        name: np.flatnonzero(grid.long.any(axis=1) | grid.short.any(axis=1)) for name, grid in grids.items()
    }
    # A series that is busy nearly always says nothing about when.
    busy = {name: columns for name, columns in busy.items() if len(columns) <= first.shape[0] / 2}
    return _lags(busy, width, max_columns, minimum_columns)


def price_basis(
    venue: str,
    side: str,
    grids: Mapping[str, HeatGrid],
    prices: Mapping[str, pd.DataFrame | None],
    centres: Mapping[str, np.ndarray] | None = None,
) -> float | None:
    """ln(price of a venue / median price of the others), or None if too little is known.

    From the closes of candles given for each venue, or else from realised grids: the median difference of
    the centres of heat of one side, in columns where the venue and others have some. There it tells a venue
    that reports bankruptcy prices from one that reports fills. `centres` are those of the side
    (`centres_of_heat`) where they are known already.
    """
    own = prices.get(venue)
    others = [
        frame for name, frame in prices.items() if name != venue and frame is not None and frame is not own
    ]
    if own is not None and others:
        closes = [frame.set_index("time")["close"] for frame in (own, *others)]
        table = pd.concat(closes, axis=1, join="inner")
        ratio = np.log(table.iloc[:, 0].to_numpy() / np.median(table.iloc[:, 1:].to_numpy(), axis=1))
        return float(np.median(ratio)) if len(ratio) else None
    first = grids[venue]
    rest = [name for name in grids if name != venue]
    if (
        first.is_stock
        or not rest
        or any(not np.array_equal(grids[name].time_edges, first.time_edges) for name in rest)
    ):
        return None
    held = centres_of_heat(grids, side) if centres is None else centres
    here, there = held[venue], np.stack([held[name] for name in rest])
    both = np.isfinite(here) & np.isfinite(there).any(axis=0)
    if both.sum() < _COMMON:
        return None
    return float(np.median(here[both] - median_of_known(there[:, both])))


def centres_of_heat(grids: Mapping[str, HeatGrid], side: str) -> dict[str, np.ndarray]:
    """(T,) mean logarithm of price of one side's heat by venue and column; NaN where a column has none."""
    out = {}
    for name, grid in grids.items():
        usd = grid.side(side).astype(np.float64)  # type: ignore[arg-type]
        total = usd.sum(axis=1)
        mean = usd @ np.log(grid.price_centres) / np.where(total > 0, total, 1.0)
        out[name] = np.where(total > 0, mean, np.nan)
    return out


def median_of_known(values: np.ndarray) -> np.ndarray:
    """Median of each column's values that are not NaN, of which each has one: `np.nanmedian` of few rows
    takes ten times as long."""
    ordered, count = np.sort(values, axis=0), np.isfinite(values).sum(axis=0)
    middle: np.ndarray = np.arange(values.shape[1])
    return (ordered[(count - 1) // 2, middle] + ordered[count // 2, middle]) / 2


def _distinct(ascending: np.ndarray) -> np.ndarray:
    """Each value of an ascending array once."""
    return ascending[np.diff(ascending, prepend=ascending[:1] - 1) != 0]


def _lags(busy: Mapping[str, np.ndarray], step: float, reach: int, minimum: int) -> dict[str, Lag]:
    out = {}
    slots = np.concatenate([np.empty(0, dtype=np.int64), *busy.values()])
    # Put in order once, for all venues.
    order = np.argsort(slots, kind="stable")
    slots, owner = slots[order], np.repeat(np.arange(len(busy)), [len(own) for own in busy.values()])[order]
    for number, (name, own) in enumerate(busy.items()):
        rest = slots[owner != number]
        if len(own) < minimum or len(rest) < minimum:
            continue
        used = own[-_NEWEST:]
        count = np.searchsorted(rest, used + reach, "right") - np.searchsorted(rest, used - reach)
        used = used[np.cumsum(count[::-1])[::-1] <= _PAIRS]
        dense = len(used) > 0 and count.sum() > _DENSE * (used[-1] - used[0] + 1)
        made = _by_transform if dense else _by_pairs
        seen = [made(block, rest, reach) for block in np.array_split(used, _BLOCKS)]
        whole, peaks = np.sum(seen, axis=0), [_peak(one, reach) for one in seen]
        if whole.sum() > 0:
            lag = _peak(whole, reach)
            if lag and not _lopsided(whole, lag, reach):
                lag = 0
            agree = np.mean([peak is not None and lag is not None and abs(peak - lag) <= 2 for peak in peaks])
            out[name] = Lag(
                (lag or 0) * step, float(agree), len(own), np.convolve(whole, np.ones(3) / 3, "same"), step
            )
    return out


def _lopsided(pairs: np.ndarray, lag: int, reach: int) -> bool:
    """Whether a peak is more than its mirror image and chance: events in bursts peak on both sides of 0
    without any lag."""
    smooth = np.convolve(pairs, np.ones(3), "same")
    here, mirrored = smooth[reach + lag], smooth[reach - lag]
    return bool(here - mirrored > _SIGMAS * np.sqrt(here + mirrored))


def _by_transform(own: np.ndarray, rest: np.ndarray, reach: int) -> np.ndarray:
    """(2 · reach + 1,) pairs by own − other, from −reach to reach: a convolution of what is occupied."""
    if not len(own):
        return np.zeros(2 * reach + 1)
    first, last = own[0] - reach, own[-1] + reach
    near = rest[np.searchsorted(rest, first) : np.searchsorted(rest, last, "right")]
    size = fft.next_fast_len(int(last - first) + 1, real=True)
    others = np.fft.rfft(np.bincount(near - first, minlength=size).astype(np.float32))
    mine = np.fft.rfft(np.bincount(own - own[0], minlength=size).astype(np.float32))
    return np.rint(np.fft.irfft(others * mine.conj(), size)[: 2 * reach + 1].astype(np.float64))[::-1]


def _by_pairs(own: np.ndarray, rest: np.ndarray, reach: int) -> np.ndarray:
    """The same by counting pairs, for few events in a long time."""
    begin, end = np.searchsorted(rest, own - reach), np.searchsorted(rest, own + reach, "right")
    count = end - begin
    first = np.cumsum(count) - count
    other = rest[np.arange(count.sum()) + np.repeat(begin - first, count)]
    return np.bincount(np.repeat(own, count) - other + reach, minlength=2 * reach + 1).astype(np.float64)


def _peak(pairs: np.ndarray, reach: int) -> int | None:
    """Where the correlogram is highest, averaged over three steps; ties to the smallest lag."""
    if pairs.sum() == 0:
        return None
    smooth = np.convolve(pairs, [1.0, 2.0, 1.0], "same")
    best = np.flatnonzero(smooth == smooth.max()) - reach
    return int(best[np.argmin(np.abs(best))])
