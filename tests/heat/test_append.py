"""Going on with a grid is building it from all the events, whatever comes, however late."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings, strategies as st

from liqcore import tables
from liqcore.heat.append import append_events
from liqcore.heat.grid import GridError, Provenance
from liqcore.heat.realised import realised_heatmap

BEGIN = pd.Timestamp("2026-03-01", tz="UTC")
RANGE = (50_000.0, 60_000.0)


def made(minutes, seed):
    rng = np.random.default_rng(seed)
    count = len(minutes)
    return tables.liquidations(
        pd.DataFrame(
            {
                "time": BEGIN + pd.to_timedelta(np.asarray(minutes, dtype=float), unit="min"),
                "venue": rng.choice(["a", "b", "c"], count),
                "side": rng.choice(["long", "short"], count),
                "price": rng.choice([49_000.0, 50_000.0, 55_000.0, 59_999.0, 60_000.0, 61_000.0], count),
                "notional": rng.integers(1, 2**20, count).astype(float),
                "completeness": rng.choice(["all", "sampled"], count),
                "price_kind": rng.choice(["fill", "bankruptcy"], count),
            }
        )
    )


moments = st.lists(st.integers(-60, 600), min_size=1, max_size=30)


@given(
    first=st.lists(st.integers(-60, 179), min_size=1, max_size=30),
    second=moments,
    columns=st.sampled_from([4, 12, 40]),
    seed=st.integers(0, 99),
)
@example(first=[0], second=[240], columns=4, seed=0)
@settings(max_examples=25)
def test_going_on_is_building_from_everything(first, second, columns, seed):
    old, new = made(first, seed), made(second, seed + 1)
    grid = realised_heatmap(
        old, "15min", 40, start=BEGIN, end=BEGIN + pd.Timedelta(hours=3), price_range=RANGE
    )
    gone_on = append_events(grid, new, columns=columns)
    both = tables.liquidations(pd.concat([frame.astype({"venue": str}) for frame in (old, new)]))
    built = realised_heatmap(
        both, "15min", 40, start=gone_on.time_edges[0], end=gone_on.time_edges[-1], price_range=RANGE
    )
    assert len(gone_on.time_edges) - 1 == columns or (columns > 12 and gone_on.shape[0] >= 12)
    assert gone_on.time_edges[-1] >= new["time"].max().tz_localize(None).to_datetime64()
    # Dropped columns were rounded to float32 once; cells are whole dollars below 2^24 and exact.
    np.testing.assert_array_equal(gone_on.long, built.long)
    np.testing.assert_array_equal(gone_on.short, built.short)
    np.testing.assert_allclose(
        [gone_on.outside_long, gone_on.outside_short], [built.outside_long, built.outside_short], rtol=1e-6
    )
    assert gone_on.total.sum(dtype=float) + gone_on.outside == pytest.approx(
        old["notional"].sum() + new["notional"].sum()
    )
    assert {
        (item.venue, item.completeness, item.price_kind, item.events, item.notional)
        for item in gone_on.provenance.venues
    } == {
        (item.venue, item.completeness, item.price_kind, item.events, item.notional)
        for item in built.provenance.venues
    }
    assert gone_on.provenance.as_of == built.provenance.as_of
    assert gone_on.provenance.flags == built.provenance.flags


def test_time_alone_moves_the_columns_and_gaps_stay_gaps():
    seen = np.array([True, False, True, True])
    grid = realised_heatmap(
        made([5, 50], 0),
        "15min",
        4,
        start=BEGIN,
        end=BEGIN + pd.Timedelta(hours=1),
        price_range=RANGE,
        observed=seen,
    )
    on = append_events(grid, tables.empty("liquidations"), end=BEGIN + pd.Timedelta(minutes=61))
    assert on.observed.tolist() == [False, True, True, True]
    assert on.time_edges[0] == grid.time_edges[1]
    np.testing.assert_array_equal(on.long[:-1], grid.long[1:])
    assert on.provenance.as_of == grid.provenance.as_of


def test_what_is_no_flow_does_not_go_on():
    grid = realised_heatmap(
        made([5], 0), "15min", 4, start=BEGIN, end=BEGIN + pd.Timedelta(hours=1), price_range=RANGE
    )
    stock = type(grid)(
        kind="modelled",
        time_edges=grid.time_edges,
        price_edges=grid.price_edges,
        long=grid.long,
        short=grid.short,
        provenance=Provenance(),
    )
    with pytest.raises(GridError, match="Only a realised"):
        append_events(stock, made([5], 0))
