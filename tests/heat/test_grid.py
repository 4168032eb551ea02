"""HeatGrid keeps its USD through every change of shape, and refuses what would mix different things."""

import dataclasses
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from grid_samples import HOUR, KINDS, SIDES, START, grids, make, usd, venue
from hypothesis import given

from liqcore import tables
from liqcore.heat.grid import GridError, HeatGrid, Provenance, completeness_flags, merge


def same_cells(one: HeatGrid, other: HeatGrid, rtol: float = 1e-6) -> None:
    for side in SIDES:
        np.testing.assert_allclose(getattr(one, side), getattr(other, side), rtol=rtol)
        assert getattr(one, "outside_" + side) == pytest.approx(getattr(other, "outside_" + side), rel=1e-9)
    np.testing.assert_array_equal(one.observed, other.observed)


# What a grid is ----------------------------------------------------------------------------------


def test_a_grid_is_frozen_and_of_fixed_types() -> None:
    grid = make([[1, 2], [3, 4]])
    with pytest.raises(dataclasses.FrozenInstanceError):
        grid.long = np.zeros((2, 2))  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        grid.provenance.source = "elsewhere"  # type: ignore[misc]
    assert grid.long.dtype == grid.short.dtype == np.float32
    assert grid.price_edges.dtype == np.float64
    assert grid.time_edges.dtype == "datetime64[us]"
    assert grid.observed is not None
    assert grid.observed.tolist() == [True, True]
    assert grid.shape == (2, 2)


@pytest.mark.parametrize(
    ("change", "meaning"),
    [
        ({"kind": "liquidations"}, "realised, modelled or measured"),
        ({"long": np.zeros((2, 3))}, r"shape \(time, price\) = \(2, 2\)"),
        ({"short": np.zeros((1, 2))}, r"shape \(time, price\) = \(2, 2\)"),
        ({"time_edges": START + HOUR * np.array([0, 1, 1])}, "ascend"),
        ({"time_edges": np.array([START, np.datetime64("NaT"), START + HOUR])}, "ascend"),
        ({"price_edges": [3.0, 2.0, 1.0]}, "ascend"),
        ({"price_edges": [1.0, np.nan, 3.0]}, "ascend"),
        ({"price_edges": [1.0, 2.0, np.inf]}, "finite"),
        ({"long": [[1, np.nan], [1, 1]]}, "finite"),
        ({"short": [[1, np.inf], [1, 1]]}, "finite"),
        ({"time_edges": [START], "long": np.zeros((0, 2)), "short": np.zeros((0, 2))}, "at least one"),
        ({"price_edges": [1.0], "long": np.zeros((2, 0)), "short": np.zeros((2, 0))}, "at least one"),
        ({"observed": [True]}, "one entry a time column"),
    ],
)
def test_what_is_no_grid_is_said(change: dict[str, Any], meaning: str) -> None:
    with pytest.raises(GridError, match=meaning):
        dataclasses.replace(make([[1, 2], [3, 4]]), **change)


def test_sides_total_and_net() -> None:
    grid = make([[1, 2]], [[10, 20]])
    assert grid.side("long").tolist() == [[1, 2]]
    assert grid.side("short").tolist() == [[10, 20]]
    assert grid.side("both").tolist() == grid.total.tolist() == [[11, 22]]
    assert grid.side("net").tolist() == grid.net.tolist() == [[-9, -18]]
    assert dataclasses.replace(grid, outside_long=3.0, outside_short=4.0).outside == 7.0


@pytest.mark.parametrize("bins", [2, 3, 7, 200])
def test_the_spacing_is_told_from_the_edges_even_after_rebin(bins: int) -> None:
    linear = make(np.zeros((1, bins)), edges=np.linspace(60_000, 66_000, bins + 1))
    log = make(np.zeros((1, bins)), edges=np.geomspace(60_000, 66_000, bins + 1))
    assert linear.scale == "linear"
    assert log.scale == "log"
    np.testing.assert_allclose(log.price_centres, np.sqrt(log.price_edges[:-1] * log.price_edges[1:]))
    for price in (2, 3, 4):
        coarse = linear.rebin(price=price)
        assert coarse.scale == "linear"
        np.testing.assert_allclose(
            coarse.price_centres, (coarse.price_edges[:-1] + coarse.price_edges[1:]) / 2
        )
        if bins > 3 * price:
            assert log.rebin(price=price).scale == "log"


# Merge -------------------------------------------------------------------------------------------

EDGES = np.linspace(100, 200, 5)
alike = grids("modelled", (3, 4), EDGES)


