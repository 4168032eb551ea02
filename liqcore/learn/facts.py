"""The numbers that a scenario's text may state: each computed from what could be seen, by name.

A text writes `{bar_close}`; `before_bar_close` is the same at the step before. Adding a fact is adding a line
to `FACTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.distances import away
from liqcore.learn.scenarios import ScenarioError
from liqcore.learn.seen import LAST, Seen
from liqcore.learn.trades import TradeResult, run_trade

Value = float | int | str | np.datetime64 | None


KINDS: Final[dict[str, Callable[[Any], str]]] = {
    "price": wording.price,
    "money": wording.usd,
    "count": wording.whole,
    "share": wording.percent,
    "percent": wording.percent,
    "rate": wording.percent,
    "times": lambda value: wording.decimal(value, 1),
    "r": wording.r_multiple,
    "btc": wording.quantity,
    "seconds": wording.duration,
    "hours": lambda value: wording.duration(3_600 * value),
    "time": wording.clock,
    "word": str,
}


def trade_so_far(seen: Seen) -> TradeResult:
    """The plan's trade as far as it can be seen."""
    opened = tables.microseconds(seen.candles["time"]) >= seen.scenario.at(seen.scenario.decision_bar).astype(
        "int64"
    )
    return run_trade(seen.scenario.plan, seen.candles[opened], close_at_end=False)


def _last(seen: Seen, name: str) -> float:
    return float(seen.bars[name].iloc[-1])


def _median_volume(seen: Seen) -> float:
    return float(seen.bars["volume"].iloc[-21:-1].median())


def _side(seen: Seen, side: str) -> float:
    return float(seen.near.loc[seen.near["side"] == side, "notional"].sum())


def _of_near(of: Callable[[pd.DataFrame], Any]) -> Callable[[Seen], Value]:
    """A fact of the events near the level, which is unknown where there are none."""
    return lambda seen: None if seen.near.empty else of(seen.near)


def _by_venue(events: pd.DataFrame) -> pd.Series:
    return events.groupby("venue", observed=True)["notional"].sum().sort_values(ascending=False)


def _delays(seen: Seen) -> pd.Series:
    seconds = (seen.arrivals.astype("int64") - tables.microseconds(seen.liquidations["time"])) / 1e6
    since = tables.microseconds(seen.liquidations["time"]) >= (seen.at - np.timedelta64(2, "h")).astype(
        "int64"
    )
    return (
        pd.Series(seconds[since])
        .groupby(seen.liquidations["venue"].astype(str).to_numpy()[since])
        .median()
        .sort_values()
    )


def _late(seen: Seen) -> pd.DataFrame:
    """Events that had happened by the step before but arrived after it."""
    earlier = seen.scenario.steps[max(seen.step.number - 2, 0)]
    was = seen.scenario.at(earlier.bar)
    missed = (tables.microseconds(seen.liquidations["time"]) < was.astype("int64")) & (seen.arrivals > was)
    return seen.liquidations[missed]


def _cells(seen: Seen) -> np.ndarray:
    return np.asarray(seen.grid.long, dtype=float) + np.asarray(seen.grid.short, dtype=float)


def _prints(seen: Seen) -> pd.Series:
    """Prices of the shown events in the last bars: on some venues well beyond the candles."""
    since = pd.Timestamp(seen.at - LAST * tables.timeframe(seen.step.timeframe), tz="UTC")
    return seen.shown.loc[seen.shown["time"] >= since, "price"]


def _brightest(seen: Seen, edge: int) -> float:
    """The lower (0) or upper (1) price of the brightest cell."""
    cells = _cells(seen)
    return float(seen.grid.price_edges[int(cells.argmax()) % cells.shape[1] + edge])


def _model(seen: Seen, side: str) -> float:
    """Modelled USD of a side within the tolerance in the latest column."""
    grid = seen.grid
    centres, (low, high) = grid.price_centres, seen.band
    return float(grid.side(side)[-1, (centres >= low) & (centres <= high)].sum())  # type: ignore[arg-type]


