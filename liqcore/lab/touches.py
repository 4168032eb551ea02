"""When price first touches a level, and what it does after: over years of bars at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.lab.controls import volatility

NEVER = -1


@dataclass(frozen=True)
class Bars:
    """Candles as arrays (T,): `time` open in µs, `step` µs a bar, prices USD, volume BTC (0 where
    unknown)."""

    time: np.ndarray
    step: int
    low: np.ndarray
    high: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    @staticmethod
    def of(candles: pd.DataFrame) -> Bars:
        """Bars of a candles table."""
        time = tables.microseconds(candles["time"])
        step = int(np.median(np.diff(time))) if len(time) > 1 else 60_000_000
        low, high, close, volume = (
            candles[name].to_numpy(dtype=float) for name in ("low", "high", "close", "volume")
        )
        return Bars(time, step, low, high, close, np.nan_to_num(volume))

    def count(self, minutes: float) -> int:
        """How many bars a length is, at least one."""
        return max(round(minutes * 60_000_000 / self.step), 1)


class Touches:
    """First touches within `reach` bars, found by halving: minima and maxima over 1, 2, 4 … bars are kept."""

    def __init__(self, bars: Bars, reach: int) -> None:
        self.bars, self.reach = bars, reach
        self._lows, self._highs = [bars.low], [-bars.high]
        while 2 ** len(self._lows) <= reach:
            half = 2 ** (len(self._lows) - 1)
            for held in (self._lows, self._highs):
                last = held[-1]
                held.append(np.minimum(last, np.append(last[half:], np.full(half, np.inf))))

    def first(self, bar: np.ndarray, level: np.ndarray, side: np.ndarray) -> np.ndarray:
        """First bar after `bar` that reaches the level within `reach` bars; NEVER where none does.

        `side` +1 for levels above the price, −1 below; arrays of one shape.
        """
        wanted = np.where(side > 0, -level, level)
        at = bar + 1
        end = bar + self.reach
        size = len(self.bars.close)
        for power in range(len(self._lows) - 1, -1, -1):
            inside = np.minimum(at, size - 1)
            least = np.where(side > 0, self._highs[power][inside], self._lows[power][inside])
            skip = (least > wanted) & (at + 2**power - 1 <= end)
            at = np.where(skip, at + 2**power, at)
        inside = np.minimum(at, size - 1)
        extreme = np.where(side > 0, self._highs[0][inside], self._lows[0][inside])
        return np.where((at <= end) & (at < size) & (extreme <= wanted), at, NEVER)


@dataclass(frozen=True)
class After:
    """What price does in `bars` bars after a touch, as log shares in the direction in which it came: `move`
    (positive goes on, negative turns back), and the furthest `beyond` and `back`."""

    move: np.ndarray
    beyond: np.ndarray
    back: np.ndarray


class Outcomes:
    """Moves after touches, with the furthest prices of the following bars kept for each horizon."""

    def __init__(self, bars: Bars, horizons: tuple[int, ...], felt_over: int) -> None:
        self.bars = bars
        self.felt = volatility(bars.close, felt_over)
        self._ahead = {
            many: (_ahead(bars.low, many, np.minimum), _ahead(bars.high, many, np.maximum))
            for many in horizons
        }

    def after(self, touch: np.ndarray, level: np.ndarray, side: np.ndarray, many: int) -> After:
        """What follows in `many` bars; NaN where there was no touch or the data ends earlier."""
        size = len(self.bars.close)
        known = (touch != NEVER) & (touch + many < size)
        here = np.where(known, touch, 0)
        low, high = (side_[here] for side_ in self._ahead[many])
        ends = self.bars.close[np.minimum(here + many, size - 1)]
        move, down, up = (np.log(price / level) for price in (ends, low, high))
        beyond, back = np.where(side > 0, up, -down), np.where(side > 0, -down, up)
        blank = np.where(known, 0.0, np.nan)
        return After(side * move + blank, np.maximum(beyond, 0.0) + blank, np.maximum(back, 0.0) + blank)


def window_sums(values: np.ndarray, first: np.ndarray, many: int) -> np.ndarray:
    """Σ values[first : first + many] at each place; what lies outside counts nothing."""
    running = np.concatenate([[0.0], np.cumsum(values)])
    size = len(values)
    return running[np.clip(first + many, 0, size)] - running[np.clip(first, 0, size)]


def _ahead(values: np.ndarray, many: int, pick: np.ufunc) -> np.ndarray:
    """(T,) extreme of the `many` bars after each one; fewer at the end."""
    series = pd.Series(values[::-1]).shift(1).rolling(many, min_periods=1)
    found = series.min() if pick is np.minimum else series.max()
    out = found.to_numpy()[::-1].copy()
    out[np.isnan(out)] = values[np.isnan(out)]
    return out
