"""Key levels: prices at which the market turned, traded much, or that the user has drawn.

Nothing here looks ahead. A level has `confirmed_at`, the moment at which it could first be known (the
close of the bar that confirmed it), and a swing's price does not move afterwards: a later turn nearby
counts for the level, it does not shift it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.market.candles import atr_of, closed_by, data_notes
from liqcore.market.profile import volume_profile
from liqcore.market.swings import ATR_PERIOD, SWINGS, stamps, touches, zones_of
from liqcore.tables import TableError

LEVELS: Final = (
    "price",
    "low",
    "high",
    "kind",
    "role",
    "turns",
    "touches",
    "first_seen",
    "confirmed_at",
    "last_touch",
    "strength",
    "also",
)
KINDS: Final = (
    *SWINGS,
    "point of control",
    "value area high",
    "value area low",
    "volume node",
    "round number",
    "own",
)
ROLES: Final = ("support", "resistance", "at price")

# What a level of these kinds says by itself; a swing earns its strength by turns.
_BASE: Final = {
    "point of control": 0.5,
    "value area high": 0.35,
    "value area low": 0.35,
    "volume node": 0.3,
    "round number": 0.2,
    "own": 1.0,
}


@dataclass(frozen=True, eq=False)
class Levels:
    """Key levels as a table with the columns `LEVELS`, sorted by price, and sentences on what limits them."""

    table: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.table)


def key_levels(
    candles: pd.DataFrame,
    at: object = None,
    own: Sequence[float] = (),
    timeframe: str | np.timedelta64 | None = None,
    pivot_bars: int = 5,
    lookback: int = 500,
    merge: float = 0.25,
    bins: int = 60,
    volume_levels: bool = True,
    round_numbers: bool = False,
    count: int | None = 12,
    spacing: float = 1.0,
) -> Levels:
    """The levels that matter at the moment `at`, from bars closed by then and nothing else.

    Parameters
    ----------
    candles : candles table.
    at : moment in UTC; None takes every bar as closed, so leave out a running bar or give `at`.
    own : the user's own prices in USD: always kept, and taken as known from the first bar.
    timeframe : length of a bar; by default the most common spacing.
    pivot_bars, lookback, merge : see `swing_zones`; `lookback` also bounds the volume profile.
    bins, volume_levels : price bins of the volume profile, and whether its nodes count as levels.
    round_numbers : add the round prices next to the last close, at least 4 ATR apart.
    count, spacing : keep so many of the strongest besides `own`, and none within `spacing` ATR of a
        stronger one; None and 0 keep all.

    Returns
    -------
    Levels. `touches` counts visits that began after `confirmed_at`, `turns` those that turned the price;
    `role` is where the level lies from the last close. `strength` is 0 to 1: for swings
    1 − exp(−turns/3), halved for each `lookback` since the last turn; a fixed value for the rest. `also`
    names levels of other kinds within `merge` ATR of a swing, which are folded into it.

    Raises
    ------
    TableError
    """
    checked, step = closed_by(candles, at, timeframe)
    mine = _own_prices(own)
    notes = list(data_notes(checked, step, warm_up=ATR_PERIOD))
    if checked.empty:
        return Levels(_table(_Columns.none(), np.nan), tuple(notes))
    usual = float(np.nan_to_num(atr_of(checked, step, ATR_PERIOD)[-1]))
    half, close = usual * merge / 2.0, float(checked["close"].iloc[-1])
    swings = _swings(checked, step, pivot_bars, lookback, merge)
    named = _volume_levels(checked.iloc[-lookback:], bins) if volume_levels else []
    others = _Columns.of(checked, step, named, half, len(checked) - 1, max(len(checked) - lookback, 0))
    if round_numbers and usual > 0:
        rounds = [(price, "round number") for price in _round(close, 4.0 * usual)]
        others = others.join(_Columns.of(checked, step, rounds, half))
    automatic = _strongest(_fold(swings, others, merge * usual), count, spacing * usual)
    if not len(automatic.price):
        notes.append("No level stands out in these candles yet. Load a longer stretch, or draw your own.")
    drawn = _Columns.of(checked, step, [(price, "own") for price in mine], half)
    return Levels(_table(automatic.join(drawn), close), tuple(notes))


@dataclass(frozen=True, eq=False)
class _Columns:
    """Levels as plain arrays: small tables are made and joined many times over on the way to one frame."""

    price: np.ndarray
    low: np.ndarray
    high: np.ndarray
    kind: np.ndarray
    turns: np.ndarray
    touches: np.ndarray
    first_seen: np.ndarray
    confirmed_at: np.ndarray
    last_touch: np.ndarray
    strength: np.ndarray
    also: np.ndarray

    @classmethod
    def none(cls) -> _Columns:
        real, whole, words = (
            np.array([], dtype=float),
            np.array([], dtype=np.int64),
            np.array([], dtype=object),
        )
        return cls(real, real, real, words, whole, whole, whole, whole, whole, real, words)

    @classmethod
    def of(
        cls,
        candles: pd.DataFrame,
        step: np.timedelta64,
        named: Sequence[tuple[float, str]],
        half: float,
        known: int = -1,
        first: int = 0,
    ) -> _Columns:
        """Levels of ± half USD seen since the row `first`, known at the close of the row `known` or from the
        start for −1."""
        if not named:
            return cls.none()
        size, micros = len(named), tables.microseconds(candles["time"])
        price = np.array([value for value, _ in named])
        visits, last = touches(candles, price - half, price + half, np.full(size, known))
        since = micros[known] + step.astype("int64") if known >= 0 else micros[0]
        return cls(
            price,
            price - half,
            price + half,
            np.array([kind for _, kind in named], dtype=object),
            np.zeros(size, dtype=np.int64),
            visits,
            np.full(size, micros[first]),
            np.full(size, since),
            micros[np.where(last >= 0, last, max(known, 0))],
            np.array([_BASE[kind] for _, kind in named]),
            np.full(size, "", dtype=object),
        )

    def pick(self, rows: np.ndarray) -> _Columns:
        return _Columns(**{name: values[rows] for name, values in vars(self).items()})

    def join(self, other: _Columns) -> _Columns:
        return _Columns(
            **{name: np.concatenate([values, getattr(other, name)]) for name, values in vars(self).items()}
        )


def _own_prices(own: Sequence[float]) -> list[float]:
    prices = [float(price) for price in own]
    for price in prices:
        if not (np.isfinite(price) and price > 0):
            raise TableError(f"Your level {price:g} is not a price. Give a number above zero, in USD.")
    return sorted(set(prices))


def _swings(
    candles: pd.DataFrame, step: np.timedelta64, pivot_bars: int, lookback: int, merge: float
) -> _Columns:
    """Zones that are still alive at the last candle."""
    zones = zones_of(candles, step, pivot_bars, lookback, merge)
    age = len(candles) - 1 - zones.last_row
    price, low, high, kind, first, confirmed, _, _, turns = (values[age <= lookback] for values in zones)
    age = age[age <= lookback]
    visits, last = touches(candles, low, high, confirmed)
    micros = tables.microseconds(candles["time"])
    return _Columns(
        price,
        low,
        high,
        np.array(SWINGS, dtype=object)[kind],
        turns,
        visits,
        micros[first],
        micros[confirmed] + step.astype("int64"),
        micros[np.where(last >= 0, last, confirmed)],
        (1.0 - np.exp(-turns / 3.0)) * 0.5 ** (age / lookback),
        np.full(len(price), "", dtype=object),
    )


def _volume_levels(window: pd.DataFrame, bins: int) -> list[tuple[float, str]]:
    """Point of control, edges of the value area and the other high nodes; nothing for a lone price."""
    if (window["high"].to_numpy() == window["low"].to_numpy()).all():
        return []
    profile = volume_profile(window, bins)
    if profile.point_of_control is None or profile.value_area is None:
        return []
    low, high = profile.value_area
    found = [
        (profile.point_of_control, "point of control"),
        (high, "value area high"),
        (low, "value area low"),
    ]
    return found + [(node, "volume node") for node in profile.high_nodes if node != profile.point_of_control]


def _round(price: float, spacing: float) -> list[float]:
    """The two round prices below and the two above, a 1 or a 5 followed by zeros apart."""
    power = 10.0 ** np.floor(np.log10(spacing))
    unit = next(unit for unit in (power, 5.0 * power, 10.0 * power) if unit >= spacing)
    base = np.floor(price / unit) * unit
    return [float(value) for value in base + unit * np.arange(-1, 3) if value > 0]


def _fold(swings: _Columns, others: _Columns, reach: float) -> _Columns:
    """Fold levels of other kinds into the nearest swing within reach: two reasons for one price."""
    if not len(others.price) or not len(swings.price):
        return swings.join(others)
    distance = np.abs(others.price[:, None] - swings.price[None, :])
    nearest, folded = distance.argmin(axis=1), distance.min(axis=1) < reach
    out = swings.pick(np.arange(len(swings.price)))
    for row, target in zip(np.flatnonzero(folded), nearest[folded], strict=True):
        if others.kind[row] not in out.also[target]:
            out.also[target] = ", ".join(filter(None, (out.also[target], others.kind[row])))
            out.strength[target] = 1.0 - (1.0 - out.strength[target]) * (1.0 - others.strength[row])
    return out.join(others.pick(np.flatnonzero(~folded)))


def _strongest(levels: _Columns, count: int | None, apart: float) -> _Columns:
    """The strongest levels, none nearer than `apart` USD to a stronger one."""
    kept: list[int] = []
    for row in np.argsort(-levels.strength, kind="stable").tolist():
        if count is not None and len(kept) >= count:
            break
        if not kept or np.abs(levels.price[kept] - levels.price[row]).min() >= apart:
            kept.append(row)
    return levels.pick(np.array(kept, dtype=np.intp))


def _table(levels: _Columns, close: float) -> pd.DataFrame:
    ordered = levels.pick(np.argsort(levels.price, kind="stable"))
    role = np.select([ordered.high < close, ordered.low > close], [0, 1], 2)
    columns: dict[str, object] = dict(vars(ordered))
    columns["kind"] = pd.Categorical(ordered.kind, categories=list(KINDS))
    columns["role"] = pd.Categorical.from_codes(role, categories=pd.Index(ROLES))
    columns["also"] = pd.array(ordered.also, dtype="str")
    columns |= {name: stamps(getattr(ordered, name)) for name in ("first_seen", "confirmed_at", "last_touch")}
    return pd.DataFrame({name: columns[name] for name in LEVELS})
