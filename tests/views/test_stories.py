"""Stories, overlays and strips: what they say must be what the tables hold."""

import numpy as np
import pandas as pd
import pytest

from liqcore import wording
from liqcore.feeds import samples
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import track_clusters
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


@pytest.mark.parametrize("venues", [(), ("Alder", "Birch")])
def test_a_realised_cell_is_told_by_its_own_events(data, venues):
    settings = ViewSettings(venues=venues)
    grid = dataset.heatmap(data, settings)
    t, p = np.unravel_index(int(grid.short.argmax()), grid.shape)
    cell = stories.Cell(
        "short",
        grid.price_edges[p],
        grid.price_edges[p + 1],
        grid.time_edges[t],
        grid.time_edges[t + 1],
        float(grid.short[t, p]),
    )
    told = stories.cell_story(data, settings, grid, cell)
    table = dict(told.tables)["Which venues"]
    assert table["USD"].sum() == pytest.approx(float(grid.short[t, p]), rel=1e-4)
    events = data.liquidations
    mine = events[
        (events["time"] >= pd.Timestamp(cell.start, tz="UTC"))
        & (events["time"] < pd.Timestamp(cell.end, tz="UTC"))
        & (events["price"] >= cell.low)
        & (events["price"] < cell.high)
        & (events["side"] == "short")
    ]
    if venues:
        mine = mine[mine["venue"].isin(venues)]
    assert table["Liquidations"].sum() == len(mine)
    assert told.points[0].startswith(f"{len(mine):,} liquidation")


def test_a_modelled_cell_names_leverage_and_candles_that_hold_its_heat(data):
    settings = ViewSettings(layer="modelled", timeframe="1h", hours=96.0)
    grid = dataset.heatmap(data, settings)
    p = int(grid.long[-1].argmax())
    cell = stories.Cell(
        "long",
        grid.price_edges[p],
        grid.price_edges[p + 1],
        grid.time_edges[-2],
        grid.time_edges[-1],
        float(grid.long[-1, p]),
    )
    told = stories.cell_story(data, settings, grid, cell)
    table = dict(told.tables)["Which leverage the model assumes"]
    assert table["USD"].sum() == pytest.approx(float(grid.long[-1, p]), rel=0.25)
    assert "assumed, not observed" in " ".join(told.points)
    assert any("×" in point and "opened between" in point for point in told.points)


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
    assert all(edge >= grid.time_edges[0] for edge in boxes["time_from"])
    told = stories.cluster_story(data, settings, grid, found, chosen[0])
    assert wording.percent(chosen[0].persistence) in told.points[0]
    history = dict(told.tables)["What happened to it"]
    assert len(history) == min(len(found.events_of(chosen[0].id)), 8) > 0
    if layer == "realised":
        assert any("liquidations; the largest is" in point for point in told.points)


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
    assert stories.picked_cell(selection) is None


def test_a_click_becomes_a_cell_with_utc_times():
    cell = stories.picked_cell(
        {
            "side": "long",
            "price_from": 100.0,
            "price_to": 110.0,
            "time_from": 1_700_000_000_000,
            "time_to": 1_700_000_900_000,
            "usd": 5.0,
        }
    )
    assert cell == stories.Cell(
        "long", 100.0, 110.0, np.datetime64("2023-11-14T22:13:20"), np.datetime64("2023-11-14T22:28:20"), 5.0
    )


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
        spec = strips.strip_chart(name, frame, np.array([view.start, view.end]), profile=True)
        assert len(spec["datasets"]["strip"]) == len(frame)
        assert len(strips.words(name, frame)) > 30


def test_strips_of_a_market_without_anything_are_left_out(data):
    bare = Dataset(
        key="bare", label="bare", synthetic=True, candles=data.candles.assign(taker_buy_volume=np.nan)
    )
    assert set(strips.strip_data(bare, ViewSettings())) == {"rsi"}
