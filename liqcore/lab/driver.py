"""What drives the price and the bustle from outside, day by day: volatility that persists, news, the week.

A minute's usual move is the product of a weekly rhythm, of a log-volatility in three speeds (days, hours and
half hours, squeezed so that no regime runs away), and of the unrest that news leaves behind. News comes when
it has been quiet for a while, is in the price within minutes, and is often followed by smaller ones over the
next hours, either way. Short-lived deviations from the path make the wicks. Nothing here knows a position.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import numpy as np

from liqcore.lab.world import MINUTES_PER_DAY, Regime

LEGS: Final = 4
FACTORS: Final = 5
COLUMNS: Final = FACTORS + 5 + 2 * LEGS
_NEWS: Final = slice(FACTORS, FACTORS + 3)
_FLURRIES: Final = slice(FACTORS + 3, FACTORS + 5)
_DEVIATIONS: Final = slice(FACTORS + 5, COLUMNS)
# How busy each hour of a weekday is, UTC (mean 1): quiet after midnight, busiest when the American day
# begins.
_NIGHT: Final = (0.96, 0.82, 0.72, 0.67, 0.62, 0.62, 0.67, 0.77, 0.86, 0.91, 0.86, 0.82)
_DAYTIME: Final = (0.91, 1.25, 1.68, 1.63, 1.49, 1.30, 1.15, 1.06, 1.01, 0.91, 0.86, 0.91)
_HOURS: Final = np.array([*_NIGHT, *_DAYTIME])
_WEEKEND: Final = 0.55
_FIRST_WEEKEND_DAY: Final = 5
# Volatility swings less over the week than trading does.
_CALMER: Final = 0.55
# Half-lives in minutes and weights of the log-volatility's three speeds, then of the activity's own two.
_HALF_LIVES: Final = (2_880.0, 240.0, 25.0, 120.0, 3.0)
_WEIGHTS: Final = (0.45, 0.7, 0.55, 0.8, 0.6)
# How far the log-volatility goes below and above the usual one at most.
_SQUEEZE: Final = (0.5, 0.9)
_NEWS_MINUTES: Final = 1.5
# At first news moves the price too far, by this part, and that comes back within some minutes.
_OVERSHOOT: Final = 0.6
_BACK_MINUTES: Final = 14.0
_AFTERSHOCK_MINUTES: Final = 70.0
_SAME_WAY: Final = 0.6
# Bad news falls faster than good news lifts.
_DOWN, _UP = 1.2, 0.85
# Unrest after news fades in three speeds, as parts of it and as minutes: about a power law.
_UNREST: Final = ((0.4, 20.0), (0.35, 200.0), (0.25, 900.0))
# A flurry of orders lasts minutes; one comes about every so many minutes of a busy day.
_FLURRY_MINUTES: Final = 5.0
_FLURRY_EVERY: Final = 70.0
_BOUNCE_MINUTES: Final = 3.0
_PULL_MINUTES: Final = 75.0
_RUSH: Final = 0.9
# Flow of a minute without any move, as a part of the usual one.
_STANDING: Final = 0.1
# A minute's usual move in a market that has none of its own.
_PLAIN_MOVE: Final = 3e-4
# So that the flow of a calm world is 1 on average.
_FLOW_MEAN: Final = 2.2


@dataclass(frozen=True)
class News:
    """Where the news stands: `pool` is its log-return that is not yet in the price, `excess` what has to come
    back of it, `parent` the last main news, `due` the aftershocks still expected, `quiet` minutes since that
    news, `unrest` what it left behind.
    """

    pool: float = 0.0
    excess: float = 0.0
    parent: float = 0.0
    due: float = 0.0
    quiet: float = 0.0
    unrest: tuple[float, ...] = (0.0,) * len(_UNREST)


@dataclass(frozen=True)
class Deviation:
    """How far the price is off its path: `bounce` and `pull` in usual moves, `away` as a log-return."""

    bounce: float = 0.0
    pull: float = 0.0
    away: float = 0.0


@dataclass(frozen=True)
class Carry:
    """What one day hands to the next: states of the log-volatility's and the activity's `factors`, of the
    news, of the last `flurry`, of the deviation, and `rush`, the faded sum of the last minutes' log-returns.
    """

    factors: tuple[float, ...] = (0.0,) * FACTORS
    news: News = News()
    flurry: float = 0.0
    deviation: Deviation = Deviation()
    rush: float = 0.0


@dataclass(frozen=True)
class Drive:
    """A day's outer conditions. T = 1440 minutes.

    `returns` (T, LEGS) log-returns of the index, `scale` (T,) the minute's usual move, `level` (T,) how busy
    the minute is before its own move counts, `flow` (T,) how much is traded in it, 1 being usual.
    """

    returns: np.ndarray
    scale: np.ndarray
    level: np.ndarray
    flow: np.ndarray


def drive(
    u: np.ndarray,
    legs: np.ndarray,
    regime: Regime,
    carry: Carry,
    *,
    minute_of_week: int,
    drift: np.ndarray,
    noise: np.ndarray,
    activity: np.ndarray,
) -> tuple[Drive, Carry]:
    """A day's conditions from uniforms `u` (T, COLUMNS) and moves `legs` (T, LEGS) of unit variance.

    The day begins `minute_of_week` minutes after Monday's midnight, UTC. `drift` (T,) is added to the
    log-return; `noise` and `activity` (T,) scale volatility and flow.
    """
    busy = rhythm(minute_of_week)
    scale, entering, factors, news, flurry = _volatility(u, regime, carry, busy)
    usual = regime.volatility * busy**_CALMER
    own = np.exp(regime.activity_noise * (_WEIGHTS[3] * factors[3] + _WEIGHTS[4] * factors[4]))
    agitated = scale / usual if regime.volatility else np.ones(len(busy))
    level = busy * own * agitated**regime.flow_law * activity
    scale = scale * noise
    path = legs * (scale / np.sqrt(LEGS))[:, None] + ((entering * noise + drift) / LEGS)[:, None]
    bounces, deviation = _bounces(u[:, _DEVIATIONS], regime, scale, usual * noise, carry.deviation)
    returns = path + bounces
    # A frozen price has no move to measure by, and its usual flow all the same.
    level = np.where(scale > 0, level, level / _STANDING)
    measure = np.where(scale > 0, scale, regime.volatility or _PLAIN_MOVE)
    moves = returns.sum(axis=1)
    rushes = faded(moves, _RUSH, carry.rush)
    flow = flow_of(level, moves, rushes, measure)
    out = Drive(returns, measure, level, flow)
    states = tuple(float(factor[-1]) for factor in factors)
    return out, Carry(states, news, flurry, deviation, float(rushes[-1]))


def rhythm(minute_of_week: int) -> np.ndarray:
    """(T,) how busy each minute of a day is by the clock and the day of the week; a weekday's mean is 1."""
    minutes = minute_of_week + np.arange(MINUTES_PER_DAY)
    day, minute = np.divmod(minutes, MINUTES_PER_DAY)
    hours = np.interp(minute / 60 - 0.5, np.arange(-1, 25), np.r_[_HOURS[-1], _HOURS, _HOURS[0]])
    return hours * np.where(day % 7 >= _FIRST_WEEKEND_DAY, _WEEKEND, 1.0)


