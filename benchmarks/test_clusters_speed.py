"""Finding and following clusters against building the very grid they are found in, in one run: a ratio, not a
time."""

import os
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.heat.agreement import agreement
from liqcore.heat.clusters import track_clusters
from liqcore.heat.grid import HeatGrid
from liqcore.heat.modelled import modelled_heatmap
from liqcore.heat.realised import realised_heatmap
from liqcore.lab.null_worlds import START, events_along, plant, random_walk
from liqcore.lab.said import VENUES, visited

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


def test_one_pass_costs_less_than_building_the_grid(race: Callable) -> None:
    candles = bars()
    grid = modelled_heatmap(candles, bins=BINS, columns=COLUMNS)
    found = race(
        ours=lambda: track_clusters(grid, price=candles),
        baseline=lambda: modelled_heatmap(candles, bins=BINS, columns=COLUMNS),
        rounds=5,
        ours_each_round=4,
    )
    assert grid.shape == (COLUMNS, BINS)
    # Enough happens that following bands is part of the work.
    assert len(found.our_result.events) > 10
    print(
        f"\nclusters of {COLUMNS} columns × {BINS:,} bins: {found.ours * 1e3:.1f} ms CPU,"
        f" {found.ours / COLUMNS * 1e6:.0f} µs a column, {len(found.our_result.clusters)} clusters,"
        f" {len(found.our_result.events)} events; the grid itself {found.baseline * 1e3:.0f} ms,"
        f" {found.ratio:.1f} times as long (load {os.getloadavg()[0]:.1f})"
    )
    # Every column is held against a smooth profile and its own unevenness: a pass is no longer a trifle.
    if found.ratio < 1:
        pytest.fail(f"one pass takes {1 / found.ratio:.1f} times as long as to build the grid")


def test_an_agreement_of_five_busy_venues_costs_little_more_than_their_maps(race: Callable) -> None:
    rng = np.random.default_rng(1)
    candles = random_walk(rng)
    begin, end = START + pd.Timedelta("1D"), START + pd.Timedelta("2D")
    level = visited(rng, candles, begin)
    parts = {
        name: plant(
            rng,
            candles,
            events_along(rng, candles, 4_000, "travel", start=begin, venue=name),
            0.25,
            level,
            start=begin,
        )
        for name in VENUES
    }
    table = tables.liquidations(pd.concat(parts.values()).drop(columns="quantity"))
    window = {"start": begin, "end": end, "price_range": (table["price"].min(), table["price"].max())}

    def maps() -> dict[str, HeatGrid]:
        return {name: realised_heatmap(part, "15min", 120, **window) for name, part in parts.items()}

    held = maps()
    found = race(
        ours=lambda: agreement(held, level, 0.005, side="long", price=candles, liquidations=table),
        baseline=maps,
        rounds=5,
    )
    assert found.our_result.verdict == "market-wide"
    print(
        f"\nagreement of 5 venues with 4,000 events each: {found.ours * 1e3:.1f} ms CPU,"
        f" {1 / found.ratio:.1f} times their maps (load {os.getloadavg()[0]:.1f})"
    )
    if 1 / found.ratio > 12:
        pytest.fail(f"an agreement takes {1 / found.ratio:.1f} times as long as its maps, more than 12")
