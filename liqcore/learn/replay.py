"""Practice on a market whose future is hidden: a window by seed, one bar at a time, forecasts before the reveal.

A `Round` holds the whole window on the server; what a page may draw or send is what `visible` returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.learn.trades import TradeResult, run_trade
from liqcore.market.candles import atr, bar_length, resample
from liqcore.risk import Plan

Question = Literal["touches", "rejects", "breaks"]
QUESTIONS: tuple[Question, ...] = ("touches", "rejects", "breaks")


class ReplayError(ValueError):
    """A round that cannot be played, said in one sentence."""


@dataclass(frozen=True, eq=False)
class Visible:
    """What may be shown after `step` bars of the hidden future: nothing at or after `at` that was not known then."""

    at: np.datetime64
    candles: pd.DataFrame
    liquidations: pd.DataFrame
    open_interest: pd.DataFrame
    funding: pd.DataFrame


@dataclass(frozen=True)
class Forecast:
    """What a player wrote down: probabilities (0 to 1) for a level (USD) within the round's hidden bars."""

    step: int
    level: float
    touches: float
    rejects: float
    breaks: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.level) and self.level > 0):
            raise ReplayError("The level is not a price. Give a number above zero, in USD.")
        for name in QUESTIONS:
            if not 0 <= getattr(self, name) <= 1:
                raise ReplayError(f"The probability for {name!r} must lie between 0 and 1, for instance 0.3 for 30 %.")


@dataclass(frozen=True, eq=False)
class Round:
    """One round: `history` bars to look at, `hidden` bars to come, of `timeframe`. Two people with one seed face the same."""

    seed: int
    timeframe: str
    history: int
    hidden: int
    start: np.datetime64
    _candles: pd.DataFrame
    _liquidations: pd.DataFrame
    _open_interest: pd.DataFrame
    _funding: pd.DataFrame
    _arrivals: np.ndarray

    def at(self, step: int) -> np.datetime64:
        """The moment after `step` hidden bars (0 to `hidden`)."""
        if not 0 <= step <= self.hidden:
            raise ReplayError(f"This round has {self.hidden} hidden bars; there is no step {step}.")
        return self.start + (self.history + step) * tables.timeframe(self.timeframe)

    def visible(self, step: int) -> Visible:
        """The window's tables, cut after `step` hidden bars; a liquidation counts once it has arrived."""
        at = self.at(step)
        times = tables.microseconds(self._liquidations["time"])
        known = (times < at.astype("int64")) & (self._arrivals <= at)
        return Visible(
            at, _between(self._candles, self.start, at - bar_length(self._candles) + np.timedelta64(1, "us")),
            self._liquidations[known].reset_index(drop=True), _between(self._open_interest, self.start, at + np.timedelta64(1, "us"), "open_interest"),
            _between(self._funding, self.start, at + np.timedelta64(1, "us"), "funding"),
        )

    def future(self, step: int, until: int | None = None) -> pd.DataFrame:
        """Candles after `step`, up to `until` (by default the end): for grading, never for drawing."""
        return _between(self._candles, self.at(step), self.at(self.hidden if until is None else until))

    def trade(self, plan: Plan, step: int, now: int | None = None) -> TradeResult:
        """A plan placed at `step`, as it stands at step `now`; at the end of the round it is closed."""
        now = self.hidden if now is None else now
        return run_trade(plan, self.future(step, now), close_at_end=now == self.hidden)

    def outcomes(self, forecast: Forecast) -> dict[Question, bool]:
        """Which of the three things happened in the hidden bars after the forecast's step (see `level_outcomes`)."""
        seen = self.visible(forecast.step)
        bars = resample(self.future(forecast.step), self.timeframe, source=bar_length(self._candles))
        return level_outcomes(bars, forecast.level, float(seen.candles["close"].iloc[-1]))


