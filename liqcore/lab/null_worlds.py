"""Worlds in which nothing is there to be found, and the same with something planted: what our words are
judged by.

Price is a random walk. Liquidations fall along its path by time, volume, travel or travel into new ground, at
an even or a wandering rate, and know of no level. Planting moves a share of them to one level that price
visited.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from liqcore import tables

START: Final = pd.Timestamp("2026-03-01", tz="UTC")
Null = Literal["time", "volume", "travel", "new ground"]
NULLS: Final[tuple[Null, ...]] = ("time", "volume", "travel", "new ground")
_YEAR = 365 * 1_440
# Steps of the walk within a bar, noise of a fill in log price, hours that count as not visited, and their
# weight.
_STEPS, _FILL, _HOURS, _NEW = 10, 3e-4, 4, 10.0
# Planted events fall into minutes in which price was this near the level.
_NEAR = 3e-3


@dataclass(frozen=True, eq=False)
class World:
    """One world: candles of `minutes` each, liquidations from `start` on, and the level planted or None."""

    candles: pd.DataFrame
    liquidations: pd.DataFrame
    minutes: int
    start: pd.Timestamp
    end: pd.Timestamp
    level: float | None = None


def random_walk(
    rng: np.random.Generator,
    bars: int = 2_880,
    minutes: int = 1,
    volatility: float = 0.6,
    price: float = 28_000.0,
) -> pd.DataFrame:
    """Candles of a random walk with a yearly volatility; volume is lognormal and knows nothing of it."""
    step = volatility * np.sqrt(minutes / _STEPS / _YEAR)
    x = np.log(price) + np.cumsum(rng.standard_normal(bars * _STEPS) * step).reshape(bars, _STEPS)
    before = np.concatenate([[np.log(price)], x[:-1, -1]])
    volume = rng.lognormal(3.0, 0.8, bars)
    return tables.candles(
        pd.DataFrame(
            {
                "time": START + pd.to_timedelta(np.arange(bars) * minutes, unit="min"),
                "open": np.exp(before),
                "high": np.exp(np.maximum(x.max(axis=1), before)),
                "low": np.exp(np.minimum(x.min(axis=1), before)),
                "close": np.exp(x[:, -1]),
                "volume": volume,
                "taker_buy_volume": volume / 2,
            }
        )
    )


def wandering(rng: np.random.Generator, bars: int, minutes: int = 1, hours: float = 2.0) -> np.ndarray:
    """(bars,) a rate that doubles and halves within hours: exp of an Ornstein-Uhlenbeck process with spread
    1."""
    keep = float(np.exp(-minutes / 60 / hours))
    noise = rng.standard_normal(bars) * np.sqrt(1 - keep**2)
    noise[0] = rng.standard_normal()
    # The sum Σ keep^(t−s)·noise(s), in blocks over which the powers stay in range.
    out, last, block = np.empty(bars), 0.0, 256
    for first in range(0, bars, block):
        part = noise[first : first + block]
        powers = keep ** np.arange(1, len(part) + 1)
        out[first : first + len(part)] = powers * (last + np.cumsum(part / powers))
        last = out[first + len(part) - 1]
    return np.exp(out)


def exciting(
    rng: np.random.Generator, bars: int, first: int, share: float, minutes: int = 1, after: float = 1.0
) -> np.ndarray:
    """(bars,) liquidations a bar where `first` come of themselves and each sets off `share` others, a mean
    of `after` minutes later: a Hawkes process by its branches."""
    made = rng.uniform(0, bars * minutes, first)
    every = [made]
    while len(made):
        parents = np.repeat(made, rng.poisson(share, len(made)))
        made = parents + rng.exponential(after, len(parents))
        every.append(made)
    bar = (np.concatenate(every) // minutes).astype(int)
    return np.bincount(bar[bar < bars], minlength=bars).astype(float)


def with_margins(rng: np.random.Generator, made: World, margins: Mapping[float, float]) -> World:
    """The world as a venue prints it that names bankruptcy prices: each order stands its margin beyond the
    trade; `margins` are the shares of each (log price)."""
    drawn = rng.choice(list(margins), len(made.liquidations), p=list(margins.values()))
    way = np.where(made.liquidations["side"] == "long", -1.0, 1.0)
    printed = made.liquidations.assign(price=made.liquidations["price"] * np.exp(way * drawn))
    return replace(made, liquidations=tables.liquidations(printed.drop(columns="quantity")))


def events_along(
    rng: np.random.Generator,
    candles: pd.DataFrame,
    number: int,
    kind: Null = "travel",
    *,
    start: pd.Timestamp | None = None,
    minutes: int = 1,
    rate: np.ndarray | None = None,
    venue: str = "Alder",
) -> pd.DataFrame:
    """A liquidations table with `number` events a side that fall along the path, and know of no level."""
    sides = [_side(rng, candles, number, kind, side, start, minutes, rate) for side in tables.SIDES]
    return tables.liquidations(pd.concat(sides).assign(venue=venue))


def _side(
    rng: np.random.Generator,
    candles: pd.DataFrame,
    number: int,
    kind: Null,
    side: str,
    start: pd.Timestamp | None,
    minutes: int,
    rate: np.ndarray | None,
) -> pd.DataFrame:
    low, high, opened, closed = (
        np.log(candles[name].to_numpy()) for name in ("low", "high", "open", "close")
    )
    if side == "short":
        # Shorts are longs of the mirrored path.
        low, high, opened, closed = -high, -low, -opened, -closed
    fall = np.where(closed >= opened, (opened - low) + (high - closed), high - low)
    n = max(_HOURS * 60 // minutes, 1)
    before = sliding_window_view(np.concatenate([np.full(n, low[0]), low])[:-1], n).min(axis=1)
    new = np.clip(before - low, 0.0, high - low)
    weight = {
        "time": np.ones(len(low)),
        "volume": candles["volume"].to_numpy(),
        "travel": fall,
        "new ground": fall + _NEW * new,
    }[kind]
    weight = weight * (1.0 if rate is None else rate)
    if start is not None:
        weight = weight * (candles["time"] >= start).to_numpy()
    bar = rng.choice(len(low), number, p=weight / weight.sum())
    height = high[bar] - low[bar]
    if kind == "new ground":
        fresh = rng.random(number) < _NEW * new[bar] / np.maximum(fall + _NEW * new, 1e-12)[bar]
        height = np.where(fresh, new[bar], height)
    x = low[bar] + rng.random(number) * height
    x = (x if side == "long" else -x) + rng.normal(0, _FILL, number)
    return pd.DataFrame(
        {
            "time": _within(rng, candles, bar, minutes),
            "side": side,
            "price": np.exp(x),
            "notional": rng.lognormal(9.0, 1.5, number),
        }
    )


def _within(
    rng: np.random.Generator, candles: pd.DataFrame, bar: np.ndarray, minutes: int
) -> pd.DatetimeIndex:
    moments = pd.to_timedelta(rng.random(len(bar)) * minutes * 60, unit="s").as_unit("us")
    return pd.DatetimeIndex(candles["time"])[bar] + moments


def plant(
    rng: np.random.Generator,
    candles: pd.DataFrame,
    liquidations: pd.DataFrame,
    share: float,
    level: float,
    *,
    width: float = 15e-4,
    side: str = "long",
    start: pd.Timestamp | None = None,
    minutes: int = 1,
) -> pd.DataFrame:
    """Move a share of a side's events to within `width` (log price) around a level that price visited."""
    near = (np.log(candles["low"]) <= np.log(level) + _NEAR) & (
        np.log(candles["high"]) >= np.log(level) - _NEAR
    )
    if start is not None:
        near &= candles["time"] >= start
    rows = np.flatnonzero((liquidations["side"] == side).to_numpy())
    moved = rng.choice(rows, round(share * len(rows)), replace=False)
    bar = rng.choice(np.flatnonzero(near.to_numpy()), len(moved))
    out = liquidations[["time", "side", "price", "notional", "venue"]].copy()
    time, price = tables.microseconds(out["time"]).copy(), out["price"].to_numpy().copy()
    time[moved] = tables.microseconds(pd.Series(_within(rng, candles, bar, minutes)))
    price[moved] = level * np.exp(rng.uniform(-width / 2, width / 2, len(moved)))
    out["time"], out["price"] = pd.DatetimeIndex(time.astype("datetime64[us]"), tz="UTC"), price
    return tables.liquidations(out)


