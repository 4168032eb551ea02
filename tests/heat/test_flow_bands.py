"""Clusters of realised maps: how often chance makes one, and how often one that is there is found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import ClusterStory, track_clusters
from liqcore.heat.grid import HeatGrid
from liqcore.heat.realised import realised_heatmap
from liqcore.lab.null_worlds import NULLS, START, World, plant, random_walk, visited, wandering, world


def grid_of(made: World, events: pd.DataFrame | None = None, **more) -> HeatGrid:
    more = {"timeframe": "15min", "bins": 150, **more}
    events = made.liquidations if events is None else events
    return realised_heatmap(events, start=made.start, end=made.end, **more)


def story_of(
    made: World, events: pd.DataFrame | None = None, price: object = "candles", **more
) -> ClusterStory:
    events = made.liquidations if events is None else events
    path = made.candles if isinstance(price, str) else price
    return track_clusters(grid_of(made, events, **more), price=path, liquidations=events)  # type: ignore[arg-type]


def joined(*parts: pd.DataFrame) -> pd.DataFrame:
    return tables.liquidations(pd.concat(parts, ignore_index=True).drop(columns="quantity"))


def extra(made: World, prices, usd=1e4, side: str = "long", times=None, venue: str = "Alder") -> pd.DataFrame:
    prices = np.atleast_1d(np.asarray(prices, dtype=float))
    at = np.linspace(0.3, 0.7, len(prices)) if times is None else np.asarray(times)
    time = made.start + pd.to_timedelta(at * (made.end - made.start).total_seconds(), unit="s").as_unit("us")
    return tables.liquidations(
        pd.DataFrame({"time": time, "side": side, "price": prices, "notional": usd, "venue": venue})
    )


# What is not there is not found


@pytest.mark.parametrize("kind", NULLS)
@pytest.mark.parametrize("hours", [3, 24])
def test_a_map_without_a_level_announces_no_cluster(kind, hours):
    found = [
        story_of(world(seed, number, kind, hours=hours, volatility=volatility))
        for seed, (number, volatility) in enumerate(
            [(50, 0.6), (300, 0.6), (300, 0.3), (300, 1.2), (4_000, 0.6), (4_000, 1.2)]
        )
    ]
    assert sum(len(story.present) for story in found) <= 1
    assert sum(len(story.clusters) for story in found) <= 2


def test_a_rate_that_wanders_makes_busy_moments_and_no_clusters():
    found = [story_of(world(seed, number, wander=True)) for number in (300, 4_000) for seed in range(10)]
    assert sum(bool(story.present) for story in found) <= 1
    assert any(side.busy for story in found for side in story.findings)


@pytest.mark.parametrize("minutes", [5, 15])
def test_coarse_candles_do_not_make_clusters(minutes):
    found = [
        story_of(world(seed, number, "new ground", minutes=minutes))
        for number in (300, 4_000)
        for seed in range(8)
    ]
    assert sum(bool(story.present) for story in found) <= 1


@pytest.mark.parametrize("fills", [1, 40])
def test_one_large_print_is_no_cluster_and_is_named(fills):
    for seed, number in enumerate((50, 300, 4_000)):
        made = world(seed, number)
        price = float(made.candles["close"].iloc[1_440 + 720])
        at = 0.5 + np.arange(fills) * 1e-7
        whale = extra(made, np.full(fills, price), usd=5e7 / fills, times=at)
        story = story_of(made, joined(made.liquidations, whale))
        assert not [one for one in story.present if one.low <= price <= one.high]
        longs = story.findings[0]
        assert longs.prints[0][0] == pytest.approx(price, rel=1e-4)
        assert longs.prints[0][1] == pytest.approx(5e7, rel=1e-6)
        assert "was one order" in longs.one_prints[0]
        assert "no cluster" in longs.one_prints[0]


def test_too_few_events_leave_nothing_to_be_said():
    made = world(1, 4)
    story = story_of(made)
    assert story.present == ()
    assert all(not side.can_say for side in story.findings)
    assert all(side.sentence.startswith("Cannot say: 4") for side in story.findings)


def test_a_price_that_hardly_moved_leaves_nothing_to_be_said():
    made = world(2, 300, volatility=0.02)
    story = story_of(made)
    assert story.present == ()
    assert all("price moved too little" in side.sentence for side in story.findings)


def test_a_flat_price_is_a_sentence_and_no_error():
    candles = random_walk(np.random.default_rng(0), 1_440, volatility=0.0)
    made = World(
        candles,
        world(0, 50).liquidations.assign(price=28_000.0, quantity=1.0),
        1,
        START,
        START + pd.Timedelta(hours=24),
    )
    events = made.liquidations.assign(time=made.liquidations["time"] - pd.Timedelta(hours=24))
    story = story_of(made, tables.liquidations(events.drop(columns="quantity")))
    assert story.present == ()
    assert all(not side.can_say for side in story.findings)


def test_a_map_on_which_nothing_stands_out_says_what_would_have():
    story = story_of(world(3, 1_000))
    longs = story.findings[0]
    assert longs.can_say
    assert 0.02 < longs.detectable < 0.2
    assert "where price was" in longs.sentence
    assert "would have shown" in longs.sentence
    assert longs.dense[0].orders >= longs.dense[1].orders > 0
    assert longs.dense[0].expected > 0


def test_what_is_said_to_show_shows_about_half_of_the_time():
    need = float(np.median([story_of(world(seed, 300)).findings[0].detectable for seed in range(5)]))
    hits = sum(bool(story_of(world(seed, 300, planted=need)).present) for seed in range(20))
    assert hits >= 10


# What is there is found


def test_a_planted_level_is_found_in_its_place():
    apart, others, hits = [], 0, 0
    for seed in range(30):
        made = world(seed, 300, planted=0.25)
        near = [one for one in story_of(made).present if abs(np.log(one.centre / made.level)) < 2e-3]
        hits += bool(near)
        others += len(story_of(made).present) - len(near)
        apart += [abs(np.log(one.centre / made.level)) * 1e4 for one in near]
    assert hits >= 29
    assert np.median(apart) < 1
    assert max(apart) < 3
    assert others <= 1


def test_a_cluster_says_what_was_found_and_what_was_expected():
    made = world(4, 300, planted=0.25)
    band = story_of(made).present[0]
    assert band.side == "long"
    assert band.low < made.level < band.high
    assert band.orders >= 70
    assert 1 < band.expected < band.orders / 2
    assert band.ratio == pytest.approx(band.orders / band.expected)
    assert band.chance < 1e-3
    assert band.odds == "less than 1 in 1,000"
    assert band.beyond_busy
    assert band.visits >= 2
    assert band.events == band.orders
    assert 0 < band.largest_share < 1
    assert band.venue_share == 1.0
    assert f"{band.orders} long liquidations between" in band.sentence
    assert "where price went explains about" in band.sentence


def test_the_orders_of_a_cluster_add_up_to_its_usd():
    made = world(4, 300, planted=0.25)
    band, events = story_of(made).present[0], made.liquidations
    inside = (events["side"] == band.side) & events["price"].between(band.low, band.high, inclusive="left")
    inside &= (events["time"] >= pd.Timestamp(band.since, tz="UTC")) & (
        events["time"] < pd.Timestamp(band.last_seen, tz="UTC")
    )
    assert events.loc[inside, "notional"].sum() == pytest.approx(band.notional, rel=1e-5)
    assert inside.sum() == band.events


def test_two_levels_near_each_other_are_two():
    both = 0
    for seed in range(12):
        made = world(seed, 600)
        rng = np.random.default_rng(seed)
        level = visited(rng, made.candles, made.start)
        once = plant(rng, made.candles, made.liquidations, 0.15, level, width=8e-4, start=made.start)
        twice = plant(rng, made.candles, once, 0.17, level * 1.004, width=8e-4, start=made.start)
        found = [one for one in story_of(made, twice).present if one.side == "long"]
        both += len(found) == 2
    assert both >= 10


def test_the_bins_on_screen_decide_nothing():
    made = world(5, 300, planted=0.25)
    bands = {
        (one.low, one.high, one.orders)
        for bins in (40, 150, 400)
        for one in story_of(made, bins=bins, scale="log" if bins == 150 else "linear").present
    }
    assert len(bands) == 1


def test_bankruptcy_prices_are_moved_back_to_the_trade():
    made = world(6, 300, planted=0.25)
    away = np.where(made.liquidations["side"] == "long", 0.995, 1.005)
    events = made.liquidations.assign(price=made.liquidations["price"] * away, price_kind="bankruptcy")
    story = story_of(made, tables.liquidations(events.drop(columns="quantity")))
    assert abs(np.log(story.present[0].centre / made.level)) < 1e-3
    assert any("moved back" in note for note in story.notes)


def test_partial_fills_of_one_order_count_once():
    made = world(7, 300)
    price = float(made.candles["close"].iloc[1_440 + 720])
    fills = extra(made, np.full(200, price), times=0.5 + np.arange(200) * 1e-8)
    assert story_of(made, joined(made.liquidations, fills)).present == ()


def test_unheard_hours_are_no_opportunity():
    """A feed that was silent for most of the window must not make the rest look crowded."""
    false = 0
    for seed in range(10):
        made = world(seed, 2_000, hours=12)
        late = made.liquidations[made.liquidations["time"] >= made.start + pd.Timedelta(hours=6)]
        watched = np.arange(48) >= 24
        story = story_of(made, late.reset_index(drop=True), observed=watched)
        false += bool(story.present)
    assert false <= 1


def test_without_candles_it_is_weaker_and_says_so():
    false = [story_of(world(seed, 300), price=None) for seed in range(12)]
    found = [story_of(world(seed, 300, planted=0.25), price=None) for seed in range(12)]
    assert sum(bool(one.present) for one in false) <= 1
    assert sum(bool(one.present) for one in found) >= 4
    assert any("Without candles" in note for note in false[0].notes)


def test_candles_of_another_market_are_not_believed():
    made = world(8, 300)
    other = made.candles.assign(**{name: made.candles[name] * 2 for name in ("open", "high", "low", "close")})
    story = story_of(made, price=other)
    assert any("hardly belong together" in note for note in story.notes)
    assert story.present == ()


def test_cells_without_their_events_count_as_orders():
    made = world(9, 300, planted=0.25, width=8e-4)
    story = track_clusters(grid_of(made, timeframe="1min", bins=400), price=made.candles)
    assert any("filled cell counts as one order" in note for note in story.notes)
    assert [one.side for one in story.present] == ["long"]
    assert abs(np.log(story.present[0].centre / made.level)) < 1e-3
    assert story.present[0].events is None


def test_a_busier_window_reaches_back_no_further_than_a_day():
    made = world(10, 4_000, hours=60)
    assert story_of(made).findings[0].since == np.datetime64(
        (made.end - pd.Timedelta(hours=24)).tz_localize(None)
    )
    few = world(10, 150, hours=60)
    assert story_of(few).findings[0].since < np.datetime64(
        (few.end - pd.Timedelta(hours=24)).tz_localize(None)
    )
    assert story_of(few).findings[0].orders >= 100


def test_a_stricter_rule_finds_no_more():
    made = world(11, 300, planted=0.12)
    grid = grid_of(made)
    found = [
        len(
            track_clusters(
                grid, price=made.candles, liquidations=made.liquidations, rule=ClusterRule(alpha=alpha)
            ).present
        )
        for alpha in (0.001, 0.05, 0.5)
    ]
    assert found == sorted(found)


def test_truncating_the_future_changes_nothing_before_it():
    made = world(12, 600, hours=30, planted=0.25)
    grid = grid_of(made)
    whole = track_clusters(grid, price=made.candles, liquidations=made.liquidations)
    cut = grid.time_edges[90]
    events = made.liquidations[made.liquidations["time"] < pd.Timestamp(cut, tz="UTC")].reset_index(drop=True)
    candles = made.candles[made.candles["time"] < pd.Timestamp(cut, tz="UTC")].reset_index(drop=True)
    part = track_clusters(grid.crop(end=cut), price=candles, liquidations=events)
    told = [(one.time, one.kind, one.cluster, one.after) for one in whole.events if one.time <= cut]
    assert [(one.time, one.kind, one.cluster, one.after) for one in part.events] == told
    assert told


def test_a_mirrored_market_gives_mirrored_clusters():
    made = world(13, 300, planted=0.25)
    turn = 28_000.0**2
    candles = made.candles.assign(
        open=turn / made.candles["open"],
        high=turn / made.candles["low"],
        low=turn / made.candles["high"],
        close=turn / made.candles["close"],
    )
    events = tables.liquidations(
        made.liquidations.drop(columns="quantity").assign(
            price=turn / made.liquidations["price"],
            side=np.where(made.liquidations["side"] == "long", "short", "long"),
        )
    )
    one, other = story_of(made), story_of(World(candles, events, 1, made.start, made.end))
    assert one.present[0].side == "long"
    assert other.present[0].orders == pytest.approx(one.present[0].orders, abs=2)
    assert other.present[0].side == "short"
    assert other.present[0].centre == pytest.approx(turn / one.present[0].centre, rel=2e-4)


def test_a_wandering_rate_has_the_spread_it_claims():
    rate = np.log(wandering(np.random.default_rng(0), 200_000))
    assert rate.std() == pytest.approx(1.0, abs=0.1)
    assert np.corrcoef(rate[:-120], rate[120:])[0, 1] == pytest.approx(np.exp(-1), abs=0.08)
