"""Events become cells: against a slow reference that shares no code, and against recorded liquidations."""

import bisect
from collections import defaultdict
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from grid_samples import EPOCH, FRAME, SIDES, event_lists, events
from hypothesis import given, settings

from liqcore import tables
from liqcore.heat.grid import MAX_CELLS, GridError, HeatGrid, merge
from liqcore.heat.realised import price_edges, realised_heatmap, time_edges

# A raw frame is checked at every call, which is a hundred small pandas calls.
few = settings(max_examples=12)
MINUTES = {"1m": 1, "5min": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "1d": 1440}


def reference(frame: pd.DataFrame, t_edges: np.ndarray, p_edges: np.ndarray) -> tuple[dict, dict]:
    """One event at a time: a dictionary of cells and one of what lies outside, by side."""
    t_list, p_list = t_edges.astype("int64").tolist(), p_edges.tolist()
    cells: dict[tuple[str, int, int], float] = defaultdict(float)
    outside = dict.fromkeys(SIDES, 0.0)
    for moment, side, price, usd in zip(
        frame["time"], frame["side"], frame["price"], frame["notional"], strict=True
    ):
        t = bisect.bisect_right(t_list, moment.as_unit("ns").value // 1000) - 1
        p = bisect.bisect_right(p_list, price) - 1
        if price == p_list[-1]:
            p -= 1
        if 0 <= t < len(t_list) - 1 and 0 <= p < len(p_list) - 1:
            cells[side, t, p] += usd
        else:
            outside[side] += usd
    return cells, outside


def agrees(grid: HeatGrid, frame: pd.DataFrame) -> None:
    """The grid holds what the reference holds, and loses nothing."""
    cells, outside = reference(frame, grid.time_edges, grid.price_edges)
    for side in SIDES:
        values = getattr(grid, side)
        expected = np.zeros(grid.shape)
        for (name, t, p), usd in cells.items():
            if name == side:
                expected[t, p] = usd
        np.testing.assert_allclose(values, expected, rtol=1e-6)
        lost = getattr(grid, "outside_" + side)
        assert lost == pytest.approx(outside[side], rel=1e-9)
        given_usd = frame.loc[frame["side"] == side, "notional"].sum()
        assert values.sum(dtype=float) + lost == pytest.approx(given_usd, rel=1e-6)


# Against the reference ---------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    event_lists,
    st.sampled_from(sorted(MINUTES)),
    st.integers(1, 40),
    st.sampled_from(["linear", "log"]),
    st.data(),
)
def test_every_event_falls_where_the_reference_puts_it(
    rows: list, timeframe: str, bins: int, scale: Any, data: st.DataObject
) -> None:
    frame = events(rows)
    options: dict[str, Any] = {}
    if data.draw(st.booleans()):
        first, last = sorted(data.draw(st.tuples(st.integers(0, 2900), st.integers(0, 2900))))
        options |= {
            "start": EPOCH + pd.Timedelta(minutes=first),
            "end": EPOCH + pd.Timedelta(minutes=last + 1),
        }
    if data.draw(st.booleans()):
        options["price_range"] = data.draw(
            st.sampled_from([(59_000.0, 61_000.0), (60_000.0, 60_001.0), (1.0, 1e6), (60_100.0, 60_500.0)])
        )
    grid = realised_heatmap(frame, timeframe=timeframe, bins=bins, scale=scale, **options)
    assert grid.kind == "realised"
    assert grid.shape[1] == bins
    agrees(grid, frame)
    step = MINUTES[timeframe] * 60_000_000
    stamps = grid.time_edges.astype("int64")
    assert (stamps % step == 0).all()
    assert (np.diff(stamps) == step).all()
    if "start" not in options:
        assert stamps[0] <= tables.microseconds(tables.liquidations(frame)["time"])[0]
        if "price_range" not in options:
            assert grid.outside == 0.0
    else:
        assert (
            grid.time_edges[0]
            <= tables.to_datetime64(options["start"])
            < grid.time_edges[0] + np.timedelta64(step, "us")
        )
        assert (
            grid.time_edges[-1] - np.timedelta64(step, "us")
            < tables.to_datetime64(options["end"])
            <= grid.time_edges[-1]
        )


@given(
    st.sampled_from(["linear", "log"]),
    st.integers(1, 300),
    st.floats(0.01, 90_000),
    st.floats(1e-9, 2.0),
    st.integers(0, 2**32 - 1),
)
def test_a_price_on_an_edge_or_a_hair_beside_it_falls_where_the_edge_says(
    scale: Any, bins: int, low: float, width: float, seed: int
) -> None:
    high = low * (1 + width)
    edges = price_edges(low, high, bins, scale)
    if not (np.diff(edges) > 0).all():
        return
    rng = np.random.default_rng(seed)
    chosen = rng.choice(edges, size=min(20, bins + 1), replace=False)
    price = np.concatenate([chosen, np.nextafter(chosen, 0), np.nextafter(chosen, np.inf), edges[[0, -1]]])
    frame = events([(1.0, "long", value, 1.0 + index) for index, value in enumerate(price)])
    agrees(realised_heatmap(frame, bins=bins, scale=scale, price_range=(low, high)), frame)


