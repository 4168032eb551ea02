"""Measured maps and their coverage, from an invented census of which everything is known."""

import numpy as np
import pandas as pd
import pytest

from liqcore import GridError, measured_heatmap, snapshots, tables
from liqcore.feeds.files.positions import read_positions
from liqcore.heat.measured import ages
from liqcore.heat.snapshots import Snapshot, churn, churn_shares, coverage, of_margin
from tests.heat.census import AT, MARK, census, sweep

RECORDED = "L_2026-02_hyperliquid_positions/positions.parquet"


def whole(seed: int = 3) -> Snapshot:
    held = census(seed=seed)
    btc = float(held.loc[held["side"] == "long", "quantity"].sum())
    (found,) = snapshots(held, sweep(open_interest=btc, asked=9_000, answered=8_990, failed=10, recovered=7))
    return found


def test_the_map_is_the_census_to_the_dollar():
    found = whole()
    edges = np.geomspace(30_000, 120_000, 301)
    grid = measured_heatmap([found], price_edges=edges)
    held = found.positions
    for side, shown, outside in (
        ("long", grid.long, grid.outside_long),
        ("short", grid.short, grid.outside_short),
    ):
        own = held[(held["side"] == side) & held["liquidation_price"].notna()]
        usd = own["quantity"] * own["liquidation_price"]
        truth, _ = np.histogram(own["liquidation_price"], edges, weights=usd)
        assert np.abs(shown[-1] - truth).max() < 1.0
        assert outside + truth.sum() == pytest.approx(usd.sum(), abs=1.0)
    assert grid.kind == "measured"
    assert grid.observed.all()


def test_cross_and_isolated_make_up_the_whole():
    found = whole()
    edges = np.geomspace(30_000, 120_000, 201)
    parts = [measured_heatmap([found], margin=margin, price_edges=edges) for margin in ("cross", "isolated")]
    assert parts[0].total.sum() > parts[1].total.sum() > 0
    np.testing.assert_allclose(
        parts[0].long + parts[1].long, measured_heatmap([found], price_edges=edges).long, rtol=1e-5
    )
    assert len(of_margin(found, "cross").positions) + len(of_margin(found, "isolated").positions) == 5_000


def test_the_coverage_of_a_full_census_is_whole_and_balanced():
    found = whole()
    facts = coverage(found, AT + pd.Timedelta(minutes=5))
    held = found.positions
    assert facts.share == pytest.approx(1.0)
    assert facts.imbalance == pytest.approx(0.0, abs=1e-12)
    assert not facts.is_part
    bare = held["liquidation_price"].isna()
    assert facts.unpriced == pytest.approx(bare.mean())
    assert facts.unpriced_usd == pytest.approx(held.loc[bare, "notional"].sum() / held["notional"].sum())
    crossed = held["margin"] == "cross"
    assert facts.cross == pytest.approx(crossed.mean())
    assert facts.cross_usd == pytest.approx(held.loc[crossed, "notional"].sum() / held["notional"].sum())
    assert facts.oldest_seconds == pytest.approx((AT - held["time"].min()).total_seconds() + 300)
    assert facts.median_seconds == pytest.approx((AT - held["time"]).dt.total_seconds().median() + 300)
    assert (facts.asked, facts.answered, facts.failed, facts.recovered) == (9_000, 8_990, 10, 7)
    assert "part" not in facts.title


@pytest.mark.parametrize(("kept", "is_part"), [(0.5, True), (0.61, False)])
def test_a_map_of_less_than_three_fifths_says_part(kept, is_part):
    held = census()
    btc = float(held.loc[held["side"] == "long", "quantity"].sum())
    # Every position is told in part: the share is then known to the digit.
    held["quantity"] *= kept
    (found,) = snapshots(held, sweep(open_interest=btc))
    facts = coverage(found)
    assert facts.share == pytest.approx(kept)
    assert ("part" in facts.title) is is_part
    flags = measured_heatmap([found]).provenance.flags
    assert any("part" in flag for flag in flags) is is_part


def test_without_open_interest_the_smaller_side_bounds_the_share():
    held = census()
    shorts = held[held["side"] == "short"]
    few = pd.concat([held[held["side"] == "long"].iloc[::3], shorts]).sort_values("time", ignore_index=True)
    (found,) = snapshots(few, sweep())
    facts = coverage(found)
    assert facts.at_most
    assert facts.is_part
    truth = (facts.long_btc + facts.short_btc) / (2 * shorts["quantity"].sum())
    assert facts.share == pytest.approx(truth)
    assert "at most" in facts.title


def test_positions_without_a_price_are_counted_beside():
    found = whole()
    grid = measured_heatmap([found])
    bare = int(found.positions["liquidation_price"].isna().sum())
    assert dict(grid.provenance.parameters)["Without a liquidation price"].startswith(f"{bare:,} positions")