@given(st.lists(alike, min_size=1, max_size=4))
def test_merge_adds_cells_and_outside_and_keeps_only_what_all_observed(parts: list[HeatGrid]) -> None:
    out = merge(parts)
    for side in SIDES:
        expected = np.sum([getattr(part, side).astype(float) for part in parts], axis=0)
        np.testing.assert_allclose(getattr(out, side), expected, rtol=1e-6)
        assert getattr(out, "outside_" + side) == pytest.approx(
            sum(getattr(part, "outside_" + side) for part in parts)
        )
    np.testing.assert_array_equal(out.observed, np.all([part.observed for part in parts], axis=0))


@given(alike, alike, alike)
def test_merge_does_not_mind_order_or_brackets(a: HeatGrid, b: HeatGrid, c: HeatGrid) -> None:
    same_cells(merge([a, b, c]), merge([c, a, b]), rtol=1e-6)
    same_cells(merge([merge([a, b]), c]), merge([a, merge([b, c])]), rtol=1e-6)
    same_cells(merge([a]), a)


@given(alike, alike)
def test_merge_and_rebin_may_trade_places(a: HeatGrid, b: HeatGrid) -> None:
    same_cells(merge([a, b]).rebin(2, 3), merge([a.rebin(2, 3), b.rebin(2, 3)]))


def test_merge_sums_in_double_precision() -> None:
    # In float32, 2**24 + 1 is 2**24: a thousand small parts would vanish one after the other.
    parts = [make([[2.0**24]])] + [make([[1.0]])] * 1024
    assert float(merge(parts).long[0, 0]) == 2.0**24 + 1024


def test_merge_refuses_what_does_not_belong_together() -> None:
    grid = make([[1.0, 2.0]])
    with pytest.raises(GridError, match="no grid"):
        merge([])
    for other in KINDS[1:]:
        with pytest.raises(GridError, match=f"A realised and a {other} heatmap are different things"):
            merge([grid, dataclasses.replace(grid, kind=other)])  # type: ignore[arg-type]
    for change in ({"time_edges": grid.time_edges + HOUR}, {"price_edges": grid.price_edges + 1e-6}):
        with pytest.raises(GridError, match="different edges"):
            merge([grid, dataclasses.replace(grid, **change)])
    with pytest.raises(GridError, match="different edges"):
        merge([grid, make([[1.0]])])


def test_merge_adds_predictions_only_where_every_part_has_them() -> None:
    time = pd.date_range("2026-03-01", periods=3, freq="h", tz="UTC")
    table = pd.DataFrame({"time": time, "long": [1.0, 2.0, 3.0], "short": [0.0, 5.0, 0.0]})
    a = make([[1.0]], kind="modelled", predicted=table)
    b = make([[1.0]], kind="modelled", predicted=table.iloc[1:])
    out = merge([a, b]).predicted
    assert out is not None
    assert out["time"].tolist() == list(time)
    assert out["long"].tolist() == [1.0, 4.0, 6.0]
    assert out["short"].tolist() == [0.0, 10.0, 0.0]
    assert merge([a, dataclasses.replace(b, predicted=None)]).predicted is None


def with_facts(**facts: Any) -> HeatGrid:
    return make([[1.0]], provenance=Provenance(**facts))


def test_merged_provenance_is_as_old_as_its_oldest_part_and_names_every_source_once() -> None:
    day = np.timedelta64(1, "D")
    a = with_facts(
        source="files",
        as_of=START,
        venues=(venue("okx", events=2, notional=5.0),),
        model="m",
        parameters=(("bins", 3),),
    )
    b = with_facts(
        source="stream",
        as_of=START - day,
        venues=(venue("bybit", events=1, notional=1.0),),
        model="m",
        parameters=(("bins", 3),),
    )
    c = with_facts(
        source="files", venues=(venue("okx", events=3, notional=4.0),), model="n", parameters=(("bins", 4),)
    )
    facts = merge([a, b, c]).provenance
    assert facts.as_of == START - day
    assert facts.source == "files, stream"
    assert facts.model == "m + n"
    assert facts.parameters == ()
    assert merge([a, b]).provenance.parameters == (("bins", 3),)
    assert {item.venue: (item.events, item.notional) for item in facts.venues} == {
        "okx": (5, 9.0),
        "bybit": (1, 1.0),
    }
    assert facts.venue_names == ("okx", "bybit")
    assert with_facts().provenance.as_of is None
    assert merge([with_facts(), with_facts()]).provenance.as_of is None


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("all", "all"), "all"),
        (("all", "sampled"), "sampled"),
        (("unknown", "sampled"), "sampled"),
        (("all", "unknown"), "unknown"),
    ],
)
def test_a_venue_is_as_complete_as_its_least_complete_part(kinds: tuple[str, str], expected: str) -> None:
    parts = [with_facts(venues=(venue("okx", kind, price_kind="fill"),)) for kind in kinds]
    for order in (parts, parts[::-1]):
        (merged,) = merge(order).provenance.venues
        assert merged.completeness == expected
        assert merged.price_kind == "fill"
    mixed = [with_facts(venues=(venue("okx", price_kind=kind),)) for kind in ("fill", "mark")]
    assert merge(mixed).provenance.venues[0].price_kind == "mixed"