def test_columns_are_closed_at_their_start_and_the_last_bin_at_its_end() -> None:
    frame = events(
        [
            (0, "long", 100.0, 1.0),
            (14.999999, "long", 110.0, 2.0),
            (15, "short", 110.0, 4.0),
            (30, "short", 120.0, 8.0),
        ]
    )
    grid = realised_heatmap(frame, timeframe="15m", bins=2)
    assert [str(edge) for edge in grid.time_edges.astype("datetime64[m]")] == [
        "2026-03-01T00:00",
        "2026-03-01T00:15",
        "2026-03-01T00:30",
        "2026-03-01T00:45",
    ]
    assert grid.price_edges.tolist() == [100.0, 110.0, 120.0]
    assert grid.long.tolist() == [[1, 2], [0, 0], [0, 0]]
    assert grid.short.tolist() == [[0, 0], [0, 4], [0, 8]]


def test_bins_are_even_in_dollars_or_in_ratios() -> None:
    frame = events([(0, "long", 10_000.0, 1.0), (1, "short", 40_000.0, 1.0)])
    linear = realised_heatmap(frame, bins=6).price_edges
    log = realised_heatmap(frame, bins=6, scale="log").price_edges
    np.testing.assert_allclose(np.diff(linear), 5000.0)
    np.testing.assert_allclose(log[1:] / log[:-1], 4 ** (1 / 6))
    for edges in (linear, log):
        assert edges[0] == 10_000.0
        assert edges[-1] == 40_000.0


