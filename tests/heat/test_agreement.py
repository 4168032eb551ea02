"""Agreement: shares, concentration, shapes, lags and staleness, and the words for them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from scipy.spatial.distance import jensenshannon

from liqcore import tables
from liqcore.heat.agreement import agreement, agreement_by_price
from liqcore.heat.clusters import find_clusters
from liqcore.heat.grid import GridError, HeatGrid, Provenance, VenueCoverage
from liqcore.heat.lag import _by_pairs, _by_transform, column_lags, venue_lags
from liqcore.heat.realised import realised_heatmap
from liqcore.heat.verdicts import herfindahl, jensen_shannon

START = np.datetime64("2026-03-01T00:00", "us")
QUARTER = np.timedelta64(900_000_000, "us")
EDGES = np.linspace(26_000, 31_000, 51)
COLUMNS = 24
END = START + COLUMNS * QUARTER
LEVEL = 28_050.0


def venue(
    usd: float = 1e6,
    price: float = LEVEL,
    kind: str = "realised",
    completeness: str = "all",
    as_of=END,
    side: str = "long",
    **more,
) -> HeatGrid:
    """A venue with one band at a price, and a smaller one far away, in every column."""
    heat = np.zeros((COLUMNS, 50))
    heat[:, np.searchsorted(EDGES, price, "right") - 1] = usd
    heat[:, 45 if side == "short" else 2] = usd / 2
    nothing = np.zeros_like(heat)
    return HeatGrid(
        kind,
        START + QUARTER * np.arange(COLUMNS + 1),
        EDGES,
        heat if side == "long" else nothing,
        heat if side == "short" else nothing,
        Provenance(venues=(VenueCoverage("x", completeness),), as_of=as_of),
        **more,
    )


def empty(**more) -> HeatGrid:
    return HeatGrid(
        "realised",
        START + QUARTER * np.arange(COLUMNS + 1),
        EDGES,
        np.zeros((COLUMNS, 50)),
        np.zeros((COLUMNS, 50)),
        **more,
    )


# The measures


def test_concentration_of_a_known_split():
    assert herfindahl(np.array([0.5, 0.3, 0.2])) == pytest.approx(0.38)
    assert 1 / herfindahl(np.array([5.0, 3.0, 2.0])) == pytest.approx(2.63, abs=0.005)
    assert np.isnan(herfindahl(np.zeros(3)))


@given(st.lists(st.floats(0.01, 1e9), min_size=1, max_size=9))
def test_concentration_lies_between_equal_and_single(usd):
    assert 1 / len(usd) - 1e-9 <= herfindahl(np.array(usd)) <= 1 + 1e-9


def test_divergence_of_two_half_overlapping_shapes():
    assert jensen_shannon(np.array([0.5, 0.5, 0]), np.array([0, 0.5, 0.5])) == pytest.approx(0.5)


@given(st.data())
def test_divergence_is_scipys_distance_squared(data):
    size = data.draw(st.integers(1, 12))
    p, q = (np.array(data.draw(st.lists(st.floats(0, 1e6), min_size=size, max_size=size))) for _ in range(2))
    if p.sum() <= 1e-3 or q.sum() <= 1e-3:
        return
    assert jensen_shannon(p, q) == pytest.approx(float(jensenshannon(p, q, base=2)) ** 2, abs=1e-9)
    assert jensen_shannon(p, q) == pytest.approx(jensen_shannon(q, 3 * p), abs=1e-12)


# The verdict


def test_three_alike_venues_are_market_wide():
    found = agreement(
        {"okx": venue(5e5), "bybit": venue(3e5), "gate": venue(2e5)}, level=28_000, tolerance=0.005
    )
    assert found.verdict == "market-wide"
    assert (found.n_fresh, found.n_total, found.share, found.side) == (3, 3, 1.0, "long")
    assert found.hhi == pytest.approx(0.38, abs=1e-6)
    assert found.effective_venues == pytest.approx(2.63, abs=0.005)
    assert found.similarity == pytest.approx(1.0)
    assert found.score == pytest.approx(1 - (0.38 - 1 / 3))
    assert found.dominating is None
    assert "OKX, Bybit and Gate are hot" in found.sentence
    assert "2.6 equal venues" in found.sentence
    assert "at most 1 of 20 cases" in found.sentence
    # Neither events nor candles were given, and both are said.
    assert len(found.caveats) == 2


def test_a_single_venue_cannot_say_however_hot():
    found = agreement({"okx": venue(1e9)}, level=28_000)
    assert found.verdict == "cannot say"
    assert found.share is None
    assert "only OKX" in found.sentence
    assert "100" not in found.sentence.replace("28,000", "")


def test_one_fresh_venue_among_stale_ones_cannot_say():
    old = END - np.timedelta64(2, "h")
    found = agreement({"okx": venue(), "bybit": venue(as_of=old), "gate": venue(as_of=old)}, level=28_000)
    assert (found.verdict, found.n_fresh, found.stale) == ("cannot say", 1, ("bybit", "gate"))
    assert "Bybit is stale (2 h old) and was left out." in found.caveats


def test_one_hot_venue_of_three_is_isolated():
    found = agreement(
        {"okx": venue(), "bybit": venue(price=26_950), "gate": venue(price=26_950)}, level=28_000
    )
    assert (found.verdict, found.hot) == ("isolated", ("okx",))
    assert found.share == pytest.approx(1 / 3)
    assert found.dominating == "okx"


def test_two_of_two_are_partly_confirmed_and_never_market_wide():
    found = agreement({"okx": venue(), "bybit": venue()}, level=28_000)
    assert (found.verdict, found.share) == ("partly confirmed", 1.0)


def test_a_dominating_venue_is_named_and_keeps_it_from_market_wide():
    found = agreement({"okx": venue(1e8), "bybit": venue(1e6), "gate": venue(1e6)}, level=28_000)
    assert (found.verdict, found.dominating) == ("partly confirmed", "okx")
    assert "OKX alone holds 98 %" in found.sentence


def test_nothing_hot_has_nothing_to_confirm():
    found = agreement({"okx": venue(), "bybit": venue(), "gate": venue()}, level=29_500)
    assert (found.verdict, found.hot, found.hhi) == ("cannot say", (), None)
    assert "nothing to confirm" in found.sentence


def test_tolerance_decides_what_is_at_the_level():
    venues = {"okx": venue(), "bybit": venue(), "gate": venue()}
    assert agreement(venues, level=28_400, tolerance=0.005).hot == ()
    assert len(agreement(venues, level=28_400, tolerance=0.02).hot) == 3


def test_the_side_on_which_more_venues_are_hot_is_compared():
    venues = {"okx": venue(side="short"), "bybit": venue(side="short"), "gate": venue(side="long")}
    found = agreement(venues, level=28_000)
    assert (found.side, found.hot) == ("short", ("okx", "bybit"))
    assert agreement(venues, level=28_000, side="long").hot == ("gate",)


def test_a_cluster_can_be_compared_instead_of_a_level():
    venues = {"okx": venue(), "bybit": venue(), "gate": venue(price=29_950)}
    cluster = next(band for band in find_clusters(venues["okx"]) if band.low <= LEVEL < band.high)
    found = agreement(venues, cluster=cluster)
    assert found.hot == ("okx", "bybit")
    assert (found.low, found.high) == (cluster.low, cluster.high)
    assert [view.notional for view in found.venues] == pytest.approx([24e6, 24e6, 0])


# Who counts


def test_age_is_measured_against_now():
    venues = {"okx": venue(), "bybit": venue(), "gate": venue()}
    assert agreement(venues, level=28_000, now=END + np.timedelta64(44, "m")).n_fresh == 3
    late = agreement(venues, level=28_000, now=END + np.timedelta64(46, "m"))
    assert (late.n_fresh, late.verdict) == (0, "cannot say")
    assert (
        agreement(
            venues, level=28_000, now=END + np.timedelta64(46, "m"), cadence={"okx": "1h", "bybit": "1h"}
        ).n_fresh
        == 2
    )


def test_a_quick_feed_has_ninety_seconds():
    venues = {"okx": venue(), "bybit": venue()}
    cadence = {"okx": np.timedelta64(1, "s"), "bybit": np.timedelta64(1, "s")}
    assert agreement(venues, level=28_000, now=END + np.timedelta64(90, "s"), cadence=cadence).n_fresh == 2
    assert agreement(venues, level=28_000, now=END + np.timedelta64(91, "s"), cadence=cadence).n_fresh == 0


def test_silence_counts_only_when_the_feed_is_known_to_live():
    venues = {"okx": venue(), "bybit": empty()}
    unknown = agreement(venues, level=28_000)
    assert (unknown.silent, unknown.n_fresh, unknown.verdict) == (("bybit",), 1, "cannot say")
    alive = agreement(venues, level=28_000, as_of={"bybit": END})
    assert (alive.silent, alive.n_fresh) == (("bybit",), 2)
    # A venue without an event could not have shown the band, so it does not speak against it.
    assert (alive.hot, alive.cannot_say, alive.verdict) == (("okx",), ("bybit",), "cannot say")
    assert any("may be quiet" in caveat for caveat in alive.caveats)


def test_sampled_venues_are_named():
    found = agreement(
        {"okx": venue(), "binance": venue(completeness="sampled"), "gate": venue()}, level=28_000
    )
    assert found.sampled == ("binance",)
    assert any("Binance" in caveat and "not comparable" in caveat for caveat in found.caveats)


def test_modelled_venues_are_less_independent_than_they_seem():
    venues = {name: venue(kind="modelled") for name in ("okx", "bybit", "gate")}
    assert any("weaker evidence" in caveat for caveat in agreement(venues, level=28_000).caveats)


def test_another_currency_does_not_count():
    yen = HeatGrid(
        "realised",
        START + QUARTER * np.arange(COLUMNS + 1),
        EDGES * 150,
        np.ones((COLUMNS, 50)),
        np.zeros((COLUMNS, 50)),
        Provenance(as_of=END),
    )
    found = agreement({"okx": venue(), "bybit": venue(), "tokyo": yen}, level=28_000)
    assert (found.elsewhere, found.n_fresh) == (("tokyo",), 2)
    assert any("prices are in USD" in caveat for caveat in found.caveats)


def test_venues_are_compared_at_the_oldest_of_their_ages():
    """A band that only the newer venue can have seen yet does not count for it."""
    new, old = venue(), venue(as_of=END - np.timedelta64(3, "h"), price=26_950)
    heat = new.long.copy()
    heat[:-12, 20] = 0
    heat[-12:, 20] = 1e8
    late = HeatGrid("realised", new.time_edges, EDGES, heat, new.short, new.provenance)
    slow = {"bybit": "2h"}
    assert agreement({"okx": late, "bybit": late}, level=28_000, cadence=slow).hot == ("okx", "bybit")
    assert agreement({"okx": late, "bybit": old}, level=28_000, cadence=slow).hot == ()


def test_a_venue_with_other_prices_gets_a_wider_tolerance():
    shifted = venue(price=LEVEL * 1.008)
    venues = {"okx": venue(), "bybit": venue(), "gate": shifted}
    found = agreement(venues, level=27_990, tolerance=0.004)
    views = {view.venue: view for view in found.venues}
    assert views["gate"].basis is not None
    assert views["gate"].basis == pytest.approx(0.005, abs=0.003)
    assert found.hot == ("okx", "bybit", "gate")


# Late venues


def bursts(seed: int, late: float, count: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    moments = np.sort(rng.uniform(0, 86_400, count))
    rows = []
    for name, delay in (("okx", 0.0), ("bybit", 0.0), ("slow", late)):
        seen = moments[rng.random(count) < 0.8] + delay
        rows.append(pd.DataFrame({"time": START + (seen * 1e6).astype("timedelta64[us]"), "venue": name}))
    frame = pd.concat(rows)
    return tables.liquidations(frame.assign(side="long", price=28_000.0, notional=1e4))


@pytest.mark.parametrize("late", [0.0, 7.0, 45.0])
def test_the_lag_of_a_venue_is_found(late):
    lags = venue_lags(bursts(1, late))
    assert lags["slow"].seconds == pytest.approx(late, abs=1.0)
    assert lags["slow"].confidence >= 0.75


@given(st.data())
def test_both_ways_of_counting_pairs_count_the_same(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    span, reach = data.draw(st.integers(50, 5_000)), data.draw(st.integers(1, 60))
    own = np.unique(rng.integers(0, span, data.draw(st.integers(0, 400))))
    rest = np.sort(rng.integers(0, span, data.draw(st.integers(1, 2_000))))
    there = own[:, None] - rest
    wanted = np.bincount(there[np.abs(there) <= reach] + reach, minlength=2 * reach + 1)
    assert np.array_equal(_by_pairs(own, rest, reach), wanted)
    assert np.array_equal(_by_transform(own, rest, reach), wanted)


def test_unrelated_events_give_no_confidence():
    rng = np.random.default_rng(4)
    frames = [
        pd.DataFrame(
            {"time": START + (rng.uniform(0, 86_400, 200) * 1e6).astype("timedelta64[us]"), "venue": name}
        )
        for name in ("a", "b")
    ]
    events = tables.liquidations(pd.concat(frames).assign(side="long", price=1.0, notional=1.0))
    assert max(lag.confidence for lag in venue_lags(events).values()) < 0.5


def test_three_events_are_too_few_for_a_lag():
    events = bursts(2, 5.0)
    few = pd.concat([events[events["venue"] != "slow"], events[events["venue"] == "slow"].head(3)])
    assert "slow" not in venue_lags(tables.liquidations(few))


def test_the_lagging_venue_is_named_in_the_agreement():
    events = bursts(3, 12.0)
    venues = {
        name: realised_heatmap(
            events[events["venue"] == name],
            timeframe="1h",
            bins=20,
            price_range=(26_000, 30_000),
            start=START,
            end=START + np.timedelta64(1, "D"),
        )
        for name in ("okx", "bybit", "slow")
    }
    found = agreement(venues, level=28_000, liquidations=events)
    assert found.lagging == "slow"
    assert found.verdict == "market-wide"
    assert any("late by about 12 s" in caveat for caveat in found.caveats)


def test_lags_in_columns_come_from_grids_alone():
    rng = np.random.default_rng(0)
    busy = np.flatnonzero(rng.random(200) < 0.2)
    grids = {}
    for name, late in (("okx", 0), ("bybit", 0), ("slow", 3)):
        heat = np.zeros((210, 2))
        heat[busy + late, 0] = 1.0
        grids[name] = HeatGrid("realised", START + QUARTER * np.arange(211), [1.0, 2.0, 3.0], heat, heat)
    lags = column_lags(grids)
    assert lags["slow"].seconds == 3 * 900
    assert lags["okx"].seconds <= 0


# Along the price, and tables


def test_agreement_along_the_price_counts_hot_venues():
    venues = {"okx": venue(), "bybit": venue(), "gate": venue(price=29_950)}
    frame = agreement_by_price(venues)
    at = frame.set_index(frame["price"].round())
    assert at.loc[28_050, ["long", "short", "n_fresh"]].tolist() == [2, 0, 3]
    assert at.loc[28_050, "long_share"] == pytest.approx(2 / 3)
    assert at.loc[29_950, "long"] == 1
    assert frame["long"].sum() == 2 + 1 + 3
    alone = agreement_by_price({"okx": venue()})
    assert alone["long_share"].isna().all()


def test_the_table_has_one_row_a_venue_and_shares_that_add_up():
    found = agreement(
        {"okx": venue(5e5), "bybit": venue(3e5), "old": venue(as_of=END - np.timedelta64(9, "h"))},
        level=28_000,
    )
    frame = found.to_frame()
    assert frame["venue"].tolist() == ["okx", "bybit", "old"]
    assert frame["share"].sum() == pytest.approx(1.0)
    assert frame["state"].tolist() == ["fresh", "fresh", "stale"]


@given(st.lists(st.floats(1e4, 1e8), min_size=2, max_size=6))
def test_a_venue_more_never_lowers_the_number_of_venues_and_shares_stay_shares(usd):
    found = agreement({f"v{i}": venue(size) for i, size in enumerate(usd)}, level=28_000)
    assert found.share == 1.0
    assert 1 - 1e-9 <= found.effective_venues <= len(usd) + 1e-9
    assert sum(view.share for view in found.venues) == pytest.approx(1.0)
    assert 0 <= found.score <= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"grids": {}, "level": 28_000}, "at least one"),
        ({"grids": {"a": venue(), "b": venue(kind="modelled")}, "level": 28_000}, "modelled and realised"),
        ({"grids": {"a": venue()}}, "price above zero"),
        ({"grids": {"a": venue()}, "level": -5}, "price above zero"),
        ({"grids": {"a": venue()}, "level": 28_000, "tolerance": 50}, "share of the price"),
    ],
)
def test_questions_that_make_no_sense_are_refused(arguments, words):
    with pytest.raises(GridError, match=words):
        agreement(**arguments)


def test_two_venues_without_common_time_cannot_say():
    past = HeatGrid(
        "realised",
        START - np.timedelta64(400, "D") + QUARTER * np.arange(COLUMNS + 1),
        EDGES,
        venue().long,
        venue().short,
    )
    found = agreement({"okx": venue(), "bybit": past}, level=28_000)
    assert (found.verdict, found.stale) == ("cannot say", ("bybit",))