def test_a_sum_of_sampled_and_complete_venues_says_so_once() -> None:
    assert completeness_flags([venue("okx"), venue("x", "unknown")]) == ()
    assert completeness_flags([]) == ()
    (alone,) = completeness_flags([venue("binance", "sampled")])
    assert "Binance" in alone
    assert "lower bound" in alone
    assert "added here" not in alone
    sampled = with_facts(venues=(venue("binance", "sampled"),), flags=(alone, "No open interest."))
    complete = with_facts(venues=(venue("okx"),), flags=("No open interest.",))
    facts = merge([sampled, complete]).provenance
    about_samples = [flag for flag in facts.flags if "sample" in flag]
    assert len(about_samples) == 1
    assert "Binance" in about_samples[0]
    assert "added here to others (OKX)" in about_samples[0]
    assert facts.flags.count("No open interest.") == 1
    assert facts.completeness == "mixed"
    assert sampled.provenance.completeness == "sampled"
    assert Provenance().completeness == "unknown"


# Rebin -------------------------------------------------------------------------------------------


@given(grids(), st.integers(1, 4), st.integers(1, 4))
def test_rebin_conserves_and_matches_a_plain_loop(grid: HeatGrid, time: int, price: int) -> None:
    out = grid.rebin(time=time, price=price)
    columns, bins = -(-grid.shape[0] // time), -(-grid.shape[1] // price)
    assert out.shape == (columns, bins)
    for side in SIDES:
        assert usd(out, side) == pytest.approx(usd(grid, side), rel=1e-6)
        cells = getattr(grid, side).astype(float)
        for i in range(columns):
            rows = cells[i * time : (i + 1) * time]
            row = rows[-1] if grid.is_stock else rows.sum(axis=0)
            expected = [row[j * price : (j + 1) * price].sum() for j in range(bins)]
            np.testing.assert_allclose(getattr(out, side)[i], expected, rtol=1e-6)
    assert grid.observed is not None
    assert out.observed is not None
    assert out.observed.tolist() == [
        bool(grid.observed[i * time : (i + 1) * time].all()) for i in range(columns)
    ]
    assert (out.time_edges[0], out.time_edges[-1]) == (grid.time_edges[0], grid.time_edges[-1])
    assert (out.price_edges[0], out.price_edges[-1]) == (grid.price_edges[0], grid.price_edges[-1])
    assert np.isin(out.time_edges, grid.time_edges).all()
    assert np.isin(out.price_edges, grid.price_edges).all()


@given(grids(), st.integers(1, 3), st.integers(1, 3))
def test_rebinning_twice_is_rebinning_by_the_product(grid: HeatGrid, once: int, again: int) -> None:
    same_cells(grid.rebin(once, again).rebin(again, once), grid.rebin(once * again, once * again))
    same_cells(grid.rebin(1, 1), grid, rtol=0)


def test_rebin_sums_in_double_precision() -> None:
    # In float32, 2**24 + 1 is 2**24. Eight apart, the ones meet the giant even where numpy sums in eight
    # lanes.
    cells = np.zeros((128, 1))
    cells[0] = 2.0**24
    cells[8:120:8] = 1.0
    assert float(make(cells).rebin(time=200).long[0, 0]) == 2.0**24 + 14
    assert float(make(cells.T).rebin(price=200).long[0, 0]) == 2.0**24 + 14
    assert make(cells).profile()["long"].item() == 2.0**24 + 14
    assert make(cells).crop(end=START + HOUR, low=1000.0).outside_long == 14


@pytest.mark.parametrize("size", [0, -1, 1.5])
def test_rebin_takes_whole_numbers(size: float) -> None:
    for change in ({"time": size}, {"price": size}):
        with pytest.raises(GridError, match="whole numbers"):
            make([[1.0, 2.0]]).rebin(**change)  # type: ignore[arg-type]
    assert make([[1.0, 2.0]]).rebin(price=np.int64(2)).shape == (1, 1)  # type: ignore[arg-type]


# Crop --------------------------------------------------------------------------------------------


@given(grids(), st.data())
def test_crop_keeps_what_touches_the_window_and_conserves(grid: HeatGrid, data: st.DataObject) -> None:
    first, last = sorted(data.draw(st.tuples(st.integers(-30, 420), st.integers(-30, 420))))
    start, end = START + np.timedelta64(first, "m"), START + np.timedelta64(last + 1, "m")
    price = st.one_of(st.sampled_from(grid.price_edges.tolist()), st.floats(15_000, 95_000))
    low, high = sorted(data.draw(st.tuples(price, price)))
    high = high if high > low else low + 1.0
    t_keep = (grid.time_edges[:-1] < end) & (grid.time_edges[1:] > start)
    p_keep = (grid.price_edges[:-1] < high) & (grid.price_edges[1:] > low)
    if not (t_keep.any() and p_keep.any()):
        with pytest.raises(
            GridError, match="The window holds nothing: the grid spans Mar 01, 2026, 00:00 to"
        ):
            grid.crop(start, end, low, high)
        return
    out = grid.crop(start, end, low, high)
    inside = np.ix_(t_keep, p_keep)
    for side in SIDES:
        full = getattr(grid, side)
        np.testing.assert_array_equal(getattr(out, side), full[inside])
        if not grid.is_stock:
            assert usd(out, side) == pytest.approx(usd(grid, side), rel=1e-9)
        else:
            column = np.flatnonzero(t_keep)[-1]
            known = getattr(grid, "outside_" + side) if column == grid.shape[0] - 1 else 0.0
            assert usd(out, side) == pytest.approx(float(full[column].astype(float).sum()) + known, rel=1e-9)
    assert grid.observed is not None
    np.testing.assert_array_equal(out.observed, grid.observed[t_keep])
    assert out.time_edges[0] == grid.time_edges[:-1][t_keep][0]
    assert out.time_edges[-1] == grid.time_edges[1:][t_keep][-1]
    assert out.price_edges[0] == grid.price_edges[:-1][p_keep][0]
    assert out.price_edges[-1] == grid.price_edges[1:][p_keep][-1]


@given(grids())
def test_an_open_window_crops_nothing(grid: HeatGrid) -> None:
    out = grid.crop()
    same_cells(out, grid, rtol=0)
    same_cells(
        grid.crop(grid.time_edges[0], grid.time_edges[-1], grid.price_edges[0], grid.price_edges[-1]),
        grid,
        rtol=0,
    )
    np.testing.assert_array_equal(out.price_edges, grid.price_edges)


@given(grids())
def test_cropping_column_by_column_adds_up_to_the_whole(grid: HeatGrid) -> None:
    for side in SIDES:
        parts = [
            getattr(grid.crop(a, b), side)
            for a, b in zip(grid.time_edges[:-1], grid.time_edges[1:], strict=True)
        ]
        np.testing.assert_array_equal(np.concatenate(parts), getattr(grid, side))


def test_crop_reads_times_in_any_zone_and_refuses_nonsense() -> None:
    grid = make(np.arange(24.0).reshape(24, 1))
    assert grid.crop(start="2026-03-01 10:00", end="2026-03-01 12:00").long.ravel().tolist() == [10, 11]
    assert grid.crop(
        start="2026-03-01T12:00+02:00", end=pd.Timestamp("2026-03-01 12:00", tz="UTC")
    ).long.ravel().tolist() == [10, 11]
    assert grid.crop(start="2026-03-01 10:59:59", end="2026-03-01 11:00:01").long.ravel().tolist() == [10, 11]
    with pytest.raises(tables.TableError, match="is not a time"):
        grid.crop(start="soon")


# Mirror ------------------------------------------------------------------------------------------


def mirrored(grid: HeatGrid) -> HeatGrid:
    """Prices turned upside down around the middle of the range, and the sides swapped."""
    turned = grid.price_edges[0] + grid.price_edges[-1] - grid.price_edges[::-1]
    return dataclasses.replace(
        grid,
        price_edges=turned,
        long=grid.short[:, ::-1],
        short=grid.long[:, ::-1],
        outside_long=grid.outside_short,
        outside_short=grid.outside_long,
    )


@given(
    grids(shape=(3, 6), edges=np.linspace(50_000, 70_000, 7)),
    st.floats(45_000, 75_000),
    st.floats(45_000, 75_000),
)
def test_swapping_sides_and_mirroring_price_mirrors_every_reading(
    grid: HeatGrid, start: float, end: float
) -> None:
    other = mirrored(grid)
    way, back = grid.on_the_way(start, end), other.on_the_way(120_000 - start, 120_000 - end)
    assert way["long"] == pytest.approx(back["short"], rel=1e-6, abs=1e-6 * usd(grid, "long"))
    assert way["short"] == pytest.approx(back["long"], rel=1e-6, abs=1e-6 * usd(grid, "short"))
    np.testing.assert_allclose(other.profile()["short"].to_numpy()[::-1], grid.profile()["long"], rtol=1e-9)
    np.testing.assert_array_equal(other.net, -grid.net[:, ::-1])
    np.testing.assert_array_equal(other.rebin(price=2).short[:, ::-1], grid.rebin(price=2).long)
