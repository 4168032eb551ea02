"""Practice on a market whose future is hidden: a window by seed, one bar at a time, forecasts before the
reveal.

A `Round` holds the whole window on the server; what a page may draw or send is what `visible` returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.learn.trades import TradeResult, run_trade
from liqcore.market.candles import atr, bar_length, resample
from liqcore.risk import Plan

Question = Literal["touches", "rejects", "breaks"]
QUESTIONS: tuple[Question, ...] = ("touches", "rejects", "breaks")
# Where the calendar of an undated round begins: a date that nobody can look up.
FIRST_DAY: Final = np.datetime64("2001-01-01", "D")
_LEAST_FILLED: Final = 0.95
_NOT_MOVED: Final = np.timedelta64(0, "us")


class ReplayError(ValueError):
    """A round that cannot be played, said in one sentence."""


@dataclass(frozen=True, eq=False)
class Visible:
    """What may be shown after `step` bars of the hidden future: nothing at or after `at` that was not known
    then."""

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
                raise ReplayError(
                    f"The probability for {name!r} must lie between 0 and 1, for instance 0.3 for 30 %."
                )


@dataclass(frozen=True)
class BaseRates:
    """How often each outcome followed in the past from a level as far away; `starts` bars were tried, `bars`
    looked ahead."""

    touches: float
    rejects: float
    breaks: float
    starts: int
    bars: int


@dataclass(frozen=True, eq=False)
class Round:
    """One round: `history` bars to look at, `hidden` bars to come, of `timeframe`. Two people with one seed
    face the same.

    In an undated round all times are moved by whole days, so that the first drawn day is `FIRST_DAY`; `dated`
    tells the true time.
    """

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
    _moved: np.timedelta64 = _NOT_MOVED

    def dated(self, step: int) -> np.datetime64:
        """The true moment after `step` hidden bars: for the end of a round, because it gives the future
        away."""
        return self.at(step) - self._moved

    def at(self, step: int) -> np.datetime64:
        """The moment after `step` hidden bars (0 to `hidden`)."""
        if not 0 <= step <= self.hidden:
            raise ReplayError(f"This round has {self.hidden} hidden bars; there is no step {step}.")
        return self.start + (self.history + step) * tables.timeframe(self.timeframe)

    def visible(self, step: int) -> Visible:
        """The window's tables, cut after `step` hidden bars; a liquidation counts once it has arrived."""
        return self._known(self.start, self.at(step))

    def known(self, step: int, lead: np.timedelta64 | None = None) -> Visible:
        """The same with what came up to `lead` before the window (all of it for None): what a model may be
        fed with."""
        return self._known(None if lead is None else self.start - lead, self.at(step))

    def _known(self, start: np.datetime64 | None, at: np.datetime64) -> Visible:
        inside, after = _rows(self._liquidations, start, at), at + np.timedelta64(1, "us")
        return Visible(
            at,
            _between(self._candles, start, at - bar_length(self._candles) + np.timedelta64(1, "us")),
            self._liquidations[inside][self._arrivals[inside] <= at].reset_index(drop=True),
            _between(self._open_interest, start, after, "open_interest"),
            _between(self._funding, start, after, "funding"),
        )

    def future(self, step: int, until: int | None = None) -> pd.DataFrame:
        """Candles after `step`, up to `until` (by default the end): for grading, never for drawing."""
        return _between(self._candles, self.at(step), self.at(self.hidden if until is None else until))

    def trade(self, plan: Plan, step: int, now: int | None = None) -> TradeResult:
        """A plan placed at `step`, as it stands at step `now`; at the end of the round it is closed."""
        now = self.hidden if now is None else now
        return run_trade(plan, self.future(step, now), close_at_end=now == self.hidden)

    def outcomes(self, forecast: Forecast) -> dict[Question, bool]:
        """Which of the three things happened in the hidden bars after the forecast's step (see
        `level_outcomes`)."""
        seen = self.visible(forecast.step)
        bars = resample(self.future(forecast.step), self.timeframe, source=bar_length(self._candles))
        return level_outcomes(bars, forecast.level, float(seen.candles["close"].iloc[-1]))

    def base_rates(self, level: float, step: int) -> BaseRates | None:
        """Base rates for a level (USD) from `step` to the end of the round, from what was known at that
        step."""
        if step >= self.hidden:
            return None
        return base_rates(
            self.known(step).candles,
            level,
            hidden=self.hidden - step,
            timeframe=self.timeframe,
            before=self.at(step),
        )