def visited(rng: np.random.Generator, candles: pd.DataFrame, start: pd.Timestamp | None = None) -> float:
    """A price that was traded, chosen by time spent there, USD."""
    part = candles if start is None else candles[candles["time"] >= start]
    bar = part.iloc[int(rng.integers(len(part)))]
    return float(rng.uniform(bar["low"], bar["high"]))


def world(
    seed: int,
    number: int = 300,
    kind: Null = "travel",
    *,
    hours: float = 24.0,
    planted: float = 0.0,
    width: float = 15e-4,
    wander: bool = False,
    excited: float = 0.0,
    volatility: float = 0.6,
    minutes: int = 1,
    past_hours: float = 24.0,
) -> World:
    """One venue over the last `hours` of a walk, `number` events a side, a share of the longs at one
    level; at a rate that wanders, or where each liquidation sets off a share `excited` of another."""
    rng = np.random.default_rng(seed)
    candles = random_walk(rng, int((hours + past_hours) * 60 // minutes), minutes, volatility)
    start = START + pd.Timedelta(hours=past_hours)
    end = start + pd.Timedelta(hours=hours)
    rate = wandering(rng, len(candles), minutes) if wander else None
    if excited:
        first = max(round(number * (1 - excited) * (hours + past_hours) / hours), 1)
        rate = exciting(rng, len(candles), first, excited, minutes) + 1e-12
    events = events_along(rng, candles, number, kind, start=start, minutes=minutes, rate=rate)
    if not planted:
        return World(candles, events, minutes, start, end)
    level = visited(rng, candles, start)
    events = plant(rng, candles, events, planted, level, width=width, start=start, minutes=minutes)
    return World(candles, events, minutes, start, end, level)