def _of_cluster(name: str) -> Callable[[Seen], Value]:
    return lambda seen: None if seen.cluster is None else getattr(seen.cluster, name)


def _of_plan(name: str) -> Callable[[Seen], Value]:
    return lambda seen: getattr(seen.scenario.plan, name)


def _funding(seen: Seen) -> float:
    """The latest rates for eight hours, mean over venues."""
    latest = seen.funding[seen.funding["time"] == seen.funding["time"].iloc[-1]]
    return float((latest["rate"] * 8 / latest["interval_hours"]).mean())


def _interest_change(seen: Seen) -> float:
    total = seen.open_interest.groupby("time")["quantity"].sum()
    return float(total.iloc[-1] / total.iloc[max(len(total) - 49, 0)] - 1)


def _timeframe(name: str, frame: str) -> Callable[[Seen], Value]:
    return lambda seen: getattr(seen.timeframes[frame], name) if frame in seen.timeframes else None


FACTS: Final[dict[str, tuple[str, Callable[[Seen], Value]]]] = {
    "time": ("time", lambda seen: seen.at),
    "level": ("price", lambda seen: seen.scenario.level),
    "band_low": ("price", lambda seen: seen.band[0]),
    "band_high": ("price", lambda seen: seen.band[1]),
    "bar_open": ("price", lambda seen: _last(seen, "open")),
    "bar_high": ("price", lambda seen: _last(seen, "high")),
    "bar_low": ("price", lambda seen: _last(seen, "low")),
    "bar_close": ("price", lambda seen: _last(seen, "close")),
    "bar_volume": ("count", lambda seen: _last(seen, "volume")),
    "volume_ratio": ("times", lambda seen: _last(seen, "volume") / _median_volume(seen)),
    "lowest": ("price", lambda seen: float(seen.bars["low"].iloc[-LAST:].min())),
    "highest": ("price", lambda seen: float(seen.bars["high"].iloc[-LAST:].max())),
    "distance": ("percent", lambda seen: abs(away(_last(seen, "close"), seen.scenario.level))),
    "closes_above": (
        "count",
        lambda seen: int((seen.bars["close"].iloc[-LAST:] > seen.scenario.level).sum()),
    ),
    "closes_below": (
        "count",
        lambda seen: int((seen.bars["close"].iloc[-LAST:] < seen.scenario.level).sum()),
    ),
    "tests": (
        "count",
        lambda seen: int(
            ((seen.bars["low"] <= seen.scenario.level) & (seen.bars["high"] >= seen.scenario.level))
            .iloc[-LAST:]
            .sum()
        ),
    ),
    "last_bars": ("count", lambda seen: min(LAST, len(seen.bars))),
    "rsi": ("count", lambda seen: seen.reading.step_price.rsi),
    "funding": ("rate", _funding),
    "interest_change": ("percent", _interest_change),
    "heat": ("money", lambda seen: float(seen.near["notional"].sum())),
    "heat_long": ("money", lambda seen: _side(seen, "long")),
    "heat_short": ("money", lambda seen: _side(seen, "short")),
    "long_share": (
        "share",
        _of_near(
            lambda events: events.loc[events["side"] == "long", "notional"].sum() / events["notional"].sum()
        ),
    ),
    "events": ("count", lambda seen: len(seen.near)),
    "largest": ("money", _of_near(lambda events: events["notional"].max())),
    "largest_share": ("share", _of_near(lambda events: events["notional"].max() / events["notional"].sum())),
    "largest_venue": (
        "word",
        _of_near(lambda events: str(events["venue"].iloc[int(events["notional"].to_numpy().argmax())])),
    ),
    "venue_count": ("count", lambda seen: seen.near["venue"].astype(str).nunique()),
    "top_venue": ("word", _of_near(lambda events: str(_by_venue(events).index[0]))),
    "top_venue_share": (
        "share",
        _of_near(lambda events: _by_venue(events).iloc[0] / _by_venue(events).sum()),
    ),
    "venues": ("count", lambda seen: len(seen.scenario.venues)),
    "brightest": ("money", lambda seen: float(_cells(seen).max())),
    "brightest_low": ("price", lambda seen: _brightest(seen, 0)),
    "brightest_high": ("price", lambda seen: _brightest(seen, 1)),
    "prints_low": ("price", lambda seen: float(_prints(seen).min())),
    "prints_high": ("price", lambda seen: float(_prints(seen).max())),
    "all_events": ("count", lambda seen: len(seen.shown)),
    "all_heat": ("money", lambda seen: float(seen.shown["notional"].sum())),
    "all_long": ("money", lambda seen: float(seen.shown.loc[seen.shown["side"] == "long", "notional"].sum())),
    "all_short": (
        "money",
        lambda seen: float(seen.shown.loc[seen.shown["side"] == "short", "notional"].sum()),
    ),
    "slow_venue": ("word", lambda seen: str(_delays(seen).index[-1])),
    "slow_delay": ("seconds", lambda seen: float(_delays(seen).iloc[-1])),
    "usual_delay": ("seconds", lambda seen: float(_delays(seen).iloc[0])),
    "late_events": ("count", lambda seen: len(_late(seen))),
    "late_heat": ("money", lambda seen: float(_late(seen)["notional"].sum())),
    "cluster_side": ("word", _of_cluster("side")),
    "cluster_low": ("price", _of_cluster("low")),
    "cluster_high": ("price", _of_cluster("high")),
    "cluster_usd": ("money", _of_cluster("notional")),
    "cluster_persistence": ("share", _of_cluster("persistence")),
    "model_long": ("money", lambda seen: _model(seen, "long")),
    "model_short": ("money", lambda seen: _model(seen, "short")),
    "balance": ("word", lambda seen: seen.reading.balance),
    "speaks_for": ("count", lambda seen: len(seen.reading.evidence_for)),
    "speaks_against": ("count", lambda seen: len(seen.reading.evidence_against)),
    "agreement": ("word", lambda seen: seen.reading.step_agreement.verdict),
    "venues_hot": ("count", lambda seen: len(seen.reading.step_agreement.hot)),
    "venues_fresh": ("count", lambda seen: seen.reading.step_agreement.n_fresh),
    **{f"heat_{frame}": ("money", _timeframe("heat", frame)) for frame in ("15m", "1h", "4h")},
    **{f"lasting_{frame}": ("word", _timeframe("verdict", frame)) for frame in ("15m", "1h", "4h")},
    **{f"share_{frame}": ("share", _timeframe("persistence", frame)) for frame in ("15m", "1h", "4h")},
    "entry": ("price", _of_plan("entry")),
    "stop": ("price", _of_plan("stop")),
    "leverage": ("count", _of_plan("leverage")),
    "target": ("price", lambda seen: seen.scenario.plan.targets[0].price),
    "quantity": ("btc", _of_plan("quantity")),
    "notional": ("money", _of_plan("notional")),
    "loss": ("money", _of_plan("loss_at_stop")),
    "account": ("money", _of_plan("account")),
    "risk": ("percent", lambda seen: seen.scenario.plan.risk_fraction),
    "reward_risk": ("r", _of_plan("reward_risk")),
    "liquidation": ("price", _of_plan("liquidation_price")),
    "break_even": ("price", _of_plan("break_even")),
    "trade_end": ("word", lambda seen: trade_so_far(seen).end),
    "trade_r": ("r", lambda seen: trade_so_far(seen).r),
    "trade_best": ("r", lambda seen: trade_so_far(seen).best_r),
    "trade_worst": ("r", lambda seen: trade_so_far(seen).worst_r),
}


def fact(seen: Seen, name: str) -> Value:
    """The value of a fact; None where it cannot be known.

    Raises
    ------
    ScenarioError
        There is no fact of that name.
    """
    if name not in FACTS:
        raise ScenarioError(
            f"Scenario {seen.scenario.name!r}, step {seen.step.number}: there is no fact {name!r}. Use one of"
            f" {', '.join(FACTS)}."
        )
    return FACTS[name][1](seen)


def in_words(name: str, value: Value) -> str:
    """A fact as it is written in a text."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "unknown"
    return KINDS[FACTS[name][0]](value)