def make_round(
    candles: pd.DataFrame,
    liquidations: pd.DataFrame | None = None,
    *,
    seed: int,
    timeframe: str = "15m",
    history: int = 96,
    hidden: int = 24,
    open_interest: pd.DataFrame | None = None,
    funding: pd.DataFrame | None = None,
    arrivals: np.ndarray | None = None,
    undated: bool = False,
) -> Round:
    """A random window of a market.

    Parameters
    ----------
    candles, liquidations, open_interest, funding : tables; only candles are needed.
    seed : chooses the window, and nothing else does. history, hidden : bars of `timeframe`.
    arrivals : (n,) datetime64 when each liquidation was known; by default when it happened.
    undated : move all times by whole days, so that nobody can look the future up.

    Raises
    ------
    ReplayError
        No window with as many candles (95 of 100 must be there), or a seed below zero. TableError for tables
        that cannot be read.
    """
    bars = tables.ensure(candles, "candles")
    events = (
        tables.empty("liquidations") if liquidations is None else tables.ensure(liquidations, "liquidations")
    )
    length = tables.timeframe(timeframe)
    need = (history + hidden) * length
    if seed < 0 or history < 1 or hidden < 1:
        raise ReplayError("A round needs a seed of zero or more, and one or more bars to see and to come.")
    times = tables.microseconds(bars["time"])
    if len(times) < 2:
        raise ReplayError(
            "There are no candles to practise on. Choose the sample market or add a candles file."
        )
    step = bar_length(bars)
    if length < step or length % step:
        raise ReplayError(
            f"These candles are {wording.duration(step)} long, so bars of {timeframe} cannot be"
            " made of them. Choose a timeframe that is a multiple of that."
        )
    first = -(-times[0] // length.astype("int64"))
    last = (times[-1] + step.astype("int64") - need.astype("int64")) // length.astype("int64")
    if last < first:
        raise ReplayError(
            f"The market is shorter than one round of {history + hidden} bars of {timeframe}. Choose a"
            " shorter timeframe or fewer bars."
        )
    places = _filled(
        times, np.arange(first, last + 1) * length.astype("int64"), need.astype("int64"), step.astype("int64")
    )
    if not places.size:
        raise ReplayError(
            "No stretch of these candles is long enough and free of gaps. Choose a shorter timeframe or"
            " another file."
        )
    start = places[int(np.random.default_rng(seed).integers(places.size))].astype("datetime64[us]")
    moved = (FIRST_DAY - start.astype("datetime64[D]")).astype("timedelta64[us]") if undated else _NOT_MOVED
    moments = (
        tables.microseconds(events["time"]).view("datetime64[us]")
        if arrivals is None
        else np.asarray(arrivals)
    )
    rows = _rows(events, None, start + need)
    given = {"candles": bars, "liquidations": events, "open_interest": open_interest, "funding": funding}
    held = {kind: _moved(_between(table, None, start + need, kind), moved) for kind, table in given.items()}
    return Round(
        seed,
        timeframe,
        history,
        hidden,
        start + moved,
        held["candles"],
        held["liquidations"],
        held["open_interest"],
        held["funding"],
        moments[rows] + moved,
        moved,
    )


def level_outcomes(bars: pd.DataFrame, level: float, price: float) -> dict[Question, bool]:
    """What became of a level, seen from `price`: bars closed on which side of it, and was it reached.

    `touches`: a bar's range holds the level, or lies beyond it. `breaks`: the last bar closes beyond the
    level, seen from `price`. `rejects`: it was touched, and the last bar closes on the near side. So touched
    is rejected or broken.
    """
    up = level >= price
    reached = bool((bars["high"] >= level).any() if up else (bars["low"] <= level).any())
    beyond = bool(len(bars)) and bool(
        bars["close"].iloc[-1] > level if up else bars["close"].iloc[-1] < level
    )
    return {"touches": reached, "rejects": reached and not beyond, "breaks": reached and beyond}


def base_rates(
    candles: pd.DataFrame, level: float, *, hidden: int, timeframe: str, before: object, least: int = 30
) -> BaseRates | None:
    """How often a level at this distance, in average true ranges, was touched, rejected or broken in bars
    known by then.

    Every bar of the past is taken as a start, with a level as many ranges away on the same side; volatility
    is thus matched by measuring distance in it. Windows overlap, so the number of independent cases is
    smaller than it looks.

    Parameters
    ----------
    candles : candles table. level : USD. before : moment, UTC; nothing later is used. least : starts needed.

    Returns
    -------
    BaseRates, or None where the past is too short.
    """
    until = tables.to_datetime64(before)
    given = tables.ensure(candles, "candles")
    step = bar_length(given)
    known = given.iloc[
        : int(np.searchsorted(tables.microseconds(given["time"]), (until - step).astype("int64"), "right"))
    ]
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
    return BaseRates(
        float(reached.mean()),
        float((reached & ~beyond).mean()),
        float((reached & beyond).mean()),
        len(starts),
        hidden,
    )


def _filled(times: np.ndarray, starts: np.ndarray, need: np.int64, step: np.int64) -> np.ndarray:
    """The starts (microseconds) of windows that hold nearly all of their candles."""
    inside = np.searchsorted(times, starts + need) - np.searchsorted(times, starts)
    return starts[inside >= _LEAST_FILLED * (need // step)]


def _moved(table: pd.DataFrame, by: np.timedelta64) -> pd.DataFrame:
    return table if by == _NOT_MOVED else table.assign(time=table["time"] + pd.Timedelta(by))


def _rows(table: pd.DataFrame, start: np.datetime64 | None, end: np.datetime64) -> slice:
    times = tables.microseconds(table["time"])
    return slice(
        0 if start is None else int(np.searchsorted(times, start.astype("int64"))),
        int(np.searchsorted(times, end.astype("int64"))),
    )


def _between(
    table: pd.DataFrame | None, start: np.datetime64 | None, end: np.datetime64, kind: str = "candles"
) -> pd.DataFrame:
    checked = tables.empty(kind) if table is None else tables.ensure(table, kind)
    return checked.iloc[_rows(checked, start, end)].reset_index(drop=True)
