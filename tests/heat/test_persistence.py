"""The same level through several timeframes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.persistence import persistence_by_timeframe

START = np.datetime64("2026-03-01T00:00", "us")
QUARTER = np.timedelta64(900_000_000, "us")
EDGES = np.linspace(26_000, 30_000, 41)


def stock(columns: int, hot: slice) -> HeatGrid:
    heat = np.zeros((columns, 40))
    heat[hot, 20] = 1e6
    return HeatGrid("modelled", START + QUARTER * np.arange(columns + 1), EDGES, heat, np.zeros_like(heat))


def test_what_is_new_is_fleeting_in_long_bars_and_persistent_in_short_ones():
    grid = stock(16 * 12, slice(16 * 12 - 12, None))
    frame = persistence_by_timeframe(grid, 28_050, ["15m", "1h", "4h"]).set_index("timeframe")
    assert frame["persistence"].tolist() == pytest.approx([1.0, 3 / 12, 1 / 12])
    assert frame["verdict"].tolist() == ["persistent", "fleeting", "fleeting"]
    assert frame["bars"].tolist() == [12, 12, 12]
    assert "3 of 12" in frame.loc["1h", "note"]


def test_what_lasts_is_persistent_on_all():
    frame = persistence_by_timeframe(stock(16 * 12, slice(None)), 28_050, ["15m", "1h", "4h"])
    assert (frame["verdict"] == "persistent").all()
    assert (frame["side"] == "long").all()


def test_elsewhere_it_is_absent():
    frame = persistence_by_timeframe(stock(50, slice(None)), 29_500, ["15m"])
    assert frame["verdict"].tolist() == ["absent"]
    assert frame["persistence"].tolist() == [0.0]


def test_bars_that_cannot_be_made_or_are_too_few_cannot_say():
    frame = persistence_by_timeframe(stock(12, slice(None)), 28_050, ["5m", "1h", "1d"]).set_index(
        "timeframe"
    )
    assert frame["verdict"].tolist() == ["cannot say"] * 3
    assert "15 min" in frame.loc["5m", "note"]
    assert "Only 3 bars" in frame.loc["1h", "note"]
    assert frame["persistence"].isna().all()


def test_events_are_binned_for_each_timeframe():
    hours = np.arange(0, 48, 0.25)
    time = pd.DatetimeIndex(START + (hours * 3_600e6).astype("timedelta64[us]"), tz="UTC")
    steady = tables.liquidations(
        pd.DataFrame({"time": time, "side": "long", "price": 28_000.0, "notional": 1e5})
    )
    once = tables.liquidations(steady.assign(notional=1e4, quantity=None).drop(columns="quantity"))
    once.loc[len(once) - 1, ["price", "notional"]] = 27_000.0, 1e8
    timeframes = ["15m", "1h", "4h"]
    assert persistence_by_timeframe(steady, 28_000, timeframes)["verdict"].tolist() == ["persistent"] * 3
    single = persistence_by_timeframe(once, 27_000, timeframes)
    assert single["verdict"].tolist() == ["fleeting"] * 3
    assert single["persistence"].tolist() == pytest.approx([1 / 12] * 3)


def test_a_level_below_zero_is_refused():
    with pytest.raises(GridError, match="above zero"):
        persistence_by_timeframe(stock(12, slice(None)), 0)
