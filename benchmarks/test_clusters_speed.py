"""Finding and following clusters against building the very grid they are found in, in one run: a ratio, not a
time."""

import os
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.heat.clusters import track_clusters
from liqcore.heat.modelled import modelled_heatmap

CANDLES, BINS, COLUMNS = 10_000, 1_000, 400


def bars() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    close = 28_000 * np.exp(np.cumsum(rng.standard_t(4, CANDLES) * 0.0008))
    open_ = np.concatenate([close[:1], close[:-1]])
    volume = rng.lognormal(4, 1.5, CANDLES)
    return tables.candles(
        pd.DataFrame(
            {
                "time": pd.date_range("2026-01-01", periods=CANDLES, freq="5min", tz="UTC"),
                "open": open_,
                "close": close,
                "high": np.maximum(open_, close) * (1 + np.abs(rng.normal(0, 0.0007, CANDLES))),
                "low": np.minimum(open_, close) * (1 - np.abs(rng.normal(0, 0.0007, CANDLES))),
                "volume": volume,
                "taker_buy_volume": volume * rng.uniform(0.3, 0.7, CANDLES),
            }
        )
    )


def test_one_pass_costs_less_than_a_tenth_of_building_the_grid(race: Callable) -> None:
    candles = bars()
    grid = modelled_heatmap(candles, bins=BINS, columns=COLUMNS)
    found = race(
        ours=lambda: track_clusters(grid, price=candles),
        baseline=lambda: modelled_heatmap(candles, bins=BINS, columns=COLUMNS),
        rounds=5,
        ours_each_round=4,
    )
    assert grid.shape == (COLUMNS, BINS)
    assert len(found.our_result.events) > 20
    print(
        f"\nclusters of {COLUMNS} columns × {BINS:,} bins: {found.ours * 1e3:.1f} ms CPU,"
        f" {found.ours / COLUMNS * 1e6:.0f} µs a column, {len(found.our_result.clusters)} clusters,"
        f" {len(found.our_result.events)} events; the grid itself {found.baseline * 1e3:.0f} ms,"
        f" {found.ratio:.1f} times as long (load {os.getloadavg()[0]:.1f})"
    )
    if found.ratio < 10:
        pytest.fail(f"one pass takes 1/{found.ratio:.1f} of the time to build the grid, more than 1/10")
