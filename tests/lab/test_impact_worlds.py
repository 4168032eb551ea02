"""A study on markets whose feedback is known: without impact it finds nothing, with a strong one it finds
that price goes on after the touch, and no attraction before it."""

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.lab.event_study import Design, Levels, Study, conclude, observe
from liqcore.lab.simulator import Crowd, simulate
from liqcore.lab.touches import Bars
from liqcore.margins import liquidation_price
from liqcore.market.candles import resample

START = pd.Timestamp("2026-03-02", tz="UTC")
LEVERAGE, HOURS, DAYS = 75.0, 6.0, 40
pytestmark = pytest.mark.slow


def studied(impact: float, seed: int) -> Study:
    """A crowd opens at the market every four hours, longs and shorts in turn; its liquidation price is the
    level, known once it has opened."""
    moments = pd.date_range(START + pd.Timedelta("2D"), periods=(DAYS - 3) * 6, freq="4h")
    sides = ["long", "short"] * (len(moments) // 2)
    crowds = [
        Crowd(at, "Alder", side, 1_500.0, leverage=LEVERAGE, positions=20, minutes=1, hours=HOURS * 2)
        for at, side in zip(moments, sides, strict=True)
    ]
    market = simulate(
        DAYS, 1, seed, regime="violent", start=START, positions_every=None, opens=2.0,
        impact=impact, rebound=0.8, rebound_minutes=400.0, interventions=crowds,
    )  # fmt: skip
    candles = resample(market.candles, "5min")[list(tables.CANDLES)]
    bars = Bars.of(candles)
    bar = _bars(bars, moments)
    entry = market.candles.set_index("time")["close"].reindex(moments - pd.Timedelta("1min")).to_numpy()
    ratio = {
        side: float(liquidation_price(side, 1.0, None, 0.005, wallet_balance=1 / LEVERAGE))
        for side in ("long", "short")
    }
    price = entry * np.array([ratio[side] for side in sides])
    side = np.where(np.array(sides) == "short", 1, -1)
    ahead = side * np.log(price / bars.close[bar]) > 0.001
    levels = Levels(bar[ahead], price[ahead], side[ahead])
    design = Design(hours=HOURS, memory_days=20, controls=6, drawn=60)
    sums = observe(candles, levels, np.random.default_rng(0), market.liquidations, design)
    return conclude(sums, np.random.default_rng(1))


def _bars(bars: Bars, moments: pd.DatetimeIndex) -> np.ndarray:
    opened = moments.tz_localize(None).to_numpy().astype("datetime64[us]").astype("int64")
    return np.searchsorted(bars.time, opened)


def told(found: Study, question: str, minutes: int = 0) -> pd.DataFrame:
    effects = found.effects
    return effects[(effects["question"] == question) & (effects["minutes"] == minutes)]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_market_without_feedback_shows_nothing(seed: int) -> None:
    found = studied(0.0, seed)
    assert not (found.effects["holm"] < 0.05).any()
    assert told(found, "wait")["n"].sum() > 20


@pytest.mark.parametrize("seed", [1, 2])
def test_strong_feedback_is_continuation_after_the_touch_and_no_attraction_before(seed: int) -> None:
    found = studied(1.0e-5, seed)
    assert found.verdict.startswith("Supported")
    assert not (told(found, "touched")["holm"] < 0.05).any()
    for minutes in (5, 15):
        moved = told(found, "move", minutes)
        assert (moved["low"] > 0.001).all()
        assert (moved["difference"] > 0.003).all()
    assert any("continuation" in point for point in found.points)
    assert any("no attraction" in point for point in found.points)
