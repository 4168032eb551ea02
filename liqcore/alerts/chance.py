"""How often chance alone touches a level: the same distance, side and volatility, at moments already past.

A firing says that a level will be touched. What that is worth shows only beside levels that nobody named: put
as far from the price, on the same side, at earlier moments of the same market that were about as lively, and
whose outcome was known when the rule fired. Nothing that came later is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_DAY: Final = 86_400_000_000
_RUNS: Final = 2_000
_FEWEST: Final = 20
_CHUNK: Final = 4_000_000


@dataclass(frozen=True)
class Chance:
    """What chance explains of the touches of a rule's firings.

    Attributes
    ----------
    expected : share of matched past levels that were touched, over the firings that count; NaN where unknown.
    separate : firings that count: of several whose horizons overlap only the first does. touched : touches
    among them.
    p : two-sided probability of touches so far from `expected` by chance; NaN where `separate` is 0.
    """

    expected: float = np.nan
    separate: int = 0
    touched: int = 0
    p: float = np.nan


def volatility(close: NDArray[np.float64], bars: int) -> NDArray[np.float64]:
    """(T,) standard deviation of a bar's log return, as felt at each close; NaN for the first `bars`."""
    moves = pd.Series(np.diff(np.log(close), prepend=np.nan) ** 2)
    return np.sqrt(moves.ewm(span=bars, min_periods=bars).mean().to_numpy())


def terciles(spread: NDArray[np.float64]) -> NDArray[np.int8]:
    """(T,) 0 to 2: the rank of each bar's volatility in its own past, which no later bar can move; −1" "
    unknown."""
    rank = pd.Series(spread).expanding().rank(pct=True).to_numpy()
    return np.where(np.isnan(rank), -1, np.minimum(np.nan_to_num(rank) * 3, 2)).astype(np.int8)


def separate(bars: NDArray[np.int64], reach: int) -> NDArray[np.bool_]:
    """(N,) of sorted bars: those that begin after the horizon of the one counted before has ended."""
    keep = np.zeros(len(bars), dtype=bool)
    at = 0
    while at < len(bars):
        keep[at] = True
        at = int(np.searchsorted(bars, bars[at] + reach, "left"))
    return keep


def against_chance(
    bars: NDArray[np.int64],
    distance: NDArray[np.float64],
    touched: NDArray[np.bool_],
    time: NDArray[np.int64],
    close: NDArray[np.float64],
    ahead: tuple[NDArray[np.float64], NDArray[np.float64]],
    reach: int,
    rng: np.random.Generator,
) -> Chance:
    """Touches of firings against those of matched past levels.

    Parameters
    ----------
    bars : (N,) bar of each firing, sorted. distance : (N,) log distance of its level from that bar's close.
    touched : (N,) whether the level was touched within the horizon.
    time, close : (T,) close time in µs, USD. ahead : (T,) lowest and highest price in the `reach` bars after.

    The null draws, for each firing, a touch with the share of its matched past; that share is itself drawn
    anew in each run by weighing the past days at random (Bayesian bootstrap by days), so that few past days
    make a wide null.
    """
    counts = separate(bars, reach)
    bars, distance, touched = bars[counts], distance[counts], touched[counts]
    spread = volatility(close, reach)
    tercile = terciles(spread)
    # Distances in units of the volatility felt at the moment, so that a calm hour is not held against a wild
    # one.
    # Where price stood still there is no such unit, and nothing to be compared with.
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (np.log(one / close) / spread for one in ahead)
        distance = distance / spread[bars]
    day = ((time - time[0]) // _DAY).astype(np.int64) if len(time) else np.empty(0, np.int64)
    days = int(day[-1]) + 1 if len(day) else 0
    tried, hit = np.zeros((len(bars), days)), np.zeros((len(bars), days))
    step = max(_CHUNK // max(len(close), 1), 1)
    for start in range(0, len(bars), step):
        part = slice(start, start + step)
        past = (np.arange(len(close)) + reach <= bars[part, None]) & np.isfinite(low)
        past &= (tercile == tercile[bars[part], None]) & (tercile >= 0)
        past &= np.isfinite(distance[part, None])
        reached = np.where(
            distance[part, None] < 0, low <= distance[part, None], high >= distance[part, None]
        )
        edges = np.searchsorted(day, np.arange(days))
        tried[part] = np.add.reduceat(past, edges, axis=1, dtype=float)
        hit[part] = np.add.reduceat(past & reached, edges, axis=1, dtype=float)
    known = tried.sum(axis=1) >= max(_FEWEST * 1.0, 2.0 * reach)
    tried, hit, touched = tried[known], hit[known], touched[known]
    if not known.any():
        return Chance()
    expected = hit.sum(axis=1) / tried.sum(axis=1)
    weights = rng.exponential(size=(_RUNS, days))
    share = (weights @ hit.T) / np.maximum(weights @ tried.T, 1e-12)
    drawn = (rng.random(share.shape) < share).sum(axis=1)
    seen, mean = int(touched.sum()), float(expected.sum())
    off = np.abs(drawn - mean) >= abs(seen - mean) - 1e-9
    return Chance(float(expected.mean()), int(known.sum()), seen, float((off.sum() + 1) / (_RUNS + 1)))
