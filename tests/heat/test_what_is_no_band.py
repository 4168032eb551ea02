"""What looks like a band and is none: one moment, one position in parts, round prices, clocks that differ,
one recording under two names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.heat.agreement import Agreement, agreement
from liqcore.heat.clusters import ClusterStory, track_clusters
from liqcore.heat.opportunity import bars_of
from liqcore.heat.orders import orders_of
from liqcore.heat.realised import realised_heatmap
from liqcore.lab.null_worlds import (
    START,
    World,
    events_along,
    plant,
    random_walk,
    visited,
    with_margins,
    world,
)
from liqcore.lab.said import VENUES, cluster_story

DAY = pd.Timedelta("1D")
SEEDS = range(5)


def events(made: World, *more: pd.DataFrame) -> World:
    """The world with more liquidations."""
    table = pd.concat([made.liquidations.drop(columns="quantity"), *more])
    return World(made.candles, tables.liquidations(table), made.minutes, made.start, made.end)


def burst(made: World, seed: int, parts: int, seconds: float) -> tuple[World, float]:
    """One position of 5 million USD that is closed in parts within a moment, and its price."""
    rng = np.random.default_rng((seed, parts))
    bar = made.candles.iloc[1_440 + int(rng.integers(1_400))]
    after = pd.to_timedelta(np.sort(rng.uniform(0, seconds, parts)), unit="s")
    price = bar["close"] * np.exp(rng.uniform(-3e-4, 3e-4, parts))
    closed = pd.DataFrame(
        {
            "time": bar["time"] + after,
            "side": "long",
            "price": price,
            "notional": 5e6 / parts,
            "venue": "Alder",
        }
    )
    return events(made, closed), float(bar["close"])


@pytest.mark.parametrize(("parts", "seconds"), [(40, 60), (40, 300), (150, 60)])
def test_a_position_closed_in_parts_is_no_cluster(parts, seconds):
    for seed in SEEDS:
        made, price = burst(world(seed, 300), seed, parts, seconds)
        story: ClusterStory = cluster_story(made)
        near = [one for one in story.present if one.low * 0.999 <= price <= one.high * 1.001]
        assert not near, near[0].sentence


def compared(parts: dict[str, pd.DataFrame], candles: pd.DataFrame | None, level: float) -> Agreement:
    table = tables.liquidations(pd.concat([part.drop(columns="quantity") for part in parts.values()]))
    prices = (float(table["price"].min()), float(table["price"].max()))
    maps = {
        name: realised_heatmap(part, "15min", 120, start=START + DAY, end=START + 2 * DAY, price_range=prices)
        for name, part in parts.items()
    }
    return agreement(maps, level, 0.005, side="long", price=candles, liquidations=table)


@pytest.mark.parametrize("with_candles", [True, False])
@pytest.mark.parametrize("number", [300, 4_000])
def test_a_minute_that_five_venues_share_is_a_time_and_no_level(number, with_candles):
    """A fifth of every venue's longs are closed in one minute."""
    for seed in SEEDS:
        rng = np.random.default_rng((seed, number))
        candles = random_walk(rng)
        bar = candles.iloc[1_440 + int(rng.integers(1_400))]
        parts = {}
        for name in VENUES:
            part = events_along(rng, candles, number, start=START + DAY, venue=name)
            longs = np.flatnonzero((part["side"] == "long").to_numpy())
            hit = part.index.isin(rng.choice(longs, number // 5, replace=False))
            part["time"] = part["time"].mask(hit, bar["time"] + pd.Timedelta("20s"))
            part["time"] += pd.to_timedelta(rng.uniform(0, 30, len(part)), unit="s").as_unit("us")
            part["price"] = part["price"].mask(
                hit, pd.Series(rng.uniform(bar["low"], bar["high"], len(part)))
            )
            parts[name] = tables.liquidations(part.drop(columns="quantity"))
        found = compared(parts, candles if with_candles else None, float(bar["close"]))
        assert found.verdict == "cannot say"
        assert not found.hot


@pytest.mark.parametrize("number", [300, 4_000])
@pytest.mark.parametrize("to", [50, 250])
def test_round_prices_are_no_clusters(number, to):
    """Every round price holds what lay between it and the next."""
    for seed in SEEDS:
        made = world(seed, number)
        rounded = made.liquidations.drop(columns="quantity")
        rounded["price"] = (rounded["price"] / to).round() * to
        story = cluster_story(World(made.candles, tables.liquidations(rounded), 1, made.start, made.end))
        assert not story.present
        assert any("are rounded" in note for note in story.notes)


def test_a_level_is_found_in_rounded_prices_too():
    found = 0
    for seed in SEEDS:
        made = world(seed, 300, planted=0.3, width=4e-4)
        assert made.level is not None
        rounded = made.liquidations.drop(columns="quantity")
        rounded["price"] = (rounded["price"] / 25).round() * 25
        story = cluster_story(World(made.candles, tables.liquidations(rounded), 1, made.start, made.end))
        found += any(abs(one.centre / made.level - 1) < 2e-3 for one in story.present)
    assert found >= 4


def test_prices_of_a_small_tick_stay_as_they_are():
    made = world(1, 300)
    ticked = made.liquidations.drop(columns="quantity")
    ticked["price"] = (ticked["price"] / 0.5).round() * 0.5
    orders = orders_of(tables.liquidations(ticked), bars_of(made.candles))
    assert (orders.rounded, orders.grain) == ((), 0.0)


@pytest.mark.parametrize("minutes", [-60, 60, 480])
def test_candles_of_another_clock_make_no_clusters(minutes):
    found = 0
    for seed in SEEDS:
        made = world(seed, 4_000)
        late = made.candles.assign(time=made.candles["time"] + pd.Timedelta(minutes=minutes))
        grid = realised_heatmap(made.liquidations, "15min", 150, start=made.start, end=made.end)
        story = track_clusters(grid, price=tables.candles(late), liquidations=made.liquidations)
        found += bool(story.present)
        assert any("clocks differ" in note for note in story.notes)
    assert found <= 1


def test_bankruptcy_prices_and_another_markets_prices_are_no_other_clock():
    made = world(2, 300)
    for long, short in ((-4e-3, 4e-3), (3e-3, 3e-3)):
        beyond = made.liquidations.drop(columns="quantity")
        side = np.where(beyond["side"] == "long", long, short)
        noise = np.random.default_rng(1).normal(0, 3e-4, len(beyond))
        beyond["price"] *= np.exp(side + noise)
        assert orders_of(tables.liquidations(beyond), bars_of(made.candles)).fits


@pytest.mark.parametrize("later", [pd.Timedelta(0), pd.Timedelta("800ms")])
def test_one_recording_under_three_names_confirms_nothing(later):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        candles = random_walk(rng)
        level = visited(rng, candles, START + DAY)
        part = plant(
            rng, candles, events_along(rng, candles, 300, start=START + DAY), 0.25, level, start=START + DAY
        )
        part = part.drop(columns="quantity")
        parts = {
            name: tables.liquidations(part.assign(venue=name, time=part["time"] + i * later))
            for i, name in enumerate(VENUES[:3])
        }
        found = compared(parts, candles, level)
        assert found.verdict in ("cannot say", "isolated")
        assert any("the same liquidations as Alder" in caveat for caveat in found.caveats)
        assert [bool(view.total) for view in found.venues] == [True, False, False]


def test_orders_of_one_venue_that_are_alike_all_count():
    time = START + pd.to_timedelta(np.arange(20), unit="s")
    table = tables.liquidations(
        pd.DataFrame({"time": time, "side": "long", "price": 28_000.0, "notional": 100.0, "venue": "Alder"})
    )
    orders = orders_of(table, None)
    assert len(orders.time) == 20
    assert orders.copies == ()


@pytest.mark.parametrize("number", [300, 4_000])
@pytest.mark.parametrize(
    "margins",
    [
        {0.0045: 0.75, 0.01: 0.15, 0.02: 0.07, 0.03: 0.03},
        {0.004: 0.6, 0.005: 0.2, 0.0065: 0.12, 0.01: 0.08},
        {0.0: 0.65, 0.0045: 0.25, 0.012: 0.1},
    ],
    ids=["margins that grow with the position", "and in small steps", "fills beside bankruptcy prices"],
)
def test_bankruptcy_prices_of_several_margins_are_no_clusters(margins, number):
    for seed in SEEDS:
        made = with_margins(np.random.default_rng(seed), world(seed, number, "new ground"), margins)
        story = cluster_story(made)
        assert not story.present, story.present[0].sentence
        assert any("moved back" in note for note in story.notes)


def test_a_level_is_found_where_one_margin_is_printed():
    found = 0
    for seed in SEEDS:
        made = with_margins(np.random.default_rng(seed), world(seed, 300, planted=0.25), {0.005: 1.0})
        found += any(abs(np.log(one.centre / made.level)) < 2e-3 for one in cluster_story(made).present)
    assert found >= 4


def test_the_parts_of_one_order_beyond_its_bar_stay_one():
    made = world(1, 300)
    bar = made.candles.iloc[1_440 + 700]
    parts = pd.DataFrame(
        {
            "time": bar["time"] + pd.to_timedelta(20 + np.arange(200) * 1e-3, unit="s"),
            "side": "long",
            "price": float(bar["low"]) * 0.99,
            "notional": 5_000.0,
            "venue": "Alder",
        }
    )
    told = events(made, parts).liquidations
    orders = orders_of(told, bars_of(made.candles))
    whole = int(np.argmax(orders.events))
    assert orders.events[whole] == 200
    assert np.log(bar["low"]) - 1e-9 <= orders.x[whole] <= np.log(bar["high"]) + 1e-9
