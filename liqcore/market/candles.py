"""Candles: longer bars, the usual indicators, and what a series cannot tell.

Arrays that are returned have one value a bar, in the order of the candles, and use only that bar and the
ones before it. NaN means "not known yet" (the warm-up of an indicator) or "not known at all" (volume).
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.tables import TableError


class Macd(NamedTuple):
    """Three (T,) arrays in USD: fast minus slow average, its own average, and their difference."""

    line: np.ndarray
    signal: np.ndarray
    histogram: np.ndarray


def bar_length(candles: pd.DataFrame, timeframe: str | np.timedelta64 | None = None) -> np.timedelta64:
    """Length of a bar as timedelta64[us]: `timeframe` where given, else the most common spacing.

    The guess needs the spacing to be regular; say the timeframe where the past must not depend on it.
    One candle alone raises `TableError`.
    """
    if timeframe is not None:
        return tables.timeframe(timeframe)
    steps = np.diff(tables.microseconds(tables.ensure(candles, "candles")["time"]))
    if not len(steps):
        raise TableError(
            "One candle does not tell how long a bar is. Give the timeframe, such as 15m, or more candles."
        )
    lengths, counts = np.unique(steps, return_counts=True)
    return np.timedelta64(int(lengths[counts.argmax()]), "us")


def closed_by(
    candles: pd.DataFrame, at: object = None, timeframe: str | np.timedelta64 | None = None
) -> tuple[pd.DataFrame, np.timedelta64]:
    """The bars that had closed at the moment `at` (all of them for None), and the length of a bar."""
    checked = tables.ensure(candles, "candles")
    # Fewer than two candles are too short to guess from and to say anything about: any length does.
    step = bar_length(checked, "1m" if timeframe is None and len(checked) < 2 else timeframe)
    if at is None:
        return checked, step
    last = tables.to_datetime64(at) - step
    count = int(np.searchsorted(tables.microseconds(checked["time"]), last.astype("int64"), "right"))
    return checked.iloc[:count], step


def missing_before(candles: pd.DataFrame, step: np.timedelta64) -> np.ndarray:
    """(T,) int64 bars that are missing between a bar and the one before it; 0 for the first bar."""
    micros = tables.microseconds(candles["time"])
    return np.maximum(np.diff(micros, prepend=micros[:1]) // step.astype("int64") - 1, 0)


def resample(
    candles: pd.DataFrame,
    timeframe: str | np.timedelta64,
    partial: bool = False,
    source: str | np.timedelta64 | None = None,
) -> pd.DataFrame:
    """Join candles into longer bars that begin at whole multiples of `timeframe` since 1970 UTC.

    Parameters
    ----------
    candles : candles table.
    timeframe : length of the new bars, a multiple of the old.
    partial : also return bars of which some candles are missing, and a column `complete` (bool).
    source : length of the given bars; by default their most common spacing.

    Returns
    -------
    Candles table. Volumes are sums, NaN where any part is unknown. A bar without any candle is not made up:
    gaps stay gaps.

    Raises
    ------
    TableError
        The new length is no multiple of the old, or candles would straddle two bars.
    """
    checked = tables.ensure(candles, "candles")
    length = int(tables.timeframe(timeframe).astype("int64"))
    if checked.empty:
        return checked.assign(complete=np.array([], dtype=bool)) if partial else checked
    old = int(bar_length(checked, source).astype("int64"))
    if length % old:
        raise TableError(
            f"Bars of {wording.duration(length / 1e6)} cannot be built from bars of"
            f" {wording.duration(old / 1e6)}. Choose a multiple of {wording.duration(old / 1e6)}."
        )
    micros = tables.microseconds(checked["time"])
    astray = np.flatnonzero(micros % old)
    if astray.size:
        raise TableError(
            f"Candle in row {astray[0] + 1} does not begin at a whole {wording.duration(old / 1e6)} UTC, so"
            " it would straddle two bars. Check the time zone of the column 'time'."
        )
    opens = micros // length * length
    first = np.flatnonzero(np.diff(opens, prepend=opens[0] - 1))
    last = np.append(first[1:], len(opens)) - 1
    out = pd.DataFrame(
        {
            "time": pd.Series(pd.to_datetime(opens[first], unit="us", utc=True)).astype(tables.TIME_DTYPE),
            "open": checked["open"].to_numpy()[first],
            "high": np.maximum.reduceat(checked["high"].to_numpy(), first),
            "low": np.minimum.reduceat(checked["low"].to_numpy(), first),
            "close": checked["close"].to_numpy()[last],
            "volume": np.add.reduceat(checked["volume"].to_numpy(), first),
            "taker_buy_volume": np.add.reduceat(checked["taker_buy_volume"].to_numpy(), first),
        }
    )
    complete = last - first + 1 == length // old
    return out.assign(complete=complete) if partial else out[complete].reset_index(drop=True)


def true_range(candles: pd.DataFrame, timeframe: str | np.timedelta64 | None = None) -> np.ndarray:
    """(T,) USD: the larger of high − low and the distance from the last close to either end (Wilder, 1978).

    The first bar, and the first after more than 14 missing bars, have no last close that means anything: high
    − low.
    """
    checked, step = closed_by(candles, None, timeframe)
    high, low, close = (checked[name].to_numpy() for name in ("high", "low", "close"))
    before = np.append(np.nan, close[:-1]) if len(close) else close
    before = np.where(_restarts(checked, step, 14), np.nan, before)
    return np.fmax(high, before) - np.fmin(low, before)


def atr(candles: pd.DataFrame, period: int = 14, timeframe: str | np.timedelta64 | None = None) -> np.ndarray:
    """(T,) USD average true range, Wilder's smoothing begun with a plain mean; NaN for the first `period`
    bars.

    Like the other recursive indicators it starts afresh after a gap of more than `period` bars. Computed by
    TA-Lib, `ATR`.
    """
    return atr_of(*closed_by(candles, None, timeframe), period)


def atr_of(candles: pd.DataFrame, step: np.timedelta64, period: int = 14) -> np.ndarray:
    """`atr` of candles that are checked already."""
    # Here and below loaded where it is used: the first page draws bars and no indicator.
    import talib

    high, low, close = (candles[name].to_numpy() for name in ("high", "low", "close"))
    out = np.full(len(candles), np.nan)
    for part in _stretches(candles, step, period):
        out[part] = talib.ATR(high[part], low[part], close[part], timeperiod=period)
    return out


def rsi(candles: pd.DataFrame, period: int = 14, timeframe: str | np.timedelta64 | None = None) -> np.ndarray:
    """(T,) relative strength index 0 to 100 of the closes (Wilder, 1978); NaN for the first `period` bars.

    50 while the price has not moved at all, where the formula divides zero by zero. Computed by TA-Lib,
    `RSI`.
    """
    return rsi_of(*closed_by(candles, None, timeframe), period)


def rsi_of(candles: pd.DataFrame, step: np.timedelta64, period: int = 14) -> np.ndarray:
    """`rsi` of candles that are checked already."""
    import talib

    close = candles["close"].to_numpy()
    out = np.full(len(candles), np.nan)
    for part in _stretches(candles, step, period):
        out[part] = talib.RSI(close[part], timeperiod=period)
        still = np.logical_and.accumulate(close[part] == close[part.start])
        out[part][still & ~np.isnan(out[part])] = 50.0
    return out


def macd(
    candles: pd.DataFrame,
    fast: int = 12,
    slow: int = 26,
    signal: int = 9,
    timeframe: str | np.timedelta64 | None = None,
) -> Macd:
    """Moving average convergence and divergence of the closes (Appel), averages begun with plain means.

    NaN for the first `slow + signal − 2` bars. Computed by TA-Lib, `MACD`.
    """
    return macd_of(*closed_by(candles, None, timeframe), fast, slow, signal)


def macd_of(
    candles: pd.DataFrame, step: np.timedelta64, fast: int = 12, slow: int = 26, signal: int = 9
) -> Macd:
    """`macd` of candles that are checked already."""
    import talib

    close = candles["close"].to_numpy()
    out = np.full((3, len(candles)), np.nan)
    for part in _stretches(candles, step, slow):
        out[:, part] = talib.MACD(close[part], fastperiod=fast, slowperiod=slow, signalperiod=signal)
    return Macd(*out)


def taker_delta(candles: pd.DataFrame) -> np.ndarray:
    """(T,) BTC bought by takers minus sold by takers: 2 · taker − volume; NaN where either is unknown."""
    checked = tables.ensure(candles, "candles")
    return 2.0 * checked["taker_buy_volume"].to_numpy() - checked["volume"].to_numpy()


def cvd(candles: pd.DataFrame) -> np.ndarray:
    """(T,) BTC cumulative volume delta: the running sum of `taker_delta` over the bars where it is known.

    NaN where a bar's delta is unknown; the sum goes on behind it, so differences across such a bar leave out
    what nobody recorded.
    """
    delta = taker_delta(candles)
    return np.where(np.isnan(delta), np.nan, np.cumsum(np.nan_to_num(delta)))


def data_notes(candles: pd.DataFrame, step: np.timedelta64, warm_up: int = 0) -> tuple[str, ...]:
    """Sentences on what these candles cannot tell: too few, gaps, unknown or zero volume, flat prices."""
    total = len(candles)
    if total == 0:
        return ("There are no candles in this window, so nothing can be said about the price.",)
    notes = []
    if total <= warm_up:
        notes.append(
            f"There are only {total:,} closed candles; the indicators need more than {warm_up:,}, so most of"
            " them are silent."
        )
    missing = missing_before(candles, step)
    if missing.any():
        longest = int(missing.argmax())
        notes.append(
            f"{int(missing.sum()):,} candles are missing in {np.count_nonzero(missing):,} gap(s), the longest"
            f" {wording.duration(int(missing[longest]) * step)} before"
            f" {wording.when(candles['time'].iloc[longest])}. Nothing is assumed about prices in a gap."
        )
    notes += _volume_notes(candles, total)
    if (candles["high"].to_numpy() == candles["low"].to_numpy()).all():
        notes.append(
            "The price did not move at all in these candles, so its usual range (ATR) is zero and no signal"
            " can be measured."
        )
    return tuple(notes)


def _volume_notes(candles: pd.DataFrame, total: int) -> list[str]:
    notes = []
    unknown = int(candles["volume"].isna().sum())
    if unknown:
        notes.append(
            f"Volume is unknown in {unknown:,} of {total:,} candles: breakouts and volume levels leave them"
            " out."
        )
    elif not candles["volume"].to_numpy().any():
        notes.append("Volume is zero in every candle, so volume levels and breakouts cannot be judged.")
    taker = int(candles["taker_buy_volume"].isna().sum())
    if taker > unknown:
        notes.append(
            f"Taker volume is unknown in {taker:,} of {total:,} candles: who was pushing cannot be told"
            " there."
        )
    return notes


def _restarts(candles: pd.DataFrame, step: np.timedelta64, period: int) -> np.ndarray:
    """(T,) bool, True where a recursive indicator of that period begins anew."""
    begins = missing_before(candles, step) > period
    begins[:1] = True
    return begins


def _stretches(candles: pd.DataFrame, step: np.timedelta64, period: int) -> list[slice]:
    """Slices of bars between which an indicator of that period has forgotten what it knew."""
    starts = np.append(np.flatnonzero(_restarts(candles, step, period)), len(candles))
    return [slice(int(begin), int(end)) for begin, end in pairwise(starts)]
