"""Studies of markets whose feedback is known: what a study must find in them, and what it must not.

A crowd opens at the market every few hours, longs and shorts in turn, and its liquidation price is the level.
Without impact its end moves nothing. With a strong one price goes on after the touch; nobody trades towards
the level beforehand, so that an attraction found here would be a fault of the study.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.lab.event_study import Design, Levels, Study, conclude, observe
from liqcore.lab.simulator import Crowd, simulate
from liqcore.lab.touches import Bars
from liqcore.margins import liquidation_price
from liqcore.market.candles import resample

NONE: Final = 0.0
STRONG: Final = 1.0e-5
DAYS: Final = 40
_START: Final = pd.Timestamp("2026-03-02", tz="UTC")
_LEVERAGE, _HOURS, _BTC, _MAINTENANCE = 75.0, 6.0, 1_500.0, 0.005


def study(impact: float, seed: int, days: int = DAYS) -> Study:
    """A study of the crowds' levels in one world; `impact` is the log-return per BTC of forced orders."""
    moments = pd.date_range(_START + pd.Timedelta("2D"), periods=(days - 3) * 6, freq="4h")
    sides = np.resize(["long", "short"], len(moments))
    crowds = [
        Crowd(at, "Alder", side, _BTC, leverage=_LEVERAGE, positions=20, minutes=1, hours=_HOURS * 2)
        for at, side in zip(moments, sides, strict=True)
    ]
    market = simulate(
        days, 1, seed, regime="violent", start=_START, positions_every=None, opens=2.0,
        impact=impact, rebound=0.8, rebound_minutes=400.0, interventions=crowds,
    )  # fmt: skip
    candles = resample(market.candles, "5min")[list(tables.CANDLES)]
    levels = _levels(market.candles, candles, moments, sides)
    design = Design(hours=_HOURS, memory_days=20, controls=6, drawn=60)
    sums = observe(candles, levels, np.random.default_rng(0), market.liquidations, design)
    return conclude(sums, np.random.default_rng(1))


def _levels(
    minutes: pd.DataFrame, candles: pd.DataFrame, moments: pd.DatetimeIndex, sides: np.ndarray
) -> Levels:
    """Where each crowd will be closed, known at the close of the bar in which it opened; those that price has
    all but reached by then are left out."""
    bars = Bars.of(candles)
    bar = np.searchsorted(bars.time, tables.microseconds(pd.Series(moments)))
    entry = minutes.set_index("time")["close"].reindex(moments - pd.Timedelta("1min")).to_numpy()
    ratio = {
        side: float(liquidation_price(side, 1.0, None, _MAINTENANCE, wallet_balance=1 / _LEVERAGE))
        for side in tables.SIDES
    }
    price = entry * np.array([ratio[side] for side in sides])
    way = np.where(sides == "short", 1, -1)
    ahead = way * np.log(price / bars.close[bar]) > 0.001
    return Levels(bar[ahead], price[ahead], way[ahead])
