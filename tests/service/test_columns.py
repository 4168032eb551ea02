"""Longer columns taken from a walk of short ones: the map that a walk of their own would make."""

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.heat.grid import GridError
from liqcore.heat.modelled import at_columns
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings


def market(minutes: int, hours: float, begin: str = "2026-03-02 00:07", hole: bool = False) -> Dataset:
    """Candles of so many minutes with a wandering price; with `hole`, five hours are missing."""
    rng = np.random.default_rng(minutes)
    count = int(hours * 60 / minutes)
    close = 60_000 * np.exp(np.cumsum(rng.normal(0, 0.002, count)))
    opened = np.concatenate([[60_000], close[:-1]])
    candles = pd.DataFrame(
        {
            "time": pd.date_range(
                pd.Timestamp(begin, tz="UTC").floor(f"{minutes}min"), periods=count, freq=f"{minutes}min"
            ),
            "open": opened,
            "high": np.maximum(opened, close) * 1.0005,
            "low": np.minimum(opened, close) * 0.9995,
            "close": close,
            "volume": rng.uniform(10, 500, count),
        }
    )
    if hole:
        candles = candles[
            ~candles["time"].between(
                candles["time"].iloc[-1] - pd.Timedelta("30h"), candles["time"].iloc[-1] - pd.Timedelta("25h")
            )
        ]
    return Dataset(key=f"t{minutes}", label="test", synthetic=True, candles=tables.candles(candles))


@pytest.mark.parametrize("timeframe", ["15m", "30m", "2h", "12h", "1d"])
@pytest.mark.parametrize(
    ("minutes", "hours", "hole"), [(1, 12.0, False), (5, 72.0, True), (15, 168.0, False)]
)
def test_columns_of_a_walk_are_those_of_a_walk_of_their_own(timeframe, minutes, hours, hole):
    data = market(minutes, hours * 1.3, hole=hole)
    asked = ViewSettings(layer="modelled", timeframe=timeframe, hours=hours, bins=60)
    walk = dataset.walked(data, asked)
    if walk is None:
        assert tables.timeframe(timeframe) <= np.timedelta64(max(minutes, 5), "m")
        return
    alone = dataset.heatmap(data, asked)
    taken = dataset.columns_of(dataset.heatmap(data, walk), data, asked)
    for name in ("time_edges", "price_edges", "long", "short", "observed"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(alone, name), err_msg=name)
    assert taken.provenance == alone.provenance
    # A book looked at more often is summed in other blocks, which may show in the last of 17 digits.
    for name in ("outside_long", "outside_short"):
        np.testing.assert_allclose(getattr(taken, name), getattr(alone, name), rtol=1e-14, err_msg=name)
    assert alone.observed.all() == (not hole or timeframe in ("12h", "1d"))


def test_a_walk_is_shared_by_all_longer_timeframes_and_stays_small():
    data = market(5, 400)
    for hours in (12.0, 72.0, 168.0, 336.0):
        asked = [dataset.walked(data, ViewSettings("modelled", name, hours)) for name in ("1h", "4h", "1d")]
        assert asked[0] is not None
        assert {one.timeframe for one in asked} == {asked[0].timeframe}
        assert np.timedelta64(int(hours), "h") // tables.timeframe(asked[0].timeframe) <= 1_000
    assert dataset.walked(data, ViewSettings("realised", "1h", 72.0)) is None
    assert dataset.walked(data, ViewSettings("modelled", "1m", 12.0)) is None


def test_a_column_before_the_walk_is_refused():
    data = market(5, 100)
    grid = dataset.heatmap(data, ViewSettings(layer="modelled", timeframe="5m", hours=12.0, bins=20))
    early = grid.time_edges[:3] - np.timedelta64(3, "D")
    with pytest.raises(GridError, match="before this map"):
        at_columns(grid, early)
