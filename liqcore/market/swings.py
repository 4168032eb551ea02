"""Turning points of the price and the zones they make, each known only once it is confirmed."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.market.candles import atr_of, closed_by
from liqcore.tables import TableError

SWINGS: Final = ("swing high", "swing low")
ATR_PERIOD: Final = 14


class Turns(NamedTuple):
    """Turning points in order of confirmation: (N,) rows of the bars, rows that confirmed them, prices,
    kinds."""

    row: np.ndarray
    confirmed_row: np.ndarray
    price: np.ndarray
    kind: np.ndarray


class Zones(NamedTuple):
    """Zones in order of confirmation: (Z,) USD, kind codes into `SWINGS`, rows, and number of turns.

    `established_row` confirmed the turn that made it more than one chance turn; a row that never comes where
    it has not happened yet.
    """

    price: np.ndarray
    low: np.ndarray
    high: np.ndarray
    kind: np.ndarray
    first_row: np.ndarray
    confirmed_row: np.ndarray
    established_row: np.ndarray
    last_row: np.ndarray
    turns: np.ndarray


def pivots(
    candles: pd.DataFrame, bars: int = 2, at: object = None, timeframe: str | np.timedelta64 | None = None
) -> pd.DataFrame:
    """Fractal turning points (Williams): a high above the highs of `bars` bars to either side; lows likewise.

    Returns
    -------
    DataFrame `time` (the bar that turned), `confirmed_at` (close of the bar `bars` later, the first moment
    at which it can be known), `kind` (`swing high`, `swing low`), `price` in USD; in order of
    confirmation. Of several equal highs the first counts, so flat prices have no turning points.
    """
    checked, step = closed_by(candles, at, timeframe)
    found = turning_points(checked, bars)
    micros = tables.microseconds(checked["time"])
    return pd.DataFrame(
        {
            "time": stamps(micros[found.row]),
            "confirmed_at": stamps(micros[found.confirmed_row] + step.astype("int64")),
            "kind": pd.Categorical.from_codes(found.kind, categories=pd.Index(SWINGS)),
            "price": found.price,
        }
    )


def turning_points(candles: pd.DataFrame, bars: int) -> Turns:
    """The turning points of checked candles; `TableError` for a window without bars."""
    if bars < 1:
        raise TableError("A turning point needs at least one bar to either side.")
    high, low = candles["high"].to_numpy(), candles["low"].to_numpy()
    tops, bottoms = _peaks(high, bars), _peaks(-low, bars)
    row = np.concatenate([tops, bottoms])
    price = np.concatenate([high[tops], low[bottoms]])
    kind = np.repeat(np.array([0, 1], dtype=np.int8), [len(tops), len(bottoms)])
    order = np.argsort(row, kind="stable")
    return Turns(row[order], row[order] + bars, price[order], kind[order])


def _peaks(values: np.ndarray, bars: int) -> np.ndarray:
    if len(values) < 2 * bars + 1:
        return np.array([], dtype=np.intp)
    windows = np.lib.stride_tricks.sliding_window_view(values, bars)
    middle = values[bars:-bars]
    left, right = windows[: len(middle)].max(axis=1), windows[bars + 1 :].max(axis=1)
    return np.flatnonzero((middle > left) & (middle >= right)) + bars


def swing_zones(
    candles: pd.DataFrame,
    pivot_bars: int = 5,
    lookback: int = 500,
    merge: float = 0.25,
    at: object = None,
    timeframe: str | np.timedelta64 | None = None,
) -> pd.DataFrame:
    """Support and resistance zones from turning points, in the order in which they became known.

    A turn nearer than `merge` ATR (14 bars, at its confirmation) to a living zone counts for the nearest
    such zone; otherwise it founds a zone of ± merge/2 ATR around itself. The price of a zone never moves,
    so that a zone read today is the zone that could be read then. A zone dies when it has had no new turn
    for `lookback` bars; a turn there later founds a new one.

    Returns
    -------
    DataFrame `price`, `low`, `high`, `kind` (of the founding turn), `first_seen` (the founding bar),
    `confirmed_at`, `turns`, `last_turn` (confirmation of the latest turn). Turns before the ATR is known
    found nothing.
    """
    checked, step = closed_by(candles, at, timeframe)
    zones = zones_of(checked, step, pivot_bars, lookback, merge)
    micros = tables.microseconds(checked["time"])
    return pd.DataFrame(
        {
            "price": zones.price,
            "low": zones.low,
            "high": zones.high,
            "kind": pd.Categorical.from_codes(zones.kind, categories=pd.Index(SWINGS)),
            "first_seen": stamps(micros[zones.first_row]),
            "confirmed_at": stamps(micros[zones.confirmed_row] + step.astype("int64")),
            "turns": zones.turns,
            "last_turn": stamps(micros[zones.last_row] + step.astype("int64")),
        }
    )


def zones_of(
    candles: pd.DataFrame,
    step: np.timedelta64,
    pivot_bars: int,
    lookback: int,
    merge: float,
    least_turns: int = 1,
) -> Zones:
    """The zones of checked candles as arrays, established by `least_turns` turns; see `swing_zones`."""
    if merge <= 0:
        raise TableError("The merging distance of levels must be above zero (in ATR).")
    if lookback < 1:
        raise TableError("Levels need a look-back of at least one bar.")
    found = turning_points(candles, pivot_bars)
    usual = atr_of(candles, step, ATR_PERIOD)[found.confirmed_row]
    known = ~np.isnan(usual)
    usual = usual[known]
    row, confirmed, price, kind = (values[known] for values in found)
    owner = _owners(price, confirmed, merge * usual, lookback)
    founders = np.flatnonzero(owner == np.arange(len(owner)))
    zone = np.searchsorted(founders, owner)
    last = np.zeros(len(founders), dtype=np.int64)
    np.maximum.at(last, zone, confirmed)
    turns = np.bincount(zone, minlength=len(founders))
    by_zone = np.argsort(zone, kind="stable")
    place = np.cumsum(turns) - turns + least_turns - 1
    enough = turns >= least_turns
    established = np.full(len(founders), len(candles))
    established[enough] = confirmed[by_zone[place[enough]]]
    half = merge / 2.0 * usual[founders]
    return Zones(
        price[founders],
        price[founders] - half,
        price[founders] + half,
        kind[founders],
        row[founders],
        confirmed[founders],
        established,
        last,
        turns,
    )


def _owners(price: np.ndarray, row: np.ndarray, reach: np.ndarray, lookback: int) -> np.ndarray:
    """For each turn, in order of confirmation, the index of the turn that founded its zone.

    A recurrence over time: whether a turn founds a zone depends on the zones of all turns before it.
    """
    alive: list[tuple[float, int]] = []
    latest: dict[int, int] = {}
    owner = np.arange(len(price))
    for turn, (value, now, limit) in enumerate(
        zip(price.tolist(), row.tolist(), reach.tolist(), strict=True)
    ):
        place = bisect_left(alive, (value - limit, -1))
        best: tuple[float, int] | None = None
        while place < len(alive) and alive[place][0] <= value + limit:
            level, founder = alive[place]
            if now - latest[founder] > lookback:
                del alive[place]
                continue
            distance = abs(level - value)
            if (distance < limit or distance == 0.0) and (best is None or distance < best[0]):
                best = (distance, founder)
            place += 1
        if best is None:
            insort(alive, (value, turn))
            best = (0.0, turn)
        owner[turn] = best[1]
        latest[best[1]] = now
    return owner


def touches(
    candles: pd.DataFrame, low: np.ndarray, high: np.ndarray, after: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Visits to zones: how often the price came into [low, high] behind a bar, and the last bar inside.

    Parameters
    ----------
    low, high : (Z,) USD.
    after : (Z,) rows. Only visits that begin in a later bar count; bars in a row are one visit.

    Returns
    -------
    (Z,) counts and (Z,) rows of the last bar inside behind `after`, −1 where there is none.
    """
    bar, zone = touching_pairs(candles["low"].to_numpy(), candles["high"].to_numpy(), low, high)
    count, last = np.zeros(len(low), dtype=np.int64), np.full(len(low), -1, dtype=np.int64)
    if len(bar):
        order = np.lexsort((bar, zone))
        bar, zone = bar[order], zone[order]
        begins = np.append(True, (zone[1:] != zone[:-1]) | (bar[1:] != bar[:-1] + 1))
        later = bar > after[zone]
        count += np.bincount(zone[begins & later], minlength=len(low))
        np.maximum.at(last, zone[later], bar[later])
    return count, last


def touching_pairs(
    bottom: np.ndarray, top: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All pairs (bar, zone) in which the bar's range [bottom, top] meets the zone [low, high].

    Bars look their zones up in one sorted list, so the work grows with the pairs found and not with
    bars × zones. Bars whose range is NaN meet nothing.
    """
    if not len(low) or not len(bottom):
        return np.array([], dtype=np.intp), np.array([], dtype=np.intp)
    order = np.argsort(low, kind="stable")
    widest = float((high - low).max())
    first = np.searchsorted(low[order], bottom - widest, "left")
    count = np.maximum(np.searchsorted(low[order], top, "right") - first, 0)
    bar = np.repeat(np.arange(len(bottom)), count)
    zone = order[
        np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    ]
    meets = (high[zone] >= bottom[bar]) & (low[zone] <= top[bar])
    return bar[meets], zone[meets]


def stamps(micros: np.ndarray) -> pd.DatetimeIndex:
    """int64 microseconds since 1970 as UTC times of the tables' dtype."""
    return pd.DatetimeIndex(np.asarray(micros, dtype="int64").view("M8[us]")).tz_localize("UTC")
