"""The expected map: the same USD along the path, and a ratio that shows what the path does not explain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.heat.expected import expected_heatmap
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.realised import realised_heatmap
from liqcore.lab.null_worlds import world


def map_of(made) -> HeatGrid:
    low, high = made.candles["low"].min() * 0.98, made.candles["high"].max() * 1.02
    return realised_heatmap(
        made.liquidations, "15min", 150, start=made.start, end=made.end, price_range=(float(low), float(high))
    )


def test_it_holds_the_same_usd_on_the_same_edges_where_price_went():
    made = world(1, 500, "new ground")
    grid = map_of(made)
    found = expected_heatmap(grid, made.candles, made.liquidations).grid
    assert found.shape == grid.shape
    for side in tables.SIDES:
        assert found.side(side).sum() == pytest.approx(grid.side(side).sum(), rel=0.01)
    bars = made.candles.set_index("time").loc[made.start :].iloc[: 24 * 60]
    for column in (3, 40, 90):
        part = bars.iloc[15 * column : 15 * column + 15]
        inside = (found.price_centres > part["low"].min() * 0.99) & (
            found.price_centres < part["high"].max() * 1.01
        )
        assert found.total[column][inside].sum() > 0.97 * found.total[column].sum()
    assert found.provenance.source.startswith("what the price path")
    assert "not realised" in found.provenance.flags[0]


def test_it_explains_a_null_world_and_not_a_planted_level():
    null, made = world(2, 1_500, "new ground"), world(2, 1_500, "new ground", planted=0.25)
    plain = expected_heatmap(map_of(null), null.candles, null.liquidations).profile
    longs = plain[(plain["side"] == "long") & (plain["expected"] >= 20)]
    assert longs["orders"].sum() == pytest.approx(longs["expected"].sum(), rel=0.1)
    assert np.corrcoef(longs["orders"], longs["expected"])[0, 1] > 0.9
    assert longs["ratio"].max() < 1.8
    marked = expected_heatmap(map_of(made), made.candles, made.liquidations).profile
    best = marked[marked["side"] == "long"].sort_values("ratio", ascending=False).iloc[:2]
    assert ((best["price_low"] <= made.level * 1.001) & (best["price_high"] >= made.level * 0.999)).any()
    assert best["ratio"].max() > 2


def test_hours_nobody_watched_expect_nothing():
    made = world(3, 400)
    watched = np.arange(96) >= 48
    grid = realised_heatmap(made.liquidations, "15min", 80, start=made.start, end=made.end, observed=watched)
    found = expected_heatmap(grid, made.candles, made.liquidations).grid
    assert found.total[:48].sum() == 0
    assert found.total[48:].sum() > 0


def test_what_cannot_be_expected_is_refused_in_a_sentence():
    made = world(4, 100)
    grid = map_of(made)
    stock = HeatGrid("modelled", grid.time_edges, grid.price_edges, grid.long, grid.short)
    with pytest.raises(GridError, match="beside a realised one"):
        expected_heatmap(stock, made.candles)
    with pytest.raises(GridError, match="no path"):
        expected_heatmap(grid, tables.empty("candles"), made.liquidations)
    other = made.candles.assign(**{name: made.candles[name] * 3 for name in ("open", "high", "low", "close")})
    with pytest.raises(GridError, match="do not belong"):
        expected_heatmap(grid, pd.DataFrame(other), made.liquidations)
