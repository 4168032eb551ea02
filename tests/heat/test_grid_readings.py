"""What is read off a grid: profiles, curves, the long form and JSON, each against a plain loop."""

import json

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from grid_samples import SIDES, START, grids, make, usd, venue
from hypothesis import given

from liqcore import tables
from liqcore.heat.grid import HeatGrid, Provenance


def between(grid: HeatGrid, side: str, low: float, high: float) -> float:
    """USD of one side between two prices, bin by bin, a cut bin in proportion."""
    cells = getattr(grid, side).astype(float)
    total = 0.0
    for p in range(grid.shape[1]):
        a, b = grid.price_edges[p], grid.price_edges[p + 1]
        share = max(0.0, min(b, high) - max(a, low)) / (b - a)
        total += share * (cells[-1, p] if grid.is_stock else cells[:, p].sum())
    return total


@given(grids())
def test_the_profile_sums_a_flow_and_takes_the_last_state_of_a_stock(grid: HeatGrid) -> None:
    profile = grid.profile()
    np.testing.assert_array_equal(profile["price_low"], grid.price_edges[:-1])
    np.testing.assert_array_equal(profile["price_high"], grid.price_edges[1:])
    assert (profile["price"] > profile["price_low"]).all()
    assert (profile["price"] < profile["price_high"]).all()
    for side in SIDES:
        expected = [
            between(grid, side, a, b)
            for a, b in zip(grid.price_edges[:-1], grid.price_edges[1:], strict=True)
        ]
        np.testing.assert_allclose(profile[side], expected, rtol=1e-9)


prices = st.one_of(
    st.floats(15_000, 95_000), st.sampled_from([50_000.0, 70_000.0, 60_000.0, 20_000.0, 90_000.0])
)


@given(grids(), prices)
def test_the_curves_count_longs_below_and_shorts_above_the_reference(
    grid: HeatGrid, reference: float
) -> None:
    curve = grid.cumulative(reference)
    assert set(grid.price_edges) <= set(curve["price"])
    if grid.price_edges[0] <= reference <= grid.price_edges[-1]:
        assert reference in set(curve["price"])
    for price, long_below, short_above in curve.itertuples(index=False):
        assert long_below == pytest.approx(
            between(grid, "long", price, reference), rel=1e-6, abs=1e-9 * usd(grid, "long")
        )
        assert short_above == pytest.approx(
            between(grid, "short", reference, price), rel=1e-6, abs=1e-9 * usd(grid, "short")
        )
    assert (curve["long_below"].diff().dropna() <= 0).all()
    assert (curve["short_above"].diff().dropna() >= 0).all()


@given(grids(), prices, prices)
def test_a_move_liquidates_longs_on_the_way_down_and_shorts_on_the_way_up(
    grid: HeatGrid, start: float, end: float
) -> None:
    way = grid.on_the_way(start, end)
    assert set(way) == {"long", "short"}
    tolerance = {side: 1e-9 * usd(grid, side) + 1e-12 for side in SIDES}
    assert way["long"] == pytest.approx(between(grid, "long", end, start), rel=1e-6, abs=tolerance["long"])
    assert way["short"] == pytest.approx(between(grid, "short", start, end), rel=1e-6, abs=tolerance["short"])
    assert way["long" if end >= start else "short"] == 0.0


# Out ---------------------------------------------------------------------------------------------


@given(grids())
def test_the_long_form_holds_every_cell_once_and_nothing_else(grid: HeatGrid) -> None:
    frame = grid.to_frame()
    for side in SIDES:
        part = frame[frame["side"] == side]
        rebuilt = np.zeros(grid.shape)
        t = np.searchsorted(grid.time_edges, part["time_from"].dt.tz_localize(None).to_numpy())
        p = np.searchsorted(grid.price_edges, part["price_from"].to_numpy())
        np.add.at(rebuilt, (t, p), part["usd"].to_numpy())
        np.testing.assert_array_equal(rebuilt, getattr(grid, side))
        assert (part["time_to"].dt.tz_localize(None).to_numpy() == grid.time_edges[t + 1]).all()
        assert (part["price_to"].to_numpy() == grid.price_edges[p + 1]).all()
    assert (frame["usd"] != 0).all()
    assert (frame["kind"] == grid.kind).all()
    assert frame["time_from"].is_monotonic_increasing
    assert str(frame["time_from"].dtype) == tables.TIME_DTYPE


