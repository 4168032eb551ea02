"""Candle colour × ΔOI on candles whose levels can be written down."""

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.modelled import modelled_heatmap

ONE = Assumptions(leverages=(10.0,), taker_mix=(1.0,), maker_mix=(1.0,))


def market(opens: list[float], closes: list[float], held: list[float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    times = pd.date_range("2026-03-01", periods=len(opens), freq="1h", tz="UTC")
    bars = pd.DataFrame({"time": times, "open": opens, "close": closes})
    bars = bars.assign(high=bars[["open", "close"]].max(axis=1), low=bars[["open", "close"]].min(axis=1))
    interest = pd.DataFrame({"time": times + pd.Timedelta("1h"), "venue": "a", "quantity": held})
    return tables.candles(bars.assign(volume=np.nan, taker_buy_volume=np.nan)), tables.open_interest(interest)


def test_growth_is_longs_in_a_rising_candle_and_shorts_in_a_falling_one() -> None:
    bars, interest = market([100.0, 100.0, 101.0], [100.0, 101.0, 100.5], [1_000.0, 1_100.0, 1_160.0])
    grid = modelled_heatmap(bars, interest, model="candle-colour", assumptions=ONE, bins=900, columns=3)
    told = grid.predicted
    assert told is not None
    assert told["standing_long"].tolist() == pytest.approx([0, 100, 100])
    assert told["standing_short"].tolist() == pytest.approx([0, 0, 60])
    # 101 × (1 − .1 + .005) and 100.5 × (1 + .1 − .005), in USD of the level.
    (long,) = grid.price_centres[np.flatnonzero(grid.long[-1])]
    (short,) = grid.price_centres[np.flatnonzero(grid.short[-1])]
    assert long == pytest.approx(91.405, rel=1e-3)
    assert short == pytest.approx(110.0475, rel=1e-3)
    assert grid.long[-1].sum() == pytest.approx(100 * 91.405, rel=1e-3)


def test_shrinkage_takes_the_same_share_of_both_and_price_crosses() -> None:
    bars, interest = market(
        [100.0, 100.0, 101.0, 100.5, 100.5],
        [100.0, 101.0, 100.5, 100.5, 91.0],
        [1_000.0, 1_100.0, 1_160.0, 580.0, 580.0],
    )
    told = modelled_heatmap(bars, interest, model="candle-colour", assumptions=ONE, bins=900).predicted
    assert told is not None
    assert told["standing_long"].tolist() == pytest.approx([0, 100, 100, 50, 0])
    assert told["standing_short"].tolist() == pytest.approx([0, 0, 60, 30, 30])
    assert told["long"].iloc[4] == pytest.approx(50 * 91.405, rel=1e-3)
