"""A grid of events names its venues and how complete they are, and agrees with pandas on recorded
liquidations."""

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from grid_samples import EPOCH, FRAME, SIDES, event_rows, events
from hypothesis import given, settings

from liqcore import tables, wording
from liqcore.heat.realised import realised_heatmap

VENUES = ("okx", "bybit", "binance")


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(
            event_rows,
            st.sampled_from(VENUES),
            st.sampled_from(tables.COMPLETENESS),
            st.sampled_from(tables.PRICE_KINDS),
        ),
        min_size=1,
        max_size=25,
    ),
    st.booleans(),
)
def test_provenance_counts_every_event_of_every_venue(rows: list, narrow: bool) -> None:
    frame = events(
        [entry[0] for entry in rows],
        venue=[entry[1] for entry in rows],
        completeness=[entry[2] for entry in rows],
        price_kind=[entry[3] for entry in rows],
    )
    grid = realised_heatmap(
        frame, bins=3, source="a file", **({"price_range": (60_000, 60_200)} if narrow else {})
    )
    expected = frame.groupby("venue").agg(
        events=("notional", "size"),
        notional=("notional", "sum"),
        completeness=("completeness", set),
        price_kind=("price_kind", set),
    )
    found = {item.venue: item for item in grid.provenance.venues}
    assert set(found) == set(expected.index)
    for name, wanted in expected.iterrows():
        item = found[str(name)]
        assert item.events == wanted["events"]
        assert item.notional == pytest.approx(wanted["notional"], rel=1e-9)
        worst = next(kind for kind in ("sampled", "unknown", "all") if kind in wanted["completeness"])
        assert item.completeness == worst
        assert item.price_kind == (wanted["price_kind"].pop() if len(wanted["price_kind"]) == 1 else "mixed")
    assert grid.provenance.source == "a file"
    assert pd.Timestamp(grid.provenance.as_of, tz="UTC") == frame["time"].max()
    sampled = [name for name, item in found.items() if item.completeness == "sampled"]
    guessed = set(frame.loc[frame["price_kind"] == "estimated", "venue"])
    assert len(grid.provenance.flags) == bool(sampled) + bool(guessed)
    assert all(wording.venue(name) in grid.provenance.flags[-1] for name in guessed)
    for name in sampled:
        assert wording.venue(name) in grid.provenance.flags[0]


def test_a_sampled_venue_added_to_complete_ones_is_flagged() -> None:
    grid = realised_heatmap(FRAME.assign(venue=["binance", "okx"], completeness=["sampled", "all"]))
    (flag,) = grid.provenance.flags
    assert "Binance" in flag
    assert "added here to others (OKX)" in flag
    assert grid.provenance.completeness == "mixed"
    assert realised_heatmap(FRAME.assign(venue=["binance", "okx"], completeness="all")).provenance.flags == ()


def test_a_venue_that_was_filtered_out_is_not_named() -> None:
    table = tables.liquidations(FRAME.assign(venue=["binance", "okx"]))
    assert realised_heatmap(table[table["venue"] == "okx"]).provenance.venue_names == ("okx",)


def test_thousands_of_venues_are_counted_apart() -> None:
    count = 4000
    frame = pd.DataFrame(
        {
            "time": EPOCH,
            "side": "long",
            "price": 60_000.0,
            "notional": np.arange(1.0, count + 1),
            "venue": [f"v{i:04d}" for i in range(count)],
        }
    )
    facts = realised_heatmap(frame).provenance
    assert [item.events for item in facts.venues] == [1] * count
    assert [item.notional for item in facts.venues] == frame["notional"].tolist()


# Recorded liquidations ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(real_data: Path) -> pd.DataFrame:
    path = real_data / "J_2026-03_04_pacifica" / "liq_events_pacifica.parquet"
    if not path.is_file():
        pytest.skip(f"{path.name} is not among the recorded data")
    return pd.read_parquet(path)


@pytest.mark.real_data
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_recorded_liquidations_sum_to_the_same_hours(recorded: pd.DataFrame, scale: Any) -> None:
    table = pd.DataFrame(
        {
            "time": recorded["ts"],
            "venue": recorded["exchange"],
            "side": recorded["position"].str.lower(),
            "price": recorded["price"],
            "quantity": recorded["qty"],
            "notional": recorded["usd"],
            "price_kind": "fill",
            "completeness": "all",
        }
    )
    grid = realised_heatmap(table, timeframe="1h", bins=150, scale=scale)
    hour = recorded["ts"].dt.floor("h").dt.tz_localize(None)
    hourly = recorded.pivot_table(index=hour, columns="position", values="usd", aggfunc="sum").fillna(0.0)
    hourly = hourly.reindex(pd.DatetimeIndex(grid.time_edges[:-1]), fill_value=0.0)
    by_price = pd.cut(recorded["price"], grid.price_edges, labels=False, right=False).fillna(149).astype(int)
    for side in SIDES:
        cells = getattr(grid, side).astype(float)
        np.testing.assert_allclose(cells.sum(axis=1), hourly[side.capitalize()], rtol=1e-5)
        profile = (
            recorded["usd"]
            .where(recorded["position"] == side.capitalize(), 0.0)
            .groupby(by_price)
            .sum()
            .reindex(range(150), fill_value=0.0)
        )
        np.testing.assert_allclose(grid.profile()[side], profile, rtol=1e-5)
        assert cells.sum() == pytest.approx(
            recorded.loc[recorded["position"] == side.capitalize(), "usd"].sum(), rel=1e-6
        )
    assert grid.outside == 0.0
    (venue,) = grid.provenance.venues
    assert (venue.venue, venue.events, venue.completeness, venue.price_kind) == (
        "pacifica",
        len(recorded),
        "all",
        "fill",
    )
    assert pd.Timestamp(grid.provenance.as_of, tz="UTC") == recorded["ts"].max()


@pytest.mark.real_data
def test_a_window_on_recorded_liquidations_reports_what_it_leaves_out(recorded: pd.DataFrame) -> None:
    table = recorded.rename(columns={"ts": "time", "qty": "quantity", "usd": "notional"}).assign(
        side=recorded["position"].str.lower()
    )
    start, end, low, high = "2026-03-20", "2026-04-01", 68_000.0, 71_000.0
    grid = realised_heatmap(table, timeframe="4h", bins=60, start=start, end=end, price_range=(low, high))
    inside = recorded["ts"].between(start, end, inclusive="left") & recorded["price"].between(low, high)
    assert 0 < inside.sum() < len(recorded)
    for side in SIDES:
        of_side = recorded["position"].str.lower() == side
        assert getattr(grid, side).sum(dtype=float) == pytest.approx(
            recorded.loc[inside & of_side, "usd"].sum(), rel=1e-6
        )
        assert getattr(grid, "outside_" + side) == pytest.approx(
            recorded.loc[~inside & of_side, "usd"].sum(), rel=1e-6
        )