def test_the_long_form_names_venues_and_completeness_in_every_row() -> None:
    facts = Provenance(venues=(venue("okx"), venue("binance", "sampled")))
    frame = make([[1.0, 0.0]], [[0.0, 2.0]], provenance=facts).to_frame()
    assert frame["venues"].tolist() == ["okx, binance"] * 2
    assert frame["completeness"].tolist() == ["mixed"] * 2
    assert frame["side"].cat.categories.tolist() == list(SIDES)
    assert make([[0.0]]).to_frame().empty


@given(grids())
def test_the_json_holds_the_same_usd_in_the_shape_of_coinglass(grid: HeatGrid) -> None:
    out = json.loads(grid.to_json())
    assert set(out) == {"y_axis", "liquidation_leverage_data", "price_candlesticks", "heatlab"}
    assert len(out["y_axis"]) == grid.shape[1]
    np.testing.assert_allclose(out["y_axis"], grid.price_centres, atol=1e-4)
    extra = out["heatlab"]
    for rows, cells in (
        (out["liquidation_leverage_data"], grid.total),
        (extra["long"], grid.long),
        (extra["short"], grid.short),
    ):
        rebuilt = np.zeros(grid.shape)
        for t, p, value in rows:
            rebuilt[t, p] += value
        np.testing.assert_allclose(rebuilt, cells, rtol=1e-6, atol=0.0051)
        assert len(rows) == np.count_nonzero(cells)
    assert extra["kind"] == grid.kind
    assert extra["unit"] == "USD"
    assert extra["price_edges"] == grid.price_edges.tolist()
    assert (
        pd.to_datetime(extra["time_edges"]).tz_convert(None).tolist()
        == pd.DatetimeIndex(grid.time_edges).tolist()
    )
    assert extra["outside"] == {"long": grid.outside_long, "short": grid.outside_short}
    assert grid.observed is not None
    assert extra["unobserved_columns"] == np.flatnonzero(~grid.observed).tolist()


def test_the_json_tells_where_the_numbers_come_from_in_plain_json() -> None:
    facts = Provenance(
        source="files",
        as_of=START,
        model="flow-identity",
        flags=("No open interest.",),
        venues=(venue("okx", events=3, notional=12.5, price_kind="fill"),),
        parameters=(
            ("holding", float("inf")),
            ("mix", (np.int64(5), np.float32(0.5))),
            ("tiers", {5: np.array([1.0])}),
            ("since", pd.Timestamp("2026-03-01")),
        ),
    )

    def strict(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    extra = json.loads(make([[1.0]], provenance=facts).to_json(), parse_constant=strict)["heatlab"]
    assert extra["source"] == "files"
    assert pd.Timestamp(extra["as_of"]) == pd.Timestamp(START, tz="UTC")
    assert extra["model"] == "flow-identity"
    assert extra["flags"] == ["No open interest."]
    assert extra["venues"] == [
        {"venue": "okx", "completeness": "all", "price_kind": "fill", "events": 3, "usd": 12.5}
    ]
    assert extra["parameters"] == {
        "holding": "inf",
        "mix": [5, 0.5],
        "tiers": {"5": [1.0]},
        "since": "2026-03-01 00:00:00",
    }


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_candles_in_the_json_are_seconds_and_text(unit: str) -> None:
    time = pd.DatetimeIndex(["2026-03-01 00:00", "2026-03-01 00:05"], tz="UTC").as_unit(unit)  # type: ignore[arg-type]
    candles = pd.DataFrame(
        {
            "time": time,
            "open": [1.5, 2.0],
            "high": [3.0, 3.0],
            "low": [1.0, 1.0],
            "close": [2.0, 2.5],
            "volume": [7.0, np.nan],
        }
    )
    bars = json.loads(make([[1.0]]).to_json(candles))["price_candlesticks"]
    second = int(pd.Timestamp("2026-03-01", tz="UTC").timestamp())
    assert bars[0] == [second, "1.5", "3", "1", "2", "7"]
    assert bars[1][0] == second + 300
    assert all(float(value) >= 0 for value in bars[1][1:])
    assert json.loads(make([[1.0]]).to_json(candles.iloc[:0]))["price_candlesticks"] == []