def make_round(
    candles: pd.DataFrame, liquidations: pd.DataFrame | None = None, *, seed: int, timeframe: str = "15m", history: int = 96, hidden: int = 24,
    open_interest: pd.DataFrame | None = None, funding: pd.DataFrame | None = None, arrivals: np.ndarray | None = None,
) -> Round:
    """A random window of a market.

    Parameters
    ----------
    candles, liquidations, open_interest, funding : tables; only candles are needed.
    seed : chooses the window, and nothing else does. history, hidden : bars of `timeframe`.
    arrivals : (n,) datetime64 when each liquidation was known; by default when it happened.

    Raises
    ------
    ReplayError
        Fewer candles than one window needs, or a seed below zero. TableError for tables that cannot be read.
    """
    bars = tables.ensure(candles, "candles")
    events = tables.empty("liquidations") if liquidations is None else tables.ensure(liquidations, "liquidations")
    length = tables.timeframe(timeframe)
    need = (history + hidden) * length
    if seed < 0 or history < 1 or hidden < 1:
        raise ReplayError("A round needs a seed of zero or more, and one or more bars to see and to come.")
    times = tables.microseconds(bars["time"])
    if len(times) < 2:
        raise ReplayError("There are no candles to practise on. Choose the sample market or add a candles file.")
    first = -(-times[0] // length.astype("int64"))
    last = (times[-1] + bar_length(bars).astype("int64") - need.astype("int64")) // length.astype("int64")
    if last < first:
        raise ReplayError(f"The market is shorter than one round of {history + hidden} bars of {timeframe}. Choose a shorter timeframe or fewer bars.")
    place = int(np.random.default_rng(seed).integers(first, last + 1))
    start = np.datetime64(place * int(length.astype("int64")), "us")
    moments = tables.microseconds(events["time"]).view("datetime64[us]") if arrivals is None else np.asarray(arrivals)
    inside = _rows(events, start, start + need)
    return Round(
        seed, timeframe, history, hidden, start, _between(bars, start, start + need), events[inside].reset_index(drop=True),
        _between(open_interest, start, start + need, "open_interest"), _between(funding, start, start + need, "funding"), moments[inside],
    )


def level_outcomes(bars: pd.DataFrame, level: float, price: float) -> dict[Question, bool]:
    """What became of a level, seen from `price`: bars closed on which side of it, and was it reached.

    `touches`: a bar's range holds the level, or lies beyond it. `breaks`: the last bar closes beyond the level, seen from
    `price`. `rejects`: it was touched, and the last bar closes on the near side. So touched is rejected or broken.
    """
    up = level >= price
    reached = bool((bars["high"] >= level).any() if up else (bars["low"] <= level).any())
    beyond = bool(len(bars)) and bool(bars["close"].iloc[-1] > level if up else bars["close"].iloc[-1] < level)
    return {"touches": reached, "rejects": reached and not beyond, "breaks": reached and beyond}


def base_rates(candles: pd.DataFrame, level: float, *, hidden: int, timeframe: str, before: object, least: int = 30) -> dict[Question, float] | None:
    """How often a level at this distance, in average true ranges, was touched, rejected or broken in bars known by then.

    Every bar of the past is taken as a start, with a level as many ranges away on the same side; volatility is thus
    matched by measuring distance in it. Windows overlap, so the number of independent cases is smaller than it looks.

    Parameters
    ----------
    candles : candles table. level : USD. before : moment, UTC; nothing later is used. least : starts needed.

    Returns
    -------
    Frequencies of the three outcomes, or None where the past is too short.
    """
    until = tables.to_datetime64(before)
    given = tables.ensure(candles, "candles")
    step = bar_length(given)
    known = given.iloc[: int(np.searchsorted(tables.microseconds(given["time"]), (until - step).astype("int64"), "right"))]
    bars = resample(known, timeframe, source=step)
    if len(bars) < hidden + 15 + least:
        return None
    usual, close = atr(bars, timeframe=timeframe), bars["close"].to_numpy()
    distance = (level - close[-1]) / usual[-1]
    if not np.isfinite(distance):
        return None
    starts = np.arange(14, len(bars) - hidden)
    starts = starts[np.isfinite(usual[starts])]
    levels = close[starts] + distance * usual[starts]
    window = np.lib.stride_tricks.sliding_window_view
    after = starts + 1
    if distance >= 0:
        reached = window(bars["high"].to_numpy(), hidden)[after].max(axis=1) >= levels
        beyond = close[starts + hidden] > levels
    else:
        reached = window(bars["low"].to_numpy(), hidden)[after].min(axis=1) <= levels
        beyond = close[starts + hidden] < levels
    if len(starts) < least:
        return None
    return {"touches": float(reached.mean()), "rejects": float((reached & ~beyond).mean()), "breaks": float((reached & beyond).mean())}


def _rows(table: pd.DataFrame, start: np.datetime64, end: np.datetime64) -> slice:
    first, last = np.searchsorted(tables.microseconds(table["time"]), [start.astype("int64"), end.astype("int64")])
    return slice(int(first), int(last))


def _between(table: pd.DataFrame | None, start: np.datetime64, end: np.datetime64, kind: str = "candles") -> pd.DataFrame:
    checked = tables.empty(kind) if table is None else tables.ensure(table, kind)
    return checked.iloc[_rows(checked, start, end)].reset_index(drop=True)
