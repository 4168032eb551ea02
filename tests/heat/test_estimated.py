"""Amounts whose price was estimated are spread over their candle, and nothing is claimed from them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from liqcore import tables, wording
from liqcore.heat.clusters import track_clusters
from liqcore.heat.estimated import is_estimated, spread_estimated
from liqcore.heat.ground import ESTIMATED_NOTE
from liqcore.heat.realised import realised_heatmap
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.views.explore import stories


def market(seed=1, hours=60):
    rng = np.random.default_rng(seed)
    close = 70_000 * np.exp(np.cumsum(rng.normal(0, 0.004, hours)))
    opened = np.append(70_000, close[:-1])
    time = pd.date_range("2026-03-01", periods=hours, freq="1h", tz="UTC")
    candles = tables.candles(
        pd.DataFrame(
            {
                "time": time,
                "open": opened,
                "high": np.maximum(opened, close) + 150,
                "low": np.minimum(opened, close) - 150,
                "close": close,
                "volume": 1.0,
            }
        )
    )
    totals = tables.liquidations(
        pd.DataFrame(
            {
                "time": np.repeat(time, 2),
                "side": ["long", "short"] * hours,
                "venue": "all",
                "price": np.repeat(close, 2),
                "notional": rng.lognormal(14, 1, 2 * hours),
                "price_kind": "estimated",
            }
        )
    )
    return candles, totals


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1_000), timeframe=st.sampled_from(["15m", "1h", "4h"]), bins=st.integers(20, 300))
def test_usd_is_conserved_and_lies_where_its_candle_was(seed, timeframe, bins):
    candles, totals = market(seed)
    grid = realised_heatmap(totals, timeframe, bins=bins, candles=candles)
    for side in ("long", "short"):
        mine = totals[totals["side"] == side]["notional"].sum()
        assert getattr(grid, side).sum(dtype=float) + getattr(grid, "outside_" + side) == pytest.approx(mine)
    placed = spread_estimated(totals, candles)
    row = candles.set_index("time").loc[placed["time"].dt.floor("1h")]
    assert (placed["price"].to_numpy() > row["low"].to_numpy()).all()
    assert (placed["price"].to_numpy() < row["high"].to_numpy()).all()
    assert placed["time"].is_monotonic_increasing
    assert grid.provenance.venues[0].events == len(totals), "pieces are no events"


def test_a_total_is_spread_evenly_over_time_and_price_of_its_hour():
    candles, totals = market()
    low, high = candles["low"][7], candles["high"][7]
    one = tables.liquidations(totals.iloc[12:18].assign(notional=[0.001, 0.001, 4e6, 0.001, 0.001, 0.001]))
    grid = realised_heatmap(one, "15m", bins=4, price_range=(candles["low"][7], high), candles=candles).crop(
        start="2026-03-01T07:00", end="2026-03-01T08:00"
    )
    assert grid.long.sum() == pytest.approx(4e6, rel=1e-4)
    assert grid.long.sum(axis=0) == pytest.approx(np.full(4, 1e6), rel=0.05)
    assert grid.long.sum(axis=1) == pytest.approx(np.full(4, 1e6), rel=0.1)
    assert "spread evenly" in " ".join(grid.provenance.flags)
    alone = realised_heatmap(one, "15m", bins=4, price_range=(low, high))
    assert alone.long.max() == pytest.approx(4e6), "without candles it stays where it was put"
    assert "may not have been" in " ".join(alone.provenance.flags)


def test_moments_without_a_price_keep_their_moment():
    candles, totals = market()
    rng = np.random.default_rng(3)
    own = totals["time"] + pd.to_timedelta(rng.integers(1, 3_599, len(totals)), unit="s")
    events = tables.liquidations(totals.assign(time=own))
    placed = spread_estimated(events, candles)
    assert set(placed["time"]) == set(events["time"])
    assert placed["price"].nunique() > 20 * events["price"].nunique()


def test_events_with_prices_are_left_alone():
    candles, totals = market()
    mixed = totals.assign(price_kind=["fill", "estimated"] * (len(totals) // 2))
    placed = spread_estimated(tables.liquidations(mixed), candles)
    assert len(placed[~is_estimated(placed)]) == len(totals) // 2
    sure = tables.liquidations(totals.assign(price_kind="fill"))
    assert spread_estimated(sure, candles) is sure
    assert realised_heatmap(sure, candles=candles).provenance.flags == realised_heatmap(sure).provenance.flags


def test_no_level_is_claimed_from_estimated_prices_and_the_story_says_so():
    candles, totals = market(hours=200)
    # All at one price: measured, this would be a cluster beyond doubt.
    totals = tables.liquidations(totals.assign(price=70_000.0))
    data = Dataset("x", "Totals", False, candles=candles, liquidations=totals)
    view = ViewSettings(timeframe="1h", hours=None)
    grid = dataset.heatmap(data, view)
    found = track_clusters(grid, price=candles, liquidations=totals)
    assert not found.clusters
    assert ESTIMATED_NOTE in found.notes
    assert stories.no_cluster(found) == [ESTIMATED_NOTE]
    for t, p in np.argwhere(grid.long > 0)[::37]:
        cell = stories.cell_of(grid, "long", int(t), int(p))
        told = stories.cell_story(data, view, grid, cell)
        assert told.tables[0][1]["USD"].sum() == pytest.approx(cell.usd, rel=1e-4, abs=1)
        assert wording.usd(cell.usd) in told.points[0]
        assert "recorded amount" in told.points[0]
        assert any("estimated" in point for point in told.points)
