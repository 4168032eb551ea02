"""What a reading observes, beside how often the same holds at prices chosen by chance.

Control levels lie as far from price as the level in question, on both sides, at earlier moments of the same
market. Each observation is worth how unusual it is there, and the verdict is the rank of the sum among the
controls: whatever the observations have to do with one another, a level chosen by chance is in the outer
tenth of its controls one time in ten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import ClusterStory
from liqcore.heat.ground import Ground
from liqcore.heat.venue_shows import venue_grounds
from liqcore.heat.verdicts import one_order
from liqcore.heat.votes import held, vote
from liqcore.market.candles import atr
from liqcore.market.flow import funding_extremes, momentum
from liqcore.market.levels import key_levels
from liqcore.market.signals import find_signals
from liqcore.reading.heat_steps import Place, heat_between
from liqcore.reading.known import Known
from liqcore.reading.price_steps import ONE_SIDED, RECENT, takers_of

Balance = Literal["mostly for", "mixed", "mostly against", "cannot say"]

# Moments at which controls stand, two each; fewer than so many controls say nothing.
_MOMENTS, _LEAST = 24, 19
# A level is mostly for or against in the outer tenth of its controls.
_TAIL = 0.1
# Controls lie within so much of the level's distance from price.
_JITTER = 0.25
# Bars in which key levels are looked for, and before which nothing is usual yet.
_KEY_BARS, _WARM = 500, 60
_NEAREST = 1e-4
# ATR, or tolerances where ATR is not known, within which momentum and flow say something about a level.
NEAR_ATR, NEAR_TOLERANCES = 3.0, 4.0
AT_LEVEL = ("rejection", "recapture", "breakout", "false breakout", "retest", "cvd divergence")


class Rate(NamedTuple):
    """One observation: whether it holds at the level, which way it speaks, how often it holds at the
    controls, and what it is worth here (0 on average at a level chosen by chance)."""

    holds: bool
    sign: int
    base_rate: float
    worth: float


@dataclass(frozen=True)
class Weighed:
    """A level beside its controls: the verdict, the share of controls that lean as far towards `for`, their
    number, and each observation by name."""

    balance: Balance
    rank: float
    controls: int
    rates: Mapping[str, Rate]


@dataclass(frozen=True, eq=False)
class Controls:
    """Earlier moments of a market, made once for a map and used for every level read on it.

    `bars` (M + 1,) are their bars, the newest last, and `columns` those of the map; `marks` the key levels
    known at each. `lean` holds, by name, what momentum and flow said then: +1 bullish, −1 bearish, 0 nothing.
    """

    bars: np.ndarray
    columns: np.ndarray
    marks: tuple[np.ndarray, ...]
    close: np.ndarray
    usual: np.ndarray
    before: np.ndarray
    lean: Mapping[str, np.ndarray]
    grounds: tuple[Ground, ...]
    # The orders of all venues together, which say how long a window is; None without venues.
    ground: Ground | None

    @property
    def moments(self) -> int:
        return len(self.bars) - 1


def controls_of(known: Known, story: ClusterStory | None) -> Controls | None:
    """The moments of a map and its candles; None where too little past is known."""
    if known.grid is None or story is None or len(known.bars) < _WARM + RECENT:
        return None
    bars, ends = known.bars, tables.microseconds(known.bars["time"]) + known.step.astype("int64")
    closing = known.grid.time_edges[1:].astype("int64")
    column = np.searchsorted(closing, ends, "right") - 1
    filled = known.grid.time_edges.astype("int64")[0] + (0 if known.grid.is_stock else 24 * 3_600_000_000)
    good = np.flatnonzero((column >= 0) & (np.arange(len(bars)) >= min(_KEY_BARS, len(bars) // 2)))
    full = good[ends[good] >= filled]
    good = full if len(full) >= 2 * _MOMENTS else good[len(good) // 3 :]
    good = good[good < len(bars) - RECENT]
    if len(good) == 0:
        return None
    chosen = np.unique(good[np.linspace(0, len(good) - 1, _MOMENTS).astype(np.intp)])
    rows = np.append(chosen, len(bars) - 1)
    window = min(_KEY_BARS, int(chosen[0]) + 1)
    marks = tuple(_marks(bars.iloc[max(row + 1 - window, 0) : row + 1], known.step) for row in rows.tolist())
    close = bars["close"].to_numpy()
    grounds, ground = _grounds(known)
    return Controls(
        bars=rows,
        columns=np.append(column[chosen], known.grid.shape[0] - 1),
        marks=marks,
        close=close[rows],
        usual=np.nan_to_num(atr(bars, timeframe=known.step)[rows]),
        before=close[np.maximum(rows - RECENT, 0)],
        lean=_lean(known, rows, ends),
        grounds=grounds,
        ground=ground,
    )


def _marks(bars: pd.DataFrame, step: np.timedelta64) -> np.ndarray:
    table = key_levels(bars, timeframe=step, count=None, spacing=0.0).table
    return table.loc[table["kind"].astype(str) != "own", "price"].to_numpy()


def _lean(known: Known, rows: np.ndarray, ends: np.ndarray) -> dict[str, np.ndarray]:
    """What momentum, takers and funding said at some bars."""
    bars = known.bars
    state = momentum(bars, timeframe=known.step)["rsi_state"].astype(str).to_numpy()[rows]
    takers = np.array([takers_of(bars.iloc[: row + 1], known.step) or 0.0 for row in rows.tolist()])
    out = {
        "rsi": (state == "strong").astype(int) - (state == "weak").astype(int),
        "takers": np.sign(takers).astype(int) * (np.abs(takers) >= ONE_SIDED),
    }
    if known.funding is not None and len(known.funding):
        table = funding_extremes(known.funding)
        when = tables.microseconds(table["time"])
        extreme = table["extreme"].to_numpy(dtype=bool)
        rate = table["rate_8h"].to_numpy()
        at = np.searchsorted(when, ends[rows], "right") - 1
        crowd = np.where((at >= 0) & extreme[np.maximum(at, 0)], -np.sign(rate[np.maximum(at, 0)]), 0)
        out["funding"] = crowd.astype(int)
    return out


def _grounds(known: Known) -> tuple[tuple[Ground, ...], Ground | None]:
    """The grounds of the venues, and that of all together; none of them with fewer than two."""
    if len(known.venues) < 2 or known.grid is None or known.grid.is_stock:
        return (), None
    kinds = {grid.kind for grid in known.venues.values()}
    if kinds != {"realised"}:
        return (), None
    prices = dict.fromkeys(known.venues, known.candles if len(known.candles) else None)
    grounds, ground = venue_grounds(known.venues, prices, known.liquidations)
    return tuple(grounds), ground


def weigh(
    known: Known, place: Place, controls: Controls | None, story: ClusterStory | None, rule: ClusterRule
) -> Weighed:
    """Judge a level by the rank of what is observed there among its controls."""
    if controls is None or story is None or known.price is None:
        return Weighed("cannot say", 1.0, 0, {})
    moments = np.repeat(np.arange(controls.moments), 2)
    away = max(abs(float(np.log(place.level / known.price))), _NEAREST)
    jitter = 1 + _JITTER * (2 * ((np.arange(len(moments)) * 7) % len(moments)) / max(len(moments) - 1, 1) - 1)
    side = np.where(np.arange(len(moments)) % 2, -1.0, 1.0)
    level = np.append(controls.close[moments] * np.exp(side * away * jitter), place.level)
    which = np.append(moments, controls.moments)
    seen = observed(known, place, controls, story, rule, level, which)
    m = len(moments)
    score, rates = np.zeros(m + 1), {}
    for name, (sign, holds) in seen.items():
        # The level is one of the places, so that it is as likely as any to be the odd one.
        base = (holds.sum() + 0.5) / (m + 2)
        worth = sign * (holds - base) / np.sqrt(base * (1 - base))
        score += worth
        rates[name] = Rate(bool(holds[-1]), sign, float(holds[:-1].mean()), float(worth[-1]))
    above = (1 + (score[:-1] >= score[-1] - 1e-9).sum()) / (m + 1)
    below = (1 + (score[:-1] <= score[-1] + 1e-9).sum()) / (m + 1)
    balance: Balance = "mixed"
    if m < _LEAST:
        balance = "cannot say"
    elif above <= _TAIL:
        balance = "mostly for"
    elif below <= _TAIL:
        balance = "mostly against"
    return Weighed(balance, float(above), m, rates)


def observed(
    known: Known,
    place: Place,
    controls: Controls,
    story: ClusterStory,
    rule: ClusterRule,
    level: np.ndarray,
    which: np.ndarray,
) -> dict[str, tuple[int, np.ndarray]]:
    """Every observation at levels (B,) of moments (B,): which way it speaks, and where it holds (B,) bool."""
    low, high = level * np.exp(-place.tolerance), level * np.exp(place.tolerance)
    out = {
        "marked": (1, _marked(controls, level, which, place.tolerance)),
        "band": (1, _banded(story, place, controls.columns[which], low, high)),
    }
    if controls.grounds:
        out["venues"] = (1, _agreed(place, controls, rule, controls.columns[which], low, high))
    now, before = heat_between(known, place, low, high, controls.columns[which])
    out["more"] = (1, (now > 0) & ((before <= 0) | (now >= rule.growth * before)))
    out["less"] = (-1, (before > 0) & (now <= rule.decay * before))
    close, usual, was = controls.close[which], controls.usual[which], controls.before[which]
    apart, earlier = np.abs(close - level), np.abs(was - level)
    sits = np.where(usual > 0, np.minimum(place.tolerance * level, 0.5 * usual), place.tolerance * level)
    least = np.where(usual > 0, 0.5 * usual, place.tolerance * level / 4)
    crossed = ((was - level) * (close - level) < 0) & (apart > sits)
    out["crossed"] = (-1, crossed)
    out["leaving"] = (-1, ~crossed & (apart > sits) & (apart - earlier >= least))
    near = np.where(usual > 0, apart <= NEAR_ATR * usual, apart <= NEAR_TOLERANCES * place.tolerance * level)
    # A level below the price is read as support, which holds where buyers win.
    holds = np.where(level < close, 1, -1)
    action = _signals(known, controls, level, which)
    for name, way in {**{name: lean[which] for name, lean in controls.lean.items()}, **action}.items():
        out[f"{name} for"] = (1, near & (way * holds > 0))
        out[f"{name} against"] = (-1, near & (way * holds < 0))
    return out


def _marked(controls: Controls, level: np.ndarray, which: np.ndarray, tolerance: float) -> np.ndarray:
    wide = max((len(one) for one in controls.marks), default=0)
    if not wide:
        return np.zeros(len(level), dtype=bool)
    marks = np.full((len(controls.marks), wide), np.inf)
    for row, found in enumerate(controls.marks):
        marks[row, : len(found)] = found
    return (np.abs(np.log(marks[which] / level[:, None])) <= tolerance).any(axis=1)


def _banded(
    story: ClusterStory, place: Place, columns: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Where a cluster stood out within the tolerance, in the column of each level."""
    found = story.standing
    if place.side is not None:
        found = found[found["side"] == place.side]
    column = found["column"].to_numpy()
    inside = (found["low"].to_numpy() <= high[:, None]) & (found["high"].to_numpy() >= low[:, None])
    return (inside & (column == columns[:, None])).any(axis=1)


