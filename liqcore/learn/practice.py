"""What a player does in a round: choose a level, write a forecast down, place a paper trade, and be graded at
the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.clusters import Cluster
from liqcore.learn.quiz import JournalRow, Rule, adherence
from liqcore.learn.replay import BaseRates, Forecast, ReplayError, Round, Visible
from liqcore.learn.trades import TradeResult
from liqcore.market.candles import atr, bar_length, resample
from liqcore.market.levels import key_levels
from liqcore.market.signals import find_signals
from liqcore.risk import Plan

MOST_RISK: Final = 0.01
OWN: Final = "your own"
_CONFIRMING: Final = ("rejection", "recapture", "breakout", "false breakout", "retest")
_CONFIRMED_WITHIN: Final = 8
_LEVELS: Final = 6
# A level nearer than this is touched by noise alone, one further away hardly ever within a round (in ATR).
_NEAREST, _FURTHEST = 0.5, 8.0


@dataclass(frozen=True)
class Candidate:
    """A level one could ask about: USD, and why it is one."""

    price: float
    why: str


@dataclass(frozen=True)
class Start:
    """Numbers to begin a paper trade with: side, and prices in USD."""

    side: str
    entry: float
    stop: float
    target: float


@dataclass(frozen=True)
class Played:
    """What has been done in one round so far. Immutable; a forecast and a trade are written down once.

    `step` bars have been shown. `base` are the base rates of the forecast's level when it was written.
    `placed` is the step at which `plan` was placed, `signal` the sentence that confirmed it then (None:
    nothing had).
    """

    step: int = 0
    forecast: Forecast | None = None
    base: BaseRates | None = None
    plan: Plan | None = None
    placed: int | None = None
    signal: str | None = None

    def forward(self, game: Round, bars: int = 1) -> Played:
        """So many bars further, at most to the end of the round."""
        return replace(self, step=min(self.step + max(bars, 0), game.hidden))

    def over(self, game: Round) -> bool:
        """Whether all bars have been shown."""
        return self.step >= game.hidden

    def write_down(self, game: Round, level: float, touches: float, breaks_if_touched: float) -> Played:
        """Note a forecast: the probability of a touch, and of a break if it is touched, which gives all
        three.

        Raises
        ------
        ReplayError
            A forecast was written before, the round is over, or a number is no probability.
        """
        if self.forecast is not None:
            raise ReplayError("Your forecast for this round is already written down. A forecast counts once.")
        if self.over(game):
            raise ReplayError(
                "The future of this round has been shown, so a forecast would not count. Take the next."
            )
        if not 0 <= breaks_if_touched <= 1:
            raise ReplayError(
                "The probability of a break must lie between 0 and 1, for instance 0.3 for 30 %."
            )
        forecast = Forecast(
            self.step, level, touches, touches * (1 - breaks_if_touched), touches * breaks_if_touched
        )
        return replace(self, forecast=forecast, base=game.base_rates(level, self.step))

    def place(self, game: Round, plan: Plan, level: float) -> Played:
        """Place a paper trade: a limit order that stands from the next minute on.

        Raises
        ------
        ReplayError
            There is a trade already, the round is over, the plan was rejected, or the order is no limit
            order.
        """
        if self.plan is not None:
            raise ReplayError("There is a trade in this round already. One is enough to learn from.")
        if self.over(game):
            raise ReplayError(
                "The future of this round has been shown, so a trade would not count. Take the next."
            )
        if not plan.accepted:
            raise ReplayError(plan.reasons[0] if plan.reasons else "The risk rules refused this trade.")
        if len(plan.targets) != 1:
            raise ReplayError("Give the trade one target, so that it can end well.")
        seen = game.visible(self.step)
        price = last_price(seen)
        if (plan.entry - price) * (1 if plan.side == "long" else -1) > 0:
            where, which = ("above", "buy") if plan.side == "long" else ("below", "sell")
            raise ReplayError(
                f"The entry of {wording.price(plan.entry)} is {where} the price of {wording.price(price)}: a"
                f" limit order to {which} there would fill at once, at a worse price than the market's."
            )
        return replace(
            self, plan=plan, placed=self.step, signal=confirmation(seen, game.timeframe, level, plan.side)
        )

    def trade(self, game: Round) -> TradeResult | None:
        """How the trade stands at the bars shown; None without one."""
        return (
            None
            if self.plan is None or self.placed is None
            else game.trade(self.plan, self.placed, self.step)
        )

    def rules(self) -> tuple[Rule, ...]:
        """Which rules the placed trade kept."""
        return (
            ()
            if self.plan is None
            else adherence(self.plan, confirmed=self.signal is not None, most_risk=MOST_RISK)
        )


def last_price(seen: Visible) -> float:
    """The last close that may be known, USD."""
    return float(seen.candles["close"].iloc[-1])


def usual_range(seen: Visible, timeframe: str) -> float:
    """The average true range of the last 14 bars, USD; a thousandth of the price where there are too few."""
    bars = resample(seen.candles, timeframe, source=bar_length(seen.candles))
    usual = float(atr(bars, timeframe=timeframe)[-1]) if len(bars) > 14 else float("nan")
    return usual if np.isfinite(usual) and usual > 0 else 0.001 * last_price(seen)


def candidates(
    seen: Visible, timeframe: str, *, own: Sequence[float] = (), clusters: Sequence[Cluster] = ()
) -> list[Candidate]:
    """Levels to ask about: one's own, then clusters, then key levels, each nearest first, and none that noise
    alone touches.

    Parameters
    ----------
    seen : what is known. own : USD. clusters : of the map at that moment.
    """
    bars = resample(seen.candles, timeframe, source=bar_length(seen.candles))
    price, usual = last_price(seen), usual_range(seen, timeframe)
    found = key_levels(bars, timeframe=timeframe).table
    others = [Candidate(cluster.centre, f"a cluster of {cluster.side}s") for cluster in clusters]
    others += [
        Candidate(float(value), f"{role}, {kind}")
        for value, role, kind in zip(found["price"], found["role"], found["kind"], strict=True)
    ]
    near = sorted(
        (one for one in others if _NEAREST * usual <= abs(one.price - price) <= _FURTHEST * usual),
        key=lambda one: (one not in others[: len(clusters)], abs(one.price - price)),
    )
    kept: list[Candidate] = [Candidate(float(value), OWN) for value in own]
    for one in near:
        if all(abs(one.price - other.price) >= _NEAREST * usual for other in kept):
            kept.append(one)
    return kept[: _LEVELS + len(own)] or [Candidate(price + 2 * usual, "two average ranges above the price")]


def starting_numbers(level: float, seen: Visible, timeframe: str, side: str | None = None) -> Start:
    """A trade at a level to begin with: stop two average ranges beyond it, target twice as far the other way.

    These are places to change, not advice. `side` is by default long for a level below the price, else short;
    where a limit order cannot stand at the level, the entry is the price.
    """
    price, usual = last_price(seen), usual_range(seen, timeframe)
    side = side or ("long" if level <= price else "short")
    s = 1 if side == "long" else -1
    entry = min(level, price) if s > 0 else max(level, price)
    scale = 1 if price >= 1_000 else 100
    limit = math.floor if s > 0 else math.ceil
    return Start(
        side,
        limit(entry * scale) / scale,
        round((entry - 2 * s * usual) * scale) / scale,
        round((entry + 4 * s * usual) * scale) / scale,
    )


def confirmation(seen: Visible, timeframe: str, level: float, side: str) -> str | None:
    """The latest candle signal at the level for this side within the last bars, as a sentence; None where
    there is none."""
    bars = resample(seen.candles, timeframe, source=bar_length(seen.candles))
    table = find_signals(bars, [level], timeframe=timeframe).table
    since = pd.Timestamp(seen.at - _CONFIRMED_WITHIN * tables.timeframe(timeframe), tz="UTC")
    wanted = "bullish" if side == "long" else "bearish"
    mine = table[
        table["name"].isin(_CONFIRMING)
        & (table["side"] == wanted)
        & (table["known_at"] > since)
        & (table["known_at"] <= pd.Timestamp(seen.at, tz="UTC"))
    ]
    return None if mine.empty else str(mine["evidence"].iloc[-1])


def journal_row(game: Round, played: Played, dataset: str) -> JournalRow | None:
    """A finished round as it is kept; None while it runs, or where nothing was written down."""
    if not played.over(game) or (played.forecast is None and played.plan is None):
        return None
    row = JournalRow(
        game.seed, dataset, f"{game.dated(0)}Z"[:16] + "Z", timeframe=game.timeframe, bars=game.hidden
    )
    if played.forecast is not None:
        said, came = played.forecast, game.outcomes(played.forecast)
        row = replace(
            row,
            level=said.level,
            said_touches=said.touches,
            said_rejects=said.rejects,
            said_breaks=said.breaks,
            touches=came["touches"],
            rejects=came["rejects"],
            breaks=came["breaks"],
        )
        if played.base is not None:
            row = replace(
                row,
                base_touches=played.base.touches,
                base_rejects=played.base.rejects,
                base_breaks=played.base.breaks,
            )
    result = played.trade(game)
    if played.plan is not None and result is not None:
        kept = [rule.kept for rule in played.rules()]
        row = replace(
            row,
            side=played.plan.side,
            entry=played.plan.entry,
            stop=played.plan.stop,
            target=played.plan.targets[0].price,
            end=result.end,
            r=result.r if result.filled else None,
            confirmed=kept[0],
            risk_kept=kept[1],
            stop_kept=kept[2],
        )
    return row