def test_columns_are_carried_with_their_age_and_then_become_a_gap():
    first, second = whole(), whole(seed=4)
    later = AT + pd.Timedelta(hours=30)
    moved = second.positions.assign(time=second.positions["time"] + pd.Timedelta(hours=30))
    second = Snapshot(later.tz_localize(None).to_datetime64(), "hyperliquid", moved, mark_price=MARK)
    edges = np.array([np.datetime64("2026-03-01T10:00") + np.timedelta64(2 * n, "h") for n in range(18)])
    grid = measured_heatmap([first, second], time_edges=edges)
    closing = edges[1:]
    known = (closing >= first.at) & (closing - first.at <= np.timedelta64(12, "h")) | (closing >= second.at)
    np.testing.assert_array_equal(grid.observed, known)
    assert 0 < known.sum() < len(known)
    assert grid.total[~known].sum() == 0
    carried = np.flatnonzero(known & (closing < second.at))
    assert (grid.long[carried] == grid.long[carried[0]]).all()
    at, age = ages([first, second], edges)
    assert at.tolist() == [-1 if end < first.at else 0 if end < second.at else 1 for end in closing]
    assert (age[carried] == closing[carried] - first.at).all()


def test_what_was_told_later_changes_no_earlier_column():
    first, second = whole(), whole(seed=4)
    late = Snapshot(second.at + np.timedelta64(6, "h"), "hyperliquid", second.positions, mark_price=MARK)
    edges = first.at + np.arange(-2, 9) * np.timedelta64(1, "h")
    prices = np.geomspace(30_000, 120_000, 101)
    both = measured_heatmap([first, late], time_edges=edges, price_edges=prices)
    alone = measured_heatmap([first], time_edges=edges, price_edges=prices)
    before = edges[1:] < late.at
    np.testing.assert_array_equal(both.total[before], alone.total[before])
    assert (both.total[~before] != alone.total[~before]).any()


def test_snapshots_are_cut_where_an_account_is_told_again():
    held = census(200)
    again = held.assign(time=held["time"] + pd.Timedelta(minutes=30))
    found = snapshots(tables.positions(pd.concat([held, again]).astype({"account": str})))
    assert [len(one.positions) for one in found] == [200, 200]


def test_no_positions_and_two_venues_are_refused():
    with pytest.raises(GridError, match="no measured positions"):
        measured_heatmap(tables.empty("positions"))
    held = census(10).astype({"venue": str})
    held.loc[:4, "venue"] = "elsewhere"
    with pytest.raises(GridError, match="several venues"):
        measured_heatmap(tables.positions(held))


def test_churn_tells_what_became_of_each_position():
    """Five accounts, one of each fate, and one that turned round."""
    old = {"a": 50_000, "b": 50_000, "c": 50_000, "d": 57_000, "e": 50_000}
    new = {"a": 50_100, "b": 55_000, "n": 52_000, "e": 66_000}

    def snapshot(prices: dict[str, float], turned: str, hours: int) -> Snapshot:
        at = AT + pd.Timedelta(hours=hours)
        rows = [
            {"time": at, "account": name, "side": "short" if name == turned else "long", "entry": MARK}
            | {"quantity": 1.0, "liquidation_price": price, "notional": MARK}
            for name, price in prices.items()
        ]
        return Snapshot(at.tz_localize(None).to_datetime64(), "x", tables.positions(pd.DataFrame(rows)))

    before, after = snapshot(old, "", 0), snapshot(new, "e", 4)
    shares = churn_shares(before, after, (56_000, 61_000))
    assert shares == {"held": 0.2, "moved": 0.2, "closed": 0.4, "liquidated": 0.2, "opened": 0.4}
    bands = churn(before, after, np.array([40_000.0, 51_000.0, 60_000.0]), (56_000, 61_000))
    usd = bands.set_index(["price_low", "side", "fate"])["usd"]
    assert usd[40_000.0, "long", "held"] == 50_100
    assert usd[51_000.0, "long", "moved"] == 55_000
    assert usd[51_000.0, "long", "liquidated"] == 57_000
    assert usd[40_000.0, "long", "closed"] == 100_000
    assert "liquidated" not in churn(before, after, np.array([0.0, 1e6]))["fate"].tolist()


@pytest.mark.real_data
def test_recorded_positions_draw_a_map_that_says_it_is_a_part(real_data):
    held = snapshots(read_positions(real_data / RECORDED, venue="hyperliquid"))
    assert len(held) == 94
    grid = measured_heatmap(held)
    assert grid.shape[0] == 94
    assert grid.observed.all()
    assert grid.total.sum(axis=1).min() > 1e6
    assert any("is a part" in flag for flag in grid.provenance.flags)
    # Whales hold far more shorts than longs: the sides' difference tells what is missing.
    assert coverage(held[0]).imbalance < -0.2