def _agreed(
    place: Place,
    controls: Controls,
    rule: ClusterRule,
    columns: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """Where two venues or more are hot, and no single order holds most of the USD."""
    grounds, ground = controls.grounds, controls.ground
    assert ground is not None
    out = np.zeros(len(columns), dtype=bool)
    rows = np.minimum(columns, grounds[0].shape[0] - 1)
    for code, name in enumerate(tables.SIDES):
        if place.side in (None, name):
            since = ground.since(code, rule.window)[rows]
            found = vote(grounds, code, rows, since, low, high)
            # Few places get so far, so these are asked one by one.
            for i in np.flatnonzero(found.hot.sum(axis=0) >= 2).tolist():
                edges = (low[i], high[i]), (found.low[i], found.high[i])
                there = (held(grounds, code, rows[i], since[i], *pair).order_share for pair in edges)
                out[i] |= not one_order(max(there))
    return out


def _signals(known: Known, controls: Controls, level: np.ndarray, which: np.ndarray) -> dict[str, np.ndarray]:
    """The latest signal at each level, and the latest of momentum, in its last bars: +1 bullish, −1
    bearish."""
    table = find_signals(known.bars, list(level), timeframe=known.step).table
    table = table[~table["name"].astype(str).str.startswith("funding")]
    until = tables.microseconds(known.bars["time"])[controls.bars[which]] + known.step.astype("int64")
    when = tables.microseconds(table["known_at"])
    recent = (when <= until[:, None]) & (when > (until - RECENT * known.step.astype("int64"))[:, None])
    at = recent & (table["level"].to_numpy() == level[:, None])
    free = recent & table["level"].isna().to_numpy()
    way = np.where(table["side"].astype(str) == "bullish", 1, -1)

    def latest(mask: np.ndarray) -> np.ndarray:
        if not len(way):
            return np.zeros(len(level), dtype=int)
        last = mask.shape[1] - 1 - mask[:, ::-1].argmax(axis=1)
        return np.where(mask.any(axis=1), way[last], 0)

    return {"action": latest(at), "momentum": latest(free)}
