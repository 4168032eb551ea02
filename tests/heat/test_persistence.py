"""The same level through several timeframes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.persistence import persistence_by_timeframe
from liqcore.lab.null_worlds import world

START = np.datetime64("2026-03-01T00:00", "us")
QUARTER = np.timedelta64(900_000_000, "us")
EDGES = np.exp((10_120 + np.arange(321)) * 0.001)
LEVEL = float(EDGES[120])


def stock(columns: int, hot: slice) -> HeatGrid:
    """A modelled map with an even background on both sides of the price, and a band at the level."""
    base = np.exp(np.random.default_rng(1).normal(np.log(1e4), 0.1, 320))
    long, short = np.tile(base, (columns, 1)), np.tile(base, (columns, 1))
    long[:, 160:], short[:, :160] = 0, 0
    long[hot, 119:122] = 1e6
    return HeatGrid("modelled", START + QUARTER * np.arange(columns + 1), EDGES, long, short)


def test_what_is_new_is_fleeting_in_long_bars_and_persistent_in_short_ones():
    grid = stock(16 * 12, slice(16 * 12 - 12, None))
    frame = persistence_by_timeframe(grid, LEVEL, ["15m", "1h", "4h"]).set_index("timeframe")
    assert frame["persistence"].tolist() == pytest.approx([1.0, 3 / 12, 1 / 12])
    assert frame["verdict"].tolist() == ["persistent", "fleeting", "fleeting"]
    assert frame["bars"].tolist() == [12, 12, 12]
    assert "3 of 12" in frame.loc["1h", "note"]


def test_what_lasts_is_persistent_on_all():
    frame = persistence_by_timeframe(stock(16 * 12, slice(None)), LEVEL, ["15m", "1h", "4h"])
    assert (frame["verdict"] == "persistent").all()
    assert (frame["side"] == "long").all()


def test_elsewhere_it_is_absent():
    frame = persistence_by_timeframe(stock(50, slice(None)), LEVEL * 1.08, ["15m"])
    assert frame["verdict"].tolist() == ["absent"]
    assert frame["persistence"].tolist() == [0.0]


def test_bars_that_cannot_be_made_or_are_too_few_cannot_say():
    frame = persistence_by_timeframe(stock(12, slice(None)), LEVEL, ["5m", "1h", "1d"]).set_index("timeframe")
    assert frame["verdict"].tolist() == ["cannot say"] * 3
    assert "15 min" in frame.loc["5m", "note"]
    assert "Only 3 bars" in frame.loc["1h", "note"]
    assert frame["persistence"].isna().all()


def test_events_are_asked_for_each_timeframe_and_stays_decide():
    made = world(4, 900, planted=0.35, hours=72)
    frame = persistence_by_timeframe(made.liquidations, made.level, ["15m", "1h", "4h"], price=made.candles)
    frame = frame.set_index("timeframe")
    # Price came back to the level over two days; in the last three hours nothing may be said.
    assert frame.loc["4h", "verdict"] == "persistent"
    assert "stays of price" in frame.loc["4h", "note"]
    assert frame.loc["4h", "side"] == "long"
    assert frame.loc["4h", "low"] < made.level < frame.loc["4h", "high"]
    away = persistence_by_timeframe(made.liquidations, made.level * 1.02, ["4h"], price=made.candles)
    assert away["verdict"].tolist() == ["absent"]


def test_what_one_busy_moment_explains_is_fleeting():
    made = world(5, 600)
    rng = np.random.default_rng(5)
    # The quarter of an hour in which price moved least, and many liquidations along its path in it.
    quarters = made.candles.iloc[1_440:].groupby(np.arange(1_440) // 15)
    narrow = int((quarters["high"].max() - quarters["low"].min()).argmin())
    minute = 1_440 + 15 * narrow + rng.integers(0, 15, 400)
    bars = made.candles.iloc[minute]
    burst = pd.DataFrame(
        {
            "time": bars["time"].to_numpy() + pd.to_timedelta(rng.uniform(0, 60, 400), unit="s"),
            "side": "long",
            "price": rng.uniform(bars["low"], bars["high"]),
            "notional": 1e4,
            "venue": "Alder",
        }
    )
    price = float(burst["price"].median())
    events = tables.liquidations(pd.concat([made.liquidations.drop(columns="quantity"), burst]))
    frame = persistence_by_timeframe(events, price, ["2h"], price=made.candles)
    assert frame["verdict"].tolist() == ["fleeting"]
    assert "one busy moment" in frame["note"].iloc[0]


def test_too_few_events_cannot_say():
    made = world(6, 5)
    frame = persistence_by_timeframe(made.liquidations, 28_000, ["1h"], price=made.candles)
    assert frame["verdict"].tolist() == ["cannot say"]
    assert "too few liquidations" in frame["note"].iloc[0]


def test_a_level_below_zero_is_refused():
    with pytest.raises(GridError, match="above zero"):
        persistence_by_timeframe(stock(12, slice(None)), 0)