@pytest.mark.parametrize("count", [32_767, 32_768, 32_769, 100_000])
@pytest.mark.parametrize("spread", [1, 300])
def test_many_events_agree_with_numpy_however_they_are_cut_into_chunks(count: int, spread: int) -> None:
    rng = np.random.default_rng(count)
    minute = np.sort(rng.integers(0, 60 * spread, count)).astype(float)
    frame = events([])
    frame = pd.DataFrame(
        {
            "time": EPOCH + pd.to_timedelta(minute, unit="min"),
            "side": pd.Categorical.from_codes(rng.integers(0, 2, count), list(SIDES)),
            "price": rng.normal(60_000, 900, count).round(1),
            "notional": rng.exponential(1000, count),
            "venue": pd.Categorical.from_codes(rng.integers(0, 3, count), ["a", "b", "c"]),
        }
    )
    grid = realised_heatmap(
        frame,
        timeframe="1m",
        bins=50,
        price_range=(58_000, 62_000),
        start=EPOCH,
        end=EPOCH + pd.Timedelta(minutes=60 * spread - 20),
    )
    minutes_of = (grid.time_edges.astype("int64") - EPOCH.value // 1000) / 60e6
    for side in SIDES:
        part = frame[frame["side"] == side]
        at = (part["time"] - EPOCH).dt.total_seconds() / 60
        # histogram2d closes the last column too; events lie on whole minutes, so half a minute moves none of
        # them.
        expected, _, _ = np.histogram2d(
            at + 0.5, part["price"], bins=[minutes_of, grid.price_edges], weights=part["notional"]
        )
        np.testing.assert_allclose(getattr(grid, side), expected, rtol=1e-5, atol=1e-3)
        total = getattr(grid, side).sum(dtype=float) + getattr(grid, "outside_" + side)
        assert total == pytest.approx(part["notional"].sum(), rel=1e-6)
    by_venue = frame.groupby("venue", observed=True)["notional"].sum()
    assert {
        item.venue: pytest.approx(item.notional, rel=1e-9) for item in grid.provenance.venues
    } == by_venue.to_dict()


# Symmetry, order, time ---------------------------------------------------------------------------


@few
@given(event_lists, st.sampled_from(["1m", "1h"]), st.integers(1, 20))
def test_swapping_the_sides_and_mirroring_price_mirrors_the_grid(
    rows: list, timeframe: str, bins: int
) -> None:
    middle = 120_000.0
    frame = events(rows)
    turned = frame.assign(
        price=middle - frame["price"], side=frame["side"].map({"long": "short", "short": "long"})
    )
    # Edges at odd thirds, so that no price lies on one: a bin is closed below and open above, which no mirror
    # keeps.
    low = 50_000 - 1 / 3
    window: dict[str, Any] = {"timeframe": timeframe, "bins": bins, "price_range": (low, middle - low)}
    grid, other = realised_heatmap(frame, **window), realised_heatmap(turned, **window)
    on_edge = np.isclose(frame["price"].to_numpy()[:, None], grid.price_edges[None], rtol=0, atol=1e-6).any()
    if not on_edge:
        np.testing.assert_allclose(other.long, grid.short[:, ::-1], rtol=1e-6)
        np.testing.assert_allclose(other.short, grid.long[:, ::-1], rtol=1e-6)
    assert (other.outside_long, other.outside_short) == pytest.approx((grid.outside_short, grid.outside_long))


@few
@given(event_lists, st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter(rows: list, random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (realised_heatmap(events(given_rows), bins=10) for given_rows in (rows, shuffled))
    np.testing.assert_array_equal(one.price_edges, other.price_edges)
    np.testing.assert_array_equal(one.time_edges, other.time_edges)
    for side in SIDES:
        np.testing.assert_allclose(getattr(one, side), getattr(other, side), rtol=1e-6)
    assert one.provenance.as_of == other.provenance.as_of


@few
@given(event_lists, st.integers(1, 48))
def test_later_events_never_change_earlier_columns(rows: list, hours: int) -> None:
    window: dict[str, Any] = {
        "timeframe": "1h",
        "bins": 12,
        "start": EPOCH,
        "end": EPOCH + pd.Timedelta(days=3),
        "price_range": (55_000, 65_000),
    }
    frame = events(rows)
    past = frame[frame["time"] < EPOCH + pd.Timedelta(hours=hours)]
    if past.empty:
        return
    full, then = realised_heatmap(frame, **window), realised_heatmap(past, **window)
    for side in SIDES:
        np.testing.assert_array_equal(getattr(then, side)[:hours], getattr(full, side)[:hours])
        assert not getattr(then, side)[hours:].any()


@few
@given(st.lists(event_lists, min_size=2, max_size=3))
def test_binning_parts_and_merging_is_binning_the_whole(parts: list) -> None:
    window: dict[str, Any] = {
        "timeframe": "1h",
        "bins": 12,
        "start": EPOCH,
        "end": EPOCH + pd.Timedelta(days=3),
        "price_range": (55_000, 65_000),
    }
    whole = realised_heatmap(pd.concat([events(rows) for rows in parts]), **window)
    summed = merge([realised_heatmap(events(rows), **window) for rows in parts])
    for side in SIDES:
        np.testing.assert_allclose(getattr(summed, side), getattr(whole, side), rtol=1e-5)
        assert getattr(summed, "outside_" + side) == pytest.approx(getattr(whole, "outside_" + side))
    assert summed.provenance.venues[0].events == whole.provenance.venues[0].events


def test_a_coarser_timeframe_is_the_sum_of_the_finer_columns() -> None:
    rng = np.random.default_rng(3)
    frame = events(
        [
            (float(minute), SIDES[minute % 2], float(price), 10.0)
            for minute, price in enumerate(rng.normal(60_000, 500, 600))
        ]
    )
    window: dict[str, Any] = {
        "bins": 9,
        "start": EPOCH,
        "end": EPOCH + pd.Timedelta(days=1),
        "price_range": (58_000, 62_000),
    }
    fine = realised_heatmap(frame, timeframe="5m", **window)
    coarse = realised_heatmap(frame, timeframe="4h", **window)
    np.testing.assert_allclose(fine.rebin(time=48).total, coarse.total, rtol=1e-6)


def test_local_times_land_in_the_utc_column() -> None:
    local = ["2026-03-29T01:59:00+01:00", "2026-03-29T03:01:00+02:00", "2026-03-29T02:30:00+00:00"]
    frame = pd.DataFrame({"time": local, "side": "long", "price": 60_000.0, "notional": [1.0, 2.0, 4.0]})
    grid = realised_heatmap(frame, timeframe="1h", bins=1)
    assert str(grid.time_edges[0].astype("datetime64[m]")) == "2026-03-29T00:00"
    assert grid.long.ravel().tolist() == [1.0, 2.0, 4.0]
    zoned = realised_heatmap(
        frame,
        timeframe="1h",
        bins=1,
        start="2026-03-29T03:00+02:00",
        end=pd.Timestamp("2026-03-29 04:00", tz="Europe/Paris"),
    )
    assert zoned.long.ravel().tolist() == [2.0]
    assert zoned.outside_long == 5.0


# Odd inputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_one_event_is_a_heatmap(scale: Any) -> None:
    grid = realised_heatmap(events([(7.5, "short", 60_000.0, 250.0)]), timeframe="1m", bins=11, scale=scale)
    assert grid.shape == (1, 11)
    assert grid.short.sum() == 250.0
    assert grid.short[0, 5] == 250.0
    assert grid.long.sum() == grid.outside == 0.0


def test_events_of_one_price_get_a_range_around_it() -> None:
    grid = realised_heatmap(events([(0, "long", 60_000.0, 1.0), (1, "short", 60_000.0, 2.0)]), bins=5)
    assert grid.price_edges[0] < 60_000 < grid.price_edges[-1]
    assert grid.total.sum() == 3.0
    assert grid.outside == 0.0


def test_no_events_and_no_window_is_a_sentence_and_with_a_window_an_empty_map() -> None:
    empty = tables.empty("liquidations")
    with pytest.raises(GridError, match="no liquidations to draw"):
        realised_heatmap(empty)
    with pytest.raises(GridError, match="no liquidations to draw"):
        realised_heatmap(empty, start="2026-03-01", end="2026-03-02")
    grid = realised_heatmap(
        empty, start="2026-03-01", end="2026-03-02", price_range=(1, 2), timeframe="1h", bins=3
    )
    assert grid.shape == (24, 3)
    assert grid.total.sum() == grid.outside == 0.0
    assert grid.provenance.venues == ()
    assert grid.provenance.as_of is None


@pytest.mark.parametrize(
    ("options", "error", "meaning"),
    [
        ({"timeframe": "1m", "end": "2026-12-31", "bins": 200}, GridError, "more than 20,000,000 cells"),
        ({"bins": MAX_CELLS + 1}, GridError, "whole number of price bins"),
        ({"timeframe": pd.Timedelta("1us")}, GridError, "columns are too many"),
        ({"bins": 0}, GridError, "whole number of price bins"),
        ({"bins": 2.5}, GridError, "whole number of price bins"),
        ({"start": "2026-03-02", "end": "2026-03-01"}, GridError, "ends before it starts"),
        ({"start": "2026-03-02", "end": "2026-03-02"}, GridError, "ends before it starts"),
        ({"start": "2027-01-01"}, GridError, "they span Mar 01, 2026, 00:00 to Mar 01, 2026, 01:00 UTC"),
        ({"end": "2020-01-01"}, GridError, "they span Mar 01, 2026, 00:00 to Mar 01, 2026, 01:00 UTC"),
        ({"price_range": (61_000, 59_000)}, GridError, "price range"),
        ({"price_range": (0, 59_000)}, GridError, "price range"),
        ({"price_range": (1, np.inf)}, GridError, "price range"),
        ({"price_range": (np.nan, 2)}, GridError, "price range"),
        ({"price_range": (60_000, float(np.nextafter(60_000, 1e9)))}, GridError, "ascend"),
        ({"scale": "square"}, GridError, "linear or log"),
        ({"observed": [True, False]}, GridError, "one entry a time column"),
        ({"timeframe": "1M"}, tables.TableError, "is not a timeframe"),
        ({"timeframe": "0m"}, tables.TableError, "is not a timeframe"),
        ({"start": "soon"}, tables.TableError, "is not a time"),
    ],
)
def test_impossible_requests_are_said(options: dict[str, Any], error: type[Exception], meaning: str) -> None:
    with pytest.raises(error, match=meaning):
        realised_heatmap(FRAME, **options)


def test_bad_tables_are_said_in_the_words_of_the_table() -> None:
    with pytest.raises(tables.TableError, match="Column 'price', row 2"):
        realised_heatmap(FRAME.assign(price=[1.0, -1.0]))
    with pytest.raises(tables.TableError, match="lack the column 'side'"):
        realised_heatmap(FRAME.drop(columns="side"))


def test_raw_unsorted_frames_are_taken_and_left_as_they_are() -> None:
    raw = FRAME.iloc[::-1].assign(time=lambda frame: frame["time"].astype(str), price=["61000", "59000"])
    before = raw.copy()
    grid = realised_heatmap(raw, bins=4)
    np.testing.assert_array_equal(grid.total, realised_heatmap(tables.liquidations(FRAME), bins=4).total)
    pd.testing.assert_frame_equal(raw, before)


def test_what_nobody_watched_is_marked_and_the_default_is_watched() -> None:
    watched = np.array([True, False, True, True, True])
    assert realised_heatmap(FRAME, timeframe="15m", observed=watched).observed is not None
    np.testing.assert_array_equal(
        realised_heatmap(FRAME, timeframe="15m", observed=watched).observed, watched
    )
    assert np.all(realised_heatmap(FRAME, timeframe="15m").observed)


def test_edges_can_be_made_without_events() -> None:
    edges = time_edges(np.datetime64("2026-03-01T00:07"), np.datetime64("2026-03-01T00:31"), "15m")
    assert [str(edge)[11:16] for edge in edges] == ["00:00", "00:15", "00:30", "00:45"]
    assert len(time_edges(np.datetime64("2026-03-01"), np.datetime64("2026-03-01"), "1d")) == 2
    assert price_edges(1, 16, 4, "log").tolist() == pytest.approx([1, 2, 4, 8, 16])
