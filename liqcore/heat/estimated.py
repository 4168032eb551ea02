"""Liquidations whose prices were estimated from candles: spread over all that they may have been.

A total of an hour, or an event without a price, fell somewhere in its candle; at one price it would look like
a level that nobody measured.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording

ESTIMATED: Final = "estimated"
# Pieces of one amount, fewer where there are many amounts; the golden ratio spreads them over time and price
# alike.
_PIECES, _FEWEST, _MOST = 64, 8, 2_000_000
_GOLDEN: Final = (5**0.5 - 1) / 2
_MINUTE = 60_000_000
_PIECE: Final = 1 << 15


def is_estimated(liquidations: pd.DataFrame) -> np.ndarray:
    """(N,) bool: whose price was estimated."""
    return (liquidations["price_kind"] == ESTIMATED).to_numpy()


def estimated_flag(liquidations: pd.DataFrame, spread: bool) -> tuple[str, ...]:
    """A sentence for the provenance where prices were estimated, and whether the amounts are spread."""
    guessed = is_estimated(liquidations)
    if not guessed.any():
        return ()
    names = wording.joined(wording.venues(sorted(liquidations.loc[guessed, "venue"].astype(str).unique())))
    how = (
        "each amount is spread evenly over the time and prices it may have come from"
        if spread
        else "each amount is drawn at one price of its candle, where it may not have been"
    )
    return (f"Prices of {names} are estimated from candles: {how}.",)


def spread_estimated(liquidations: pd.DataFrame, candles: pd.DataFrame | None) -> pd.DataFrame:
    """Liquidations with each estimated one in pieces, evenly over the range of its candle, and of totals over
    their interval; pieces keep the index of their row. USD is conserved.

    What no candle covers, and everything without candles, stays as it is.
    """
    guessed = is_estimated(liquidations)
    if not guessed.any() or candles is None or candles.empty:
        return liquidations
    rows = np.flatnonzero(guessed)
    time = tables.microseconds(liquidations["time"])[rows]
    venue = liquidations["venue"].array.codes[rows]
    low, high, interval = (np.full(len(rows), np.nan) for _ in range(3))
    for code in np.unique(venue):
        mine = venue == code
        length = _interval(time[mine])
        high[mine], low[mine] = range_at(time[mine], candles, length)
        interval[mine] = length
    known = np.isfinite(low)
    rows, time, low, high, interval = (values[known] for values in (rows, time, low, high, interval))
    pieces = int(np.clip(_MOST // max(len(rows), 1), _FEWEST, _PIECES))
    k = np.arange(pieces)
    made = liquidations.iloc[np.repeat(rows, pieces)].copy()
    moment = time[:, None] + (k * _GOLDEN % 1 * interval[:, None]).astype(np.int64)
    made["time"] = pd.DatetimeIndex(moment.ravel().astype("datetime64[us]"), tz="UTC")
    made["price"] = (low[:, None] + (high - low)[:, None] * (k + 0.5) / pieces).ravel()
    made["notional"] /= pieces
    made["quantity"] /= pieces
    rest = np.ones(len(liquidations), dtype=bool)
    rest[rows] = False
    return pd.concat([liquidations[rest], made]).sort_values("time", kind="stable")


def _interval(time: np.ndarray) -> int:
    """Microseconds that each amount covers: the usual step of times on a grid, 0 for moments of their own."""
    axis = np.unique(time)
    step = bar_length(axis)
    return step if step >= _MINUTE and not ((axis - axis[0]) % step).any() else 0


def bar_length(times: np.ndarray) -> int:
    """The commonest positive step between ascending int64 times, in their unit; 0 for fewer than two."""
    if len(times) > 1 and (step := int(times[1] - times[0])) > 0 and _is_even(times, step):
        return step
    steps = np.diff(times)
    steps = steps[steps > 0]
    if not steps.size:
        return 0
    values, counts = np.unique(steps, return_counts=True)
    return int(values[np.argmax(counts)])


def _is_even(times: np.ndarray, step: int) -> bool:
    """Whether all steps are one; a piece at a time, which stays near the processor."""
    return all(
        bool((np.diff(times[begin : begin + _PIECE + 1]) == step).all())
        for begin in range(0, len(times) - 1, _PIECE)
    )


def range_at(times: np.ndarray, candles: pd.DataFrame, interval: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """High and low of the candle that holds each time, or of all candles in [time, time + interval)."""
    starts = tables.microseconds(candles["time"])
    high, low = candles["high"].to_numpy(), candles["low"].to_numpy()
    length = bar_length(starts)
    if not len(starts):
        return np.full(len(times), np.nan), np.full(len(times), np.nan)
    if interval <= length:
        at = np.searchsorted(starts, times, "right") - 1
        inside = (at >= 0) & (times < starts[np.maximum(at, 0)] + max(length, 1))
        return np.where(inside, high[at], np.nan), np.where(inside, low[at], np.nan)
    first, last = np.searchsorted(starts, times, "left"), np.searchsorted(starts, times + interval, "left")
    inside = last > first
    # reduceat takes [first, last) from pairs; one padding entry lets a window end at the last candle.
    pairs = np.column_stack([first, last]).ravel()
    top = np.maximum.reduceat(np.append(high, -np.inf), pairs)[::2]
    bottom = np.minimum.reduceat(np.append(low, np.inf), pairs)[::2]
    return np.where(inside, top, np.nan), np.where(inside, bottom, np.nan)
