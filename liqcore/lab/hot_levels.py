"""Which levels a study asks about: the hottest of a map, fixed at the close of a bar from what was known
then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.models import DEFAULT
from liqcore.lab.blocks import Interval, around, block_of, draw_weights
from liqcore.lab.cells import by_distance, model_maps
from liqcore.lab.event_study import Levels
from liqcore.lab.forward import reached
from liqcore.lab.touches import Bars

# A level is looked for between half a per cent and three from the price, in cells of 10 basis points: farther
# ones are hotter on most maps, and hardly ever touched within hours, so that nothing could be said of them.
_CELL: Final = 0.001
_NEAR: Final = 0.005
_FAR: Final = 0.03
_BAND: Final = 0.0025
_BANDS: Final = 20
_HOT: Final = 0.8


@dataclass(frozen=True)
class Finder:
    """How levels are found: a model on candles and open interest, every so many minutes."""

    model: str = DEFAULT
    every: str = "1h"
    assumptions: Assumptions | None = None

    def moments(self, bars: Bars) -> np.ndarray:
        """(S,) bars at whose close levels are fixed: whole multiples of `every`, after a first day."""
        each = int(tables.timeframe(self.every).astype("int64"))
        ends = bars.time + bars.step
        return np.flatnonzero((ends % each == 0) & (ends - bars.time[0] >= 86_400_000_000))

    def maps(
        self, candles: pd.DataFrame, open_interest: pd.DataFrame | None, cell: float, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Moments (S,) and maps (S, 2·count) in cells around the close of each."""
        bars = Bars.of(candles)
        at = self.moments(bars)
        if not len(at):
            return at, np.zeros((0, 2 * count))
        times = (bars.time[at] + bars.step).astype("datetime64[us]")
        grid = model_maps(candles, open_interest, times, self.model, self.assumptions, reach=0.08)
        return at, by_distance(grid, bars.close[at], cell, count)


def hottest(
    candles: pd.DataFrame, open_interest: pd.DataFrame | None, finder: Finder | None = None
) -> Levels:
    """The hottest level on each side at every moment of the finder: what a reader calls the magnet."""
    count = round(_FAR / _CELL)
    at, maps = (finder or Finder()).maps(candles, open_interest, _CELL, count)
    close = candles["close"].to_numpy(dtype=float)[at]
    smooth = np.zeros_like(maps)
    smooth[:, 1:-1] = maps[:, :-2] * 0.25 + maps[:, 1:-1] * 0.5 + maps[:, 2:] * 0.25
    skip = round(_NEAR / _CELL)
    below, above = smooth[:, : count - skip], smooth[:, count + skip :]
    found = []
    for side, part, first in ((-1, below, -count), (1, above, skip)):
        place = part.argmax(axis=1)
        price = close * np.exp((first + place + 0.5) * _CELL)
        has = part.max(axis=1, initial=0.0) > 0
        found.append((at[has], price[has], np.full(has.sum(), side)))
    bar, price, sides = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(bar, kind="stable")
    return Levels(bar[order], price[order], sides[order])


@dataclass(frozen=True)
class Crossed:
    """USD liquidated in crossed bands: the mean in hot ones over that in cold ones at the same distance.

    `ratio` with its interval, USD means `hot` and `cold`, and how many bands were crossed.
    """

    ratio: Interval
    hot: float
    cold: float
    n_hot: int
    n_cold: int


def crossed(
    candles: pd.DataFrame,
    open_interest: pd.DataFrame | None,
    liquidations: pd.DataFrame,
    rng: np.random.Generator,
    finder: Finder | None = None,
    hours: float = 4.0,
) -> Crossed:
    """What price closed when it crossed hot bands, beside cold bands as far away.

    A band is hot where its share of the map is above four fifths of all earlier ones at its distance.
    """
    bars = Bars.of(candles)
    at, maps = (finder or Finder()).maps(candles, open_interest, _BAND, _BANDS)
    if len(at) < 10:
        return Crossed(Interval(np.nan, np.nan, np.nan, 0), np.nan, np.nan, 0, 0)
    times = (bars.time[at] + bars.step).astype("datetime64[us]")
    ahead = reached(candles, liquidations, times, bars.close[at], hours, _BAND, _BANDS)
    share = maps / np.maximum(maps.sum(axis=1, keepdims=True), 1e-300)
    rank = pd.DataFrame(share).expanding(min_periods=10).rank(pct=True).to_numpy()
    inside = ahead.inside & ahead.known[:, None] & np.isfinite(rank)
    hot, cold = inside & (rank > _HOT), inside & (rank <= _HOT)
    day = block_of(times.astype("int64"))
    names, place = np.unique(day, return_inverse=True)
    sums = [_by_block(values, place, len(names)) for values in (hot, hot * ahead.usd, cold, cold * ahead.usd)]
    ones = np.ones((1, len(names)))
    weights = draw_weights(len(names), rng)
    value = _matched_ratio(ones, sums)
    drawn = _matched_ratio(weights, sums)
    # A ratio is symmetric in its logarithm.
    inner = around(float(np.log(value[0])), np.log(drawn), len(names)) if value[0] > 0 else None
    low, high = (np.exp(inner.low), np.exp(inner.high)) if inner is not None else (np.nan, np.nan)
    usd_hot = float((hot * ahead.usd).sum() / max(hot.sum(), 1))
    return Crossed(
        Interval(float(value[0]), float(low), float(high), len(names)),
        usd_hot,
        usd_hot / float(value[0]) if value[0] > 0 else np.nan,
        int(hot.sum()),
        int(cold.sum()),
    )


def _by_block(values: np.ndarray, place: np.ndarray, blocks: int) -> np.ndarray:
    out = np.zeros((blocks, values.shape[1]))
    np.add.at(out, place, values)
    return out


def _matched_ratio(weights: np.ndarray, sums: list[np.ndarray]) -> np.ndarray:
    """(R,) USD in hot bands over what cold ones at their distances would have held."""
    n_hot, usd_hot, n_cold, usd_cold = (weights @ part for part in sums)
    both = (n_hot > 0) & (n_cold > 0)
    expected = np.where(both, n_hot * usd_cold / np.maximum(n_cold, 1e-300), 0.0).sum(axis=1)
    return np.where(both, usd_hot, 0.0).sum(axis=1) / np.maximum(expected, 1e-300)
