"""Stories, overlays and strips: what they say must be what the tables hold."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from liqcore import wording
from liqcore.feeds import samples
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import track_clusters
from liqcore.heat.concentration import concentration
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.views import overlays
from liqcore.views.explore import stories, strips


@pytest.fixture(scope="module")
def data():
    held = samples.load_sample("violent")
    return Dataset(
        key="violent",
        label=held.label,
        synthetic=True,
        candles=held.candles,
        liquidations=held.liquidations,
        open_interest=held.open_interest,
        funding=held.funding,
        venue_candles=held.venue_candles,
    )


VIEWS = [
    ViewSettings(),
    ViewSettings(venues=("Alder", "Birch"), price_scale="log", bins=60),
    # Ends in the middle of a column, and cuts off prices that were traded.
    ViewSettings(timeframe="1h", until=np.datetime64("2026-04-14T10:20"), reach=0.01),
    ViewSettings(layer="modelled"),
    ViewSettings(layer="modelled", timeframe="1h", hours=96.0, assumptions=Assumptions(smoothing_bp=60.0)),
    ViewSettings(layer="modelled", model="textbook", until=np.datetime64("2026-04-14T10:20"), bins=40),
]


@pytest.mark.parametrize("settings", VIEWS)
def test_the_story_of_any_cell_adds_up_to_the_cell_and_speaks_of_its_moment(data, settings):
    grid = dataset.heatmap(data, settings)
    rng = np.random.default_rng(5)
    picked = []
    for side in ("long", "short"):
        filled = np.argwhere(getattr(grid, side) > 0)
        picked += [(side, *place) for place in filled[rng.integers(0, len(filled), 12)].tolist()]
        picked.append((side, *filled[filled[:, 1].argmax()].tolist()))
    for side, t, p in picked:
        cell = stories.cell_of(grid, side, t, p)
        held = float(getattr(grid, side)[t, p])
        told = stories.cell_story(data, settings, grid, cell)
        table = told.tables[0][1]
        assert table["USD"].sum() == pytest.approx(held, rel=1e-4, abs=len(table) / 2 + 0.01)
        assert wording.clock(grid.time_edges[t + 1]) in told.title
        if settings.layer == "modelled":
            assert f"holds {wording.usd(held)} of {side}s" in told.points[0]
            origin = stories.trace(data, settings, grid, side, cell.low, cell.high, cell.end)
            assert (origin.by_candle["time"] < pd.Timestamp(cell.end, tz="UTC")).all()
        else:
            said = re.search(r"\$[0-9.,]+[kMB]?", told.points[0]).group()
            assert said in {wording.usd(held), wording.usd(float(table["USD"].sum()))}
            assert wording.clock(grid.time_edges[t]) in told.title
        other = float(getattr(grid, "short" if side == "long" else "long")[t, p])
        assert any(wording.usd(other) in point for point in told.points) or not other


def test_a_click_finds_the_cell_of_the_map_as_it_is_now(data):
    grid = dataset.heatmap(data, ViewSettings(timeframe="1h"))
    t, p = np.unravel_index(int(grid.long.argmax()), grid.shape)
    edges = grid.time_edges.astype("datetime64[ms]").astype("int64")
    found = {
        "side": "long",
        "usd": 5.0,
        "price_from": grid.price_edges[p],
        "price_to": grid.price_edges[p + 1],
        "time_from": float(edges[t]),
        "time_to": float(edges[t + 1]),
    }
    cell = stories.picked_cell(found, grid)
    assert (cell.low, cell.high) == (grid.price_edges[p], grid.price_edges[p + 1])
    assert (cell.start, cell.end) == (grid.time_edges[t], grid.time_edges[t + 1])
    assert cell.usd == float(grid.long[t, p]), "the map's amount, not the browser's"
    wide = stories.picked_cell(found, grid.rebin(time=4, price=3))
    assert wide.usd >= cell.usd
    assert wide.low <= cell.low < cell.high <= wide.high
    emptied = replace(grid, long=np.zeros(grid.shape), short=np.zeros(grid.shape))
    assert stories.picked_cell(found, emptied) is None
    assert stories.picked_cell(found, grid.crop(end=grid.time_edges[t])) is None if t else True


@pytest.mark.parametrize("layer", ["realised", "modelled"])
def test_a_cluster_is_told_with_its_numbers_and_drawn_where_it_is(data, layer):
    settings = ViewSettings(layer=layer, timeframe="1h", hours=336.0)
    grid, bars = dataset.heatmap(data, settings), dataset.price_bars(data, settings)
    events = data.liquidations if layer == "realised" else None
    path = data.candles if layer == "realised" else bars
    whole = track_clusters(grid, 12, price=path, liquidations=events)
    # The map as it was when something stood out last.
    grid = grid.crop(end=max(one.first_seen for one in whole.clusters))
    found = track_clusters(grid, 12, price=path, liquidations=events, rule=ClusterRule(alpha=0.2))
    chosen = overlays.drawn_clusters(found, "both", 2)
    assert 0 < len(chosen) <= 4
    boxes = overlays.outlines(chosen, grid)
    assert (boxes["price_from"].to_numpy() < boxes["price_to"].to_numpy()).all()
    for one, box in zip(chosen, boxes.itertuples(), strict=True):
        assert wording.usd(one.notional) in box.label
        if layer == "realised":
            # What lies in the drawn box is what its label adds up, but for prices moved back to the trade.
            made = concentration(one, events, path)
            by = made.by_venue.set_index("venue")["usd"].drop(list(made.moved))
            inside = events[
                events["time"].between(*(pd.Timestamp(t, tz="UTC") for t in (box.time_from, box.time_to)))
            ]
            inside = inside[
                inside["price"].between(box.price_from, box.price_to) & (inside["side"] == box.side)
            ]
            inside = inside[~inside["venue"].isin(made.moved)]
            assert inside["notional"].sum() == pytest.approx(by.sum(), rel=0.02)
            assert f"in {wording.duration(box.time_to - box.time_from)}" in box.label
        else:
            band = grid.crop(low=box.price_from, high=box.price_to)
            assert band.side(box.side)[-1].sum() == pytest.approx(one.notional, rel=0.4)
            assert box.time_to == grid.time_edges[-1]
    told = stories.cluster_story(data, settings, grid, found, chosen[0])
    assert wording.percent(chosen[0].persistence) in told.points[1]
    history = dict(told.tables)["What happened to it"]
    assert len(history) == min(len(found.events_of(chosen[0].id)), 8) > 0
    for one in found.clusters:
        told = stories.cluster_story(data, settings, grid, found, one)
        held = told.tables[1][1]["USD"].sum()
        assert held == pytest.approx(one.notional, rel=1e-3)
        assert wording.usd(one.notional) in told.points[1]


def test_where_nothing_stands_out_the_densest_places_are_told_without_the_word_for_more(data):
    grid, bars = dataset.heatmap(data, ViewSettings()), data.candles
    found = track_clusters(grid, 12, price=bars, liquidations=data.liquidations)
    bare = replace(found, present=())
    told = stories.no_cluster(bare)
    text = " ".join(told)
    assert "long liquidation" in text
    assert "short liquidation" in text
    assert "the path explains" in text
    assert "Densest: $" in text
    assert "cluster" not in " ".join(point for point in told if "Densest" in point)
    sides = {one.side for one in found.present}
    assert all(f"{side} liquidation" not in " ".join(stories.no_cluster(found)) for side in sides)


@pytest.mark.parametrize(
    "selection",
    [
        None,
        [],
        "x",
        {},
        {"side": "both", "price_from": 1, "price_to": 2, "time_from": 1, "time_to": 2, "usd": 5},
        {"side": "long", "price_from": 1, "price_to": 2, "time_from": 1, "time_to": 2, "usd": 0},
    ],
)
def test_a_click_beside_the_heat_picks_nothing(selection):
    assert stories.picked_place(selection) is None


def test_a_click_is_read_as_utc():
    found = {
        "side": "long",
        "price_from": 100.0,
        "price_to": 110.0,
        "time_from": 1_700_000_000_000,
        "time_to": 1_700_000_900_000,
        "usd": 5.0,
    }
    assert stories.picked_place(found) == ("long", 100.0, 110.0, np.datetime64("2023-11-14T22:20:50"))


@pytest.mark.parametrize(
    ("text", "expected", "wrong"),
    [
        ("", [], 0),
        ("28,000", [28_000.0], 0),
        ("28,000; 28.5k 30500", [28_000.0, 28_500.0, 30_500.0], 0),
        ("28000, 28000", [28_000.0], 0),
        ("moon 28000", [28_000.0], 1),
        ("-5; 0", [], 2),
        ("$27,900", [27_900.0], 0),
        ("27 400; 26 900", [27_400.0, 26_900.0], 0),
        ("27\u00a0400; 26\u202f900", [27_400.0, 26_900.0], 0),
        ("27\u2009400", [27_400.0], 0),
        ("1 000 000", [1_000_000.0], 0),
        ("28'400; 28_900", [28_400.0, 28_900.0], 0),
        ("28.400,5; 28,400.5", [28_400.5], 0),
        ("28400\n28900", [28_400.0, 28_900.0], 0),
        ("28000 28500", [28_000.0, 28_500.0], 0),
        ("28,400 28,900", [28_400.0, 28_900.0], 0),
        ("28400；28900", [28_400.0, 28_900.0], 0),
        ("28400,28900", [], 1),
        ("28,400,28,900", [], 1),
        ("27 400 26 900", [], 1),
        ("27 400 900", [], 1),
        ("28, 000", [], 1),
        ("27.400; 26.900", [], 2),
        ("28400; 28400,28900", [28_400.0], 1),
        (" ".join(str(30_000 + k) for k in range(20)), [30_000.0 + k for k in range(12)], 1),
    ],
)
def test_own_levels_are_read_as_people_type_them(text, expected, wrong):
    levels, problems = overlays.parse_levels(text)
    assert levels == expected
    assert len(problems) == wrong


def test_strips_hold_what_the_tables_hold_inside_the_window(data):
    settings = ViewSettings(timeframe="1h", hours=48.0)
    found = strips.strip_data(data, settings)
    assert set(found) == set(strips.STRIPS)
    view = dataset.window(data, settings)
    start = pd.Timestamp(view.start, tz="UTC")
    for frame in found.values():
        assert frame["time"].iloc[0] >= start
    candles = data.candles[data.candles["time"] >= start]
    assert found["delta"]["delta"].sum() == pytest.approx(
        (2 * candles["taker_buy_volume"] - candles["volume"]).sum(), rel=1e-9
    )
    last = data.open_interest.groupby("time")["quantity"].agg(["sum", "count"])
    whole = last[last["count"] == data.open_interest["venue"].nunique()]["sum"]
    assert found["interest"]["interest"].iloc[-1] == pytest.approx(whole.iloc[-1])
    assert found["rsi"]["rsi"].notna().all(), "the indicator was warmed up on the bars before the window"
    for name, frame in found.items():
        told = strips.series(name, frame)
        assert len(told["at"]) == len(told["values"]) <= 1_600
        assert told["at"][0] == frame["time"].iloc[0].timestamp() * 1_000
        assert told["step"] > 0
        assert len(strips.words(name, frame)) > 30


def test_a_series_keeps_its_values_and_says_where_it_knows_none():
    time = pd.date_range("2026-03-01", periods=5_000, freq="1min", tz="UTC")
    funding = strips.series("funding", pd.DataFrame({"time": time[:3], "funding": [1e-4, np.nan, -2.5e-4]}))
    assert funding["values"] == [0.01, None, -0.025]
    assert funding["step"] == 60_000
    # The sentence tells what the chart shows.
    told = strips.words("funding", pd.DataFrame({"time": time[:1], "funding": [3.3e-4]}))
    assert told.startswith("Funding is +0.033 % an interval: longs pay shorts.")
    many = strips.series("interest", pd.DataFrame({"time": time, "interest": np.arange(5_000.0)}))
    assert len(many["values"]) == 1_250
    assert many["values"][7] == 28
    assert many["step"] == 240_000
    # Bars must not lose any of what they add up.
    bars = pd.DataFrame({"time": time, "delta": 1.0, "sum": np.arange(5_000.0)})
    assert len(strips.series("delta", bars)["values"]) == 5_000


def test_strips_of_a_market_without_anything_are_left_out(data):
    bare = Dataset(
        key="bare", label="bare", synthetic=True, candles=data.candles.assign(taker_buy_volume=np.nan)
    )
    assert set(strips.strip_data(bare, ViewSettings())) == {"rsi"}