def flow_of(level: Any, move: Any, rush: Any, scale: Any) -> Any:
    """Trading of a minute, 1 being usual: in proportion to its move and to the last minutes', without limit.

    All are (T,) or numbers; `move` is the minute's log-return, `rush` the faded sum of the last minutes'
    (`rush_of`).
    """
    felt = (0.5 * np.abs(move) + 0.5 * np.sqrt(1 - _RUSH * _RUSH) * np.abs(rush)) / scale
    return level * (_STANDING + (1 - _STANDING) * felt) / _FLOW_MEAN


def rush_of(before: float, move: float) -> float:
    """The faded sum of log-returns after one more minute."""
    return _RUSH * before + move


def faded(shocks: Iterable[float], keep: float, start: float) -> np.ndarray:
    """A sum that keeps the part `keep` of itself at each step and adds the shock."""
    return np.array(list(accumulate(shocks, lambda state, shock: keep * state + shock, initial=start))[1:])


def logistic(u: np.ndarray) -> np.ndarray:
    """Logistic variates of unit variance from uniforms."""
    u = np.clip(u, 1e-12, 1 - 1e-12)
    return np.log(u / (1 - u)) * (np.sqrt(3) / np.pi)


def _volatility(
    u: np.ndarray, regime: Regime, carry: Carry, busy: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray], News, float]:
    """The minute's usual move, the news that enters the price, the factors, and the states of news and
    flurry."""
    keeps = [2 ** (-1 / half) for half in _HALF_LIVES]
    factors = [
        faded(logistic(u[:, place]) * np.sqrt(1 - keep * keep), keep, carry.factors[place])
        for place, keep in enumerate(keeps)
    ]
    mixed = regime.volatility_of_volatility * sum(
        weight * factor for weight, factor in zip(_WEIGHTS[:3], factors[:3], strict=True)
    )
    entering, unrest, news = _news(u[:, _NEWS], regime, carry.news, busy)
    hit, size = u[:, _FLURRIES].T
    kicks = np.where(hit < busy / _FLURRY_EVERY, -regime.flurry * np.log1p(-size), 0.0)
    flurry = faded(kicks, np.exp(-1 / _FLURRY_MINUTES), carry.flurry)
    bound = np.where(mixed < 0, *_SQUEEZE)
    squeezed = np.exp(bound * np.tanh(mixed / bound))
    scale = regime.volatility * busy**_CALMER * (squeezed * (1 + flurry) + unrest)
    return scale, entering, factors, news, float(flurry[-1])


def _news(
    u: np.ndarray, regime: Regime, before: News, busy: np.ndarray
) -> tuple[np.ndarray, np.ndarray, News]:
    """(T,) log-return of news as it enters the price, (T,) the unrest around it, and the state after the day.

    A walk from minute to minute, since each piece of news changes the chance of the next.
    """
    daily = regime.news_per_day / MINUTES_PER_DAY
    enters, returns_to = 1 - np.exp(-1 / _NEWS_MINUTES), 1 - np.exp(-1 / _BACK_MINUTES)
    settles = np.exp(-1 / _AFTERSHOCK_MINUTES)
    fades = [float(np.exp(-1 / minutes)) for _, minutes in _UNREST]
    pool, excess, parent = before.pool, before.excess, before.parent
    due, quiet = before.due, before.quiet
    left = list(before.unrest)
    returns, unrest = np.empty(len(u)), np.empty(len(u))
    for minute, (hit, size, way) in enumerate(u.tolist()):
        quiet += 1
        shock = 0.0
        main = daily * busy[minute] * min(quiet * daily, 2.0)
        if hit < main:
            parent = shock = regime.news_size * (0.5 + 1.7 * size * size) * (_UP if way < 0.5 else -_DOWN)
            due, quiet = regime.aftershocks, 0.0
        elif hit < main + due / _AFTERSHOCK_MINUTES:
            shock = parent * (0.3 + 0.5 * size) * (1 if way < _SAME_WAY else -1)
        due *= settles
        pool += shock * (1 + _OVERSHOOT)
        excess += shock * _OVERSHOOT
        kick = regime.unrest * abs(shock) / max(regime.news_size, 1e-12)
        for place, (part, _) in enumerate(_UNREST):
            left[place] = left[place] * fades[place] + part * kick
        entering, leaving = pool * enters, excess * returns_to
        pool -= entering
        excess -= leaving
        returns[minute] = entering - leaving
        unrest[minute] = sum(left)
    return returns, unrest, News(pool, excess, parent, due, quiet, tuple(left))


def _bounces(
    u: np.ndarray, regime: Regime, scale: np.ndarray, usual: np.ndarray, carry: Deviation
) -> tuple[np.ndarray, Deviation]:
    """(T, LEGS) log-returns of deviations that do not last, for hours, minutes or seconds, and their
    state."""
    shocks = logistic(u[:, :LEGS])
    keep = 2 ** (-1 / (_BOUNCE_MINUTES * LEGS))
    bounce = faded(shocks.ravel() * np.sqrt(1 - keep * keep), keep, carry.bounce)
    # The same shocks feed the slower pull: where price has run off, it tends to come back.
    keep = 2 ** (-1 / _PULL_MINUTES)
    pull = faded(shocks.sum(axis=1) * np.sqrt((1 - keep * keep) / LEGS), keep, carry.pull)
    quick = logistic(u[:, LEGS:]).ravel()
    drawn = np.interp(np.arange(1, len(quick) + 1) / LEGS, np.arange(len(pull) + 1), [carry.pull, *pull])
    away = np.repeat(scale, LEGS) * (regime.bounce * bounce + regime.flicker * quick)
    away += np.repeat(usual, LEGS) * regime.pull * drawn
    moves = np.diff(away, prepend=carry.away)
    return moves.reshape(-1, LEGS), Deviation(float(bounce[-1]), float(pull[-1]), float(away[-1]))
