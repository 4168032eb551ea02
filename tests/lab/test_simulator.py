"""The simulated market: nothing is created or lost, chance is reproducible, and what is put in comes out."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

import liqcore as lq
from liqcore import tables
from liqcore.lab import draws
from liqcore.lab.simulator import (
    VENUES,
    Branch,
    Crowd,
    FeedDelay,
    FeedOutage,
    PriceDrift,
    SimulatedMarket,
    SimulationError,
    VenueSpec,
    Whale,
    simulate,
)

START = pd.Timestamp("2026-03-01", tz="UTC")
CENT = 0.001
SMALL = {
    "opens": 6.0,
    "holding": 300.0,
    "volatility": 1.5e-3,
    "stop_share": 0.2,
    "leverage_tilt": 0.0,
    "regime": "violent",
}
# Nothing happens but what a test puts in: no flow, no noise, no basis.
EMPTY = {
    "opens": 0.0,
    "volatility": 0.0,
    "news_per_day": 0.0,
    "basis_wobble": 0.0,
    "rebound": 0.0,
    "impact": 0.0,
}
PLAIN = VenueSpec("Oak", 1.0, (1,) * 9, lag_seconds=0.0)


@pytest.fixture(scope="module")
def market() -> SimulatedMarket:
    """A violent day with a crowd that is swept within minutes, so that all kinds of events happen."""
    return simulate(
        1_500 / 1_440,
        5,
        3,
        impact=1e-4,
        positions_every="15m",
        positions_from=START,
        interventions=[
            Crowd(at(500), "Alder", "long", 200.0, leverage=50, positions=300, minutes=10),
            PriceDrift(at(520), at(523), change=-0.05),
        ],
        **SMALL,
    )


def at(minutes: float) -> pd.Timestamp:
    return START + pd.Timedelta(minutes=minutes)


def signed(positions: pd.DataFrame) -> np.ndarray:
    return np.where(positions["side"] == "long", 1.0, -1.0)


def test_contracts_add_up_to_zero(market: SimulatedMarket) -> None:
    books = market.accounts
    np.testing.assert_allclose(books["long"] - books["short"] + books["maker_quantity"], 0, atol=1e-6)
    assert (books["maker_quantity"].abs() > 1).any()


def test_open_interest_is_the_same_counted_on_either_side(market: SimulatedMarket) -> None:
    books = market.accounts
    np.testing.assert_allclose(
        market.open_interest["quantity"], books["long"] + books["maker_quantity"].clip(lower=0), atol=1e-6
    )
    np.testing.assert_allclose(
        market.open_interest["quantity"], books["short"] + (-books["maker_quantity"]).clip(lower=0), atol=1e-6
    )
    assert (market.open_interest["quantity"] > 0).all()


def test_cash_is_conserved_with_the_insurance_fund(market: SimulatedMarket) -> None:
    books = market.accounts
    total = books["traders"] + books["maker_cash"] + books["fund"] + books["fees"] - books["deposits"]
    for _, group in pd.DataFrame({"venue": books["venue"], "total": total}).groupby("venue", observed=True):
        np.testing.assert_allclose(group["total"], group["total"].iloc[0], atol=CENT)
    assert books["fund"].iloc[-1] != books["fund"].iloc[0]


def test_traders_cash_is_what_open_positions_hold_and_closed_ones_took_home(market: SimulatedMarket) -> None:
    open_ = market.positions
    held = (
        (open_["margin"] - signed(open_) * open_["quantity"] * open_["entry"])
        .groupby([open_["time"], open_["venue"]], observed=True)
        .sum()
    )
    books = market.accounts.set_index(["time", "venue"])
    both = held.index.intersection(books.index)
    assert len(both) == 100 * len(
        market.venues
    )  # every quarter of an hour; the last snapshot has no row in the books
    np.testing.assert_allclose(held[both], (books["traders"] - books["returned"])[both], atol=CENT)


def test_positions_known_exactly_are_all_that_is_open(market: SimulatedMarket) -> None:
    open_ = (
        market.positions.groupby(["time", "venue", "side"], observed=True)["quantity"]
        .sum()
        .unstack()
        .fillna(0.0)
    )
    books = market.accounts.set_index(["time", "venue"]).loc[
        open_.index.intersection(market.accounts.set_index(["time", "venue"]).index)
    ]
    assert len(books) == 100 * len(market.venues)
    np.testing.assert_allclose(open_.loc[books.index, ["long", "short"]], books[["long", "short"]], atol=1e-6)


def test_no_open_position_lies_beyond_its_venues_mark(market: SimulatedMarket) -> None:
    open_ = market.positions
    closes = pd.concat([table.assign(venue=name) for name, table in market.venue_candles.items()])
    closes = closes.assign(time=closes["time"] + pd.Timedelta("1min")).set_index(["time", "venue"])["close"]
    later = open_[open_["time"] > START]
    marks = closes.reindex(pd.MultiIndex.from_arrays([later["time"], later["venue"].astype(str)])).to_numpy()
    assert np.isfinite(marks).all()
    distance = signed(later) * (marks - later["liquidation_price"].to_numpy())
    assert (distance[np.isfinite(distance)] > 0).all()
    assert (
        later["liquidation_price"].isna().any()
    )  # low leverage with spare margin cannot be liquidated by a fall


@pytest.mark.parametrize("change", [{"opens": 1.0}, {"holding": 900.0}, {"venues": 2}, {"cross_share": 0.0}])
def test_without_impact_the_price_does_not_know_the_positions(change: dict[str, float]) -> None:
    base = {"days": 0.08, "venues": 3, "seed": 5, **SMALL}
    free = simulate(**{**base, "impact": 0.0})
    other = simulate(**{**base, "impact": 0.0, **change})
    prices = ["open", "high", "low", "close"]
    pd.testing.assert_frame_equal(free.candles[prices], other.candles[prices], check_exact=True)
    assert not free.accounts.equals(other.accounts)
    if "opens" in change:
        coupled = simulate(**{**base, "impact": 1e-4})
        assert (coupled.candles["close"] != free.candles["close"]).any()


def test_equal_arguments_give_equal_markets() -> None:
    first, second = (simulate(0.1, 4, 9, impact=1e-4, **SMALL) for _ in range(2))
    for name in (
        "candles",
        "liquidations",
        "liquidations_true",
        "open_interest",
        "funding",
        "positions",
        "accounts",
    ):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name), check_exact=True)
    for name, table in first.venue_candles.items():
        pd.testing.assert_frame_equal(table, second.venue_candles[name], check_exact=True)
    assert (simulate(0.1, 4, 10, impact=1e-4, **SMALL).candles["close"] != first.candles["close"]).any()


def test_a_shorter_market_is_the_beginning_of_a_longer_one(market: SimulatedMarket) -> None:
    short = simulate(
        400 / 1_440, 5, 3, impact=1e-4, positions_every=None, interventions=market.interventions, **SMALL
    )
    for name in ("candles", "liquidations", "liquidations_true", "open_interest", "accounts"):
        long = getattr(market, name)
        pd.testing.assert_frame_equal(
            getattr(short, name), long[long["time"] < at(400)].reset_index(drop=True), check_exact=True
        )


def test_what_is_put_in_after_the_end_has_not_happened_yet() -> None:
    later = [PriceDrift(at(250), at(400), change=0.05), Whale(at(350), "Alder", "long", 500.0)]
    long, short = (
        simulate(days, 2, 5, interventions=later, positions_every=None, **SMALL) for days in (0.25, 0.2)
    )
    pd.testing.assert_frame_equal(long.candles.iloc[:288], short.candles, check_exact=True)


def test_each_day_has_its_own_chance() -> None:
    quiet = simulate(2, 1, 4, opens=0.0, impact=0.0, positions_every=None)
    moves = np.diff(np.log(quiet.candles["close"].to_numpy()))
    assert not np.allclose(moves[:1_000], moves[1_440:2_440])


def test_tables_are_checked_tables(market: SimulatedMarket) -> None:
    for name in ("candles", "liquidations", "liquidations_true", "open_interest", "funding"):
        table = getattr(market, name)
        kind = "liquidations" if name.startswith("liq") else name
        assert tables.ensure(table, kind) is table
        pd.testing.assert_frame_equal(tables.CHECKS[kind](table), table)
    for table in market.venue_candles.values():
        pd.testing.assert_frame_equal(tables.candles(table), table)


def test_candles_hold_together(market: SimulatedMarket) -> None:
    for table in [market.candles, *market.venue_candles.values()]:
        assert len(table) == 1_500
        assert (table["low"] <= table[["open", "close"]].min(axis=1)).all()
        assert (table["high"] >= table[["open", "close"]].max(axis=1)).all()
        assert (table["taker_buy_volume"] <= table["volume"]).all()
        ticks = table[["open", "high", "low", "close"]].to_numpy() * 10
        np.testing.assert_allclose(ticks, np.rint(ticks), atol=1e-6)
    np.testing.assert_array_equal(
        market.candles["open"].to_numpy()[1:], market.candles["close"].to_numpy()[:-1]
    )
    for name in ("volume", "taker_buy_volume"):
        parts = sum(table[name].to_numpy() for table in market.venue_candles.values())
        np.testing.assert_allclose(market.candles[name], parts, atol=1e-6)


def test_venues_trade_at_their_basis(market: SimulatedMarket) -> None:
    for venue in market.venues:
        premium = (market.venue_candles[venue.name]["close"] / market.candles["close"] - 1).mean() * 10_000
        assert premium == pytest.approx(venue.basis_bp, abs=0.7)
    assert market.regime.basis_wobble > 0


def test_fills_lie_inside_the_minute_and_bankruptcies_beyond_liquidation(market: SimulatedMarket) -> None:
    events = market.liquidations_true
    minutes = events["time"].dt.floor("1min")
    for venue in market.venues:
        mine = (events["venue"] == venue.name).to_numpy()
        assert (events.loc[mine, "price_kind"] == venue.price_kind).all()
        if venue.price_kind == "fill":
            bar = market.venue_candles[venue.name].set_index("time").loc[minutes[mine]]
            price = events.loc[mine, "price"].to_numpy()
            assert ((price >= bar["low"].to_numpy()) & (price <= bar["high"].to_numpy())).all()
        assert mine.any()


def test_every_printed_liquidation_happened(market: SimulatedMarket) -> None:
    key = ["time", "venue", "side", "price", "quantity"]
    true = market.liquidations_true.groupby(key, observed=True).size()
    printed = market.liquidations.groupby(key, observed=True).size()
    assert (printed <= true.reindex(printed.index).fillna(0)).all()
    assert len(market.liquidations) < len(market.liquidations_true)


def test_a_sampled_feed_prints_the_last_event_of_a_second(market: SimulatedMarket) -> None:
    for venue in market.venues:
        printed, true = [
            table[table["venue"] == venue.name] for table in (market.liquidations, market.liquidations_true)
        ]
        if venue.completeness == "all":
            assert len(printed) == len(true)
            continue
        second = printed["time"].dt.floor("1s")
        assert second.is_unique
        last = true.groupby(true["time"].dt.floor("1s")).tail(1)
        pd.testing.assert_frame_equal(
            printed.drop(columns="completeness").reset_index(drop=True),
            last.drop(columns="completeness").reset_index(drop=True),
        )
        assert (printed["completeness"] == "sampled").all()


def test_arrival_is_the_event_plus_the_venues_lag(market: SimulatedMarket) -> None:
    lag = (market.arrivals - market.liquidations["time"]).dt.total_seconds()
    expected = (
        market.liquidations["venue"]
        .astype(str)
        .map({venue.name: venue.lag_seconds for venue in market.venues})
    )
    np.testing.assert_allclose(lag, expected, atol=1e-6)


def test_high_leverage_is_liquidated_far_more_often_than_it_is_open(market: SimulatedMarket) -> None:
    # Before the sweep, which takes everybody who stands in its way.
    before = market.liquidations_true["time"] < at(520)
    reckless = market.liquidations_true.loc[before, "venue"].value_counts()
    opened = market.positions["venue"].value_counts()
    assert reckless["Dogwood"] / opened["Dogwood"] > 3 * reckless["Cedar"] / opened["Cedar"]


def gains(market: SimulatedMarket) -> np.ndarray:
    """Profit of every open position over its margin at each snapshot, at its venue's last price."""
    open_ = market.positions[market.positions["time"] > START]
    closes = pd.concat([table.assign(venue=name) for name, table in market.venue_candles.items()])
    closes = closes.assign(time=closes["time"] + pd.Timedelta("1min")).set_index(["time", "venue"])["close"]
    marks = closes.reindex(pd.MultiIndex.from_arrays([open_["time"], open_["venue"].astype(str)])).to_numpy()
    return (
        signed(open_)
        * open_["quantity"].to_numpy()
        * (marks - open_["entry"].to_numpy())
        / open_["margin"].to_numpy()
    )


def test_traders_take_profits_and_stop_losses_where_they_mean_to() -> None:
    plan = {
        "days": 0.1,
        "venues": 2,
        "seed": 7,
        "positions_every": "3m",
        "positions_from": START,
        **SMALL,
        "top_up_share": 0.0,
    }
    free = gains(simulate(**{**plan, "take_share": 0.0, "stop_share": 0.0}))
    careful = gains(
        simulate(**{**plan, "take_share": 1.0, "take_at": 0.3, "stop_share": 1.0, "stop_at": 0.25})
    )
    assert free.max() > 0.5
    assert free.min() < -0.5
    assert careful.max() < 0.301
    assert careful.min() > -0.251
    assert min(careful.max(), -careful.min()) > 0.2


def test_open_interest_falls_in_a_rout_and_holds_in_usual_trading() -> None:
    noon = pd.Timestamp("2026-03-02 12:00", tz="UTC")
    fall = [noon + pd.Timedelta(minutes=minutes) for minutes in (200, 230)]
    plan = {"days": 0.25, "venues": 2, "seed": 7, "start": noon, "positions_every": None, **SMALL}
    usual, rout = (
        simulate(interventions=events, **{**plan, "volatility": 5e-4, "news_per_day": 0.0}).open_interest
        for events in ([], [PriceDrift(*fall, change=-0.08)])
    )

    def kept(table: pd.DataFrame) -> float:
        total = table.groupby("time")["quantity"].sum()
        return float(total[fall[1] + pd.Timedelta("5min")] / total[fall[0]])

    assert kept(rout) < 0.85
    assert kept(usual) > 0.9


@settings(max_examples=8)
@given(
    seed=st.integers(0, 2**40),
    venues=st.integers(1, 5),
    impact=st.floats(0, 1e-4),
    fund=st.sampled_from([0.0, 1e4, 1e7]),
    price=st.sampled_from([5_000.0, 28_000.0, 250_000.0]),
)
def test_conservation_in_any_market(seed: int, venues: int, impact: float, fund: float, price: float) -> None:
    made = simulate(
        0.06,
        venues,
        seed,
        impact=impact,
        insurance_fund=fund,
        start_price=price,
        positions_every=None,
        **SMALL,
    )
    books = made.accounts
    np.testing.assert_allclose(books["long"] - books["short"] + books["maker_quantity"], 0, atol=1e-6)
    total = (
        (books["traders"] + books["maker_cash"] + books["fund"] + books["fees"] - books["deposits"])
        .groupby(books["time"])
        .sum()
    )
    np.testing.assert_allclose(total, fund, atol=CENT * venues)
    assert (books["fund"] >= 0).all()
    assert (books[["long", "short"]] >= 0).all().all()


# --- interventions -----------------------------------------------------------------------------------------


def test_a_crowd_is_there_as_described() -> None:
    crowd = Crowd(at(10), "Birch", "long", 500.0, 27_500.0, 27_900.0, leverage=20, positions=40, minutes=20)
    made = simulate(0.1, 2, 1, interventions=[crowd], positions_every="1m", positions_from=START, **EMPTY)
    at_peak = made.positions[made.positions["time"] == at(40)]
    assert len(at_peak) == 40
    assert set(at_peak["venue"]) == {"Birch"}
    assert set(at_peak["side"]) == {"long"}
    assert at_peak["quantity"].sum() == pytest.approx(500.0)
    assert at_peak["entry"].between(27_500, 27_900).all()
    assert at_peak["entry"].mean() == pytest.approx(27_700, abs=1)
    exact = [
        lq.liquidation_price(
            side="long", entry=entry, leverage=20, maintenance_margin_rate=0.005, fee_rate=0.0005
        )
        for entry in at_peak["entry"]
    ]
    assert pd.Series(exact - at_peak["liquidation_price"].to_numpy()).between(-1e-6, 0.1001).all()
    halfway = made.positions[made.positions["time"] == at(20)]
    assert len(halfway) == 20
    assert made.candles["volume"].iloc[10:30].sum() == pytest.approx(500.0)


def test_a_crowd_swept_by_a_fall_is_liquidated_where_it_stood() -> None:
    crowd = Crowd(at(5), "Oak", "long", 300.0, 27_900.0, 28_100.0, leverage=25, positions=30, minutes=5)
    fall = PriceDrift(at(30), at(90), target=26_000.0)
    made = simulate(
        0.1, [PLAIN], 1, interventions=[crowd, fall], positions_every="1h", positions_from=START, **EMPTY
    )
    swept = made.liquidations_true
    assert len(swept) == 30
    assert set(swept["side"]) == {"long"}
    low, high = 27_900 * 0.96 / 0.9945, 28_100 * 0.96 / 0.9945
    assert swept["price"].between(low - 40, high + 1).all()
    assert swept["notional"].sum() == pytest.approx((swept["price"] * swept["quantity"]).sum())
    assert made.candles["close"].iloc[89] == 26_000.0


def test_a_crowd_beyond_its_own_liquidation_is_refused() -> None:
    crowd = Crowd(at(5), "Oak", "long", 10.0, 30_000.0, 30_000.0, leverage=50)
    with pytest.raises(SimulationError, match="would be liquidated at once"):
        simulate(0.05, [PLAIN], 1, interventions=[crowd], **EMPTY)


def test_a_whale_without_an_entry_opens_at_the_mark_and_moves_the_price_when_liquidated() -> None:
    whale = Whale(at(3), "Oak", "short", 900.0, leverage=10)
    rise = PriceDrift(at(60), at(100), change=0.11)
    changes = {**EMPTY, "impact": 2e-5}
    made = simulate(
        0.1, [PLAIN], 1, interventions=[whale, rise], positions_every="1h", positions_from=START, **changes
    )
    opened = made.positions.iloc[0]
    assert (opened["entry"], opened["quantity"], opened["leverage"]) == (28_000.0, 900.0, 10.0)
    assert len(made.liquidations_true) == 1
    assert made.liquidations_true["side"].iloc[0] == "short"
    # 900 BTC bought back at 2e-5 a BTC lift the price by 1.8 % on top of the news.
    assert made.candles["close"].iloc[-1] == pytest.approx(28_000 * 1.11 * np.exp(0.018), rel=1e-4)
    assert made.candles["volume"].sum() == pytest.approx(1_800.0)


def test_impact_partly_comes_back() -> None:
    whale = Whale(at(3), "Oak", "short", 900.0, leverage=10)
    rise = PriceDrift(at(60), at(100), change=0.11)
    changes = {**EMPTY, "impact": 2e-5, "rebound": 0.5, "rebound_minutes": 5.0}
    made = simulate(0.1, [PLAIN], 1, interventions=[whale, rise], positions_every=None, **changes)
    assert made.candles["close"].iloc[-1] == pytest.approx(28_000 * 1.11 * np.exp(0.009), rel=1e-4)


def test_a_drift_adds_its_change_and_scales_noise_and_flow() -> None:
    base = simulate(0.1, 2, 6, impact=0.0, opens=10.0, holding=200.0, positions_every=None)
    drifted = simulate(
        0.1,
        2,
        6,
        impact=0.0,
        opens=10.0,
        holding=200.0,
        positions_every=None,
        interventions=[PriceDrift(at(60), at(120), change=-0.05)],
    )
    assert drifted.candles["close"].iloc[-1] / base.candles["close"].iloc[-1] == pytest.approx(0.95, rel=1e-3)
    still = simulate(
        0.1,
        2,
        6,
        impact=0.0,
        opens=10.0,
        holding=200.0,
        positions_every=None,
        interventions=[PriceDrift(at(60), at(120), change=0.0, noise=0.0, activity=4.0)],
    )
    assert np.ptp(still.candles["close"].to_numpy()[60:120]) == 0
    assert still.candles["volume"].iloc[60:120].sum() > base.candles["volume"].iloc[60:120].sum()


def test_an_outage_hides_and_a_delay_postpones_without_changing_what_happened() -> None:
    events = [FeedOutage(at(0), at(120), "Birch"), FeedDelay(at(0), at(300), "Alder", 120.0)]
    changes = {**SMALL, "impact": 1e-4, "positions_every": None}
    plain, marred = simulate(0.2, 2, 8, **changes), simulate(0.2, 2, 8, interventions=events, **changes)
    pd.testing.assert_frame_equal(plain.liquidations_true, marred.liquidations_true)
    seen = marred.liquidations
    birch = seen["venue"] == "Birch"
    assert seen.loc[birch, "time"].min() >= at(120)
    assert (plain.liquidations.loc[plain.liquidations["venue"] == "Birch", "time"] < at(120)).any()
    lag = (marred.arrivals - seen["time"]).dt.total_seconds()
    np.testing.assert_allclose(lag[seen["venue"] == "Alder"], 120.5)
    np.testing.assert_allclose(lag[birch], 0.2)


def test_a_branch_shares_the_past_and_has_its_own_future() -> None:
    changes = {**SMALL, "impact": 1e-4, "positions_every": None}
    trunk = simulate(0.12, 2, 8, **changes)
    worlds = [simulate(0.12, 2, 8, branch=Branch(at(100), seed), **changes) for seed in (0, 1)]
    for world in worlds:
        pd.testing.assert_frame_equal(trunk.candles.iloc[:100], world.candles.iloc[:100], check_exact=True)
        assert (trunk.candles["close"].iloc[100:] != world.candles["close"].iloc[100:]).any()
    assert (worlds[0].candles["close"].iloc[100:] != worlds[1].candles["close"].iloc[100:]).any()


def test_a_lopsided_crowd_raises_funding() -> None:
    crowd = Crowd(at(10), "Alder", "long", 4_000.0, leverage=3)
    plain, crowded = (
        simulate(0.4, 2, 8, interventions=events, positions_every=None, **SMALL) for events in ([], [crowd])
    )
    later = plain.funding["time"] == at(480)
    rise = (crowded.funding["rate"] - plain.funding["rate"])[later].to_numpy()
    assert later.sum() == 2
    assert rise[0] > 2e-4
    assert abs(rise[1]) < 1e-4
    assert (crowded.funding["interval_hours"] == 8).all()


# --- automatic deleveraging --------------------------------------------------------------------------------


def deleveraging(*others: Whale, drift: float = -0.03) -> SimulatedMarket:
    """One 50× long of 100 BTC is liquidated into a thin market with an empty insurance fund."""
    events = [
        Whale(at(2), "Oak", "long", 100.0, leverage=50),
        *others,
        PriceDrift(at(60), at(100), change=drift),
    ]
    changes = {**EMPTY, "impact": 4e-4, "insurance_fund": 0.0}
    return simulate(
        0.1, [PLAIN], 1, interventions=events, positions_every="2h", positions_from=START, **changes
    )


def left(market: SimulatedMarket) -> dict[float, float]:
    end = market.positions[market.positions["time"] == at(144)]
    return {float(row.leverage): float(row.quantity) for row in end.itertuples()}


def test_deleveraging_takes_the_most_successful_first_at_the_bankruptcy_price() -> None:
    made = deleveraging(
        Whale(at(3), "Oak", "short", 30.0, leverage=20),
        Whale(at(3), "Oak", "short", 100.0, leverage=2),
        Whale(at(3), "Oak", "short", 40.0, leverage=5),
    )
    assert left(made) == {2.0: 70.0}
    closed = made.deleveraged
    assert closed["side"].tolist() == ["short"]
    assert closed["quantity"].tolist() == [100.0]
    assert closed["price"].iloc[0] == 28_000 * (1 - 1 / 50)
    assert made.liquidations_true["price"].tolist() == [28_000 * (1 - 1 / 50)]
    # No order reached the market, so the news is all that moved the price.
    assert made.candles["low"].min() == pytest.approx(28_000 * 0.97, abs=1)
    assert (made.accounts["fund"] >= 0).all()


def test_equal_ranks_are_deleveraged_in_proportion() -> None:
    made = deleveraging(
        Whale(at(3), "Oak", "short", 150.0, leverage=10), Whale(at(3), "Oak", "short", 50.0, leverage=10)
    )
    end = made.positions[made.positions["time"] == at(144)]
    assert sorted(end["quantity"]) == [25.0, 75.0]


def test_the_market_maker_takes_what_no_trader_can() -> None:
    made = deleveraging(Whale(at(3), "Oak", "short", 30.0, leverage=20))
    assert left(made) == {}
    last = made.accounts.iloc[-1]
    assert (last["long"], last["short"], last["maker_quantity"]) == (0.0, 0.0, 0.0)
    assert last["fund"] >= 0
    assert last["traders"] + last["maker_cash"] + last["fund"] + last["fees"] == pytest.approx(
        last["deposits"], abs=CENT
    )


def test_losers_are_not_deleveraged() -> None:
    made = deleveraging(Whale(at(3), "Oak", "short", 30.0, leverage=20, entry=27_000.0))
    assert left(made) == {20.0: 30.0}
    assert made.deleveraged.empty


def test_deleveraging_in_a_crowded_market_keeps_every_fund_above_water() -> None:
    made = simulate(
        0.25,
        3,
        2,
        insurance_fund=0.0,
        positions_every="15m",
        positions_from=START,
        interventions=[PriceDrift(at(100), at(115), change=-0.06)],
        **{**SMALL, "impact": 2.5e-4},
    )
    assert len(made.deleveraged) > 0
    assert (made.accounts["fund"] >= 0).all()
    books = made.accounts
    total = (books["traders"] + books["maker_cash"] + books["fund"] + books["fees"] - books["deposits"]).abs()
    assert total.max() < CENT
    open_ = (
        made.positions.groupby(["time", "venue", "side"], observed=True)["quantity"]
        .sum()
        .unstack()
        .fillna(0.0)
    )
    books = books.set_index(["time", "venue"])
    both = open_.index.intersection(books.index)
    assert len(both) >= 24 * 3
    np.testing.assert_allclose(
        open_.loc[both, ["long", "short"]], books.loc[both, ["long", "short"]], atol=1e-6
    )


# --- chance and bad settings -------------------------------------------------------------------------------


def test_students_t_and_poisson_agree_with_scipy() -> None:
    u = np.linspace(0.001, 0.999, 997)
    np.testing.assert_allclose(draws.student4(u), stats.t(4).ppf(u), rtol=1e-9, atol=1e-9)
    rates = np.repeat([0.0, 0.3, 4.0, 60.0], 250)
    u = np.tile(np.linspace(0.0005, 0.9995, 250), 4)
    np.testing.assert_array_equal(draws.poisson(rates, u), stats.poisson(rates).ppf(u))


def test_uniforms_are_the_bit_stream_and_no_other() -> None:
    first = draws.uniforms(1, (2, 3), 3)
    np.testing.assert_array_equal(
        first, np.random.Generator(np.random.PCG64(np.random.SeedSequence(1, spawn_key=(2, 3)))).random(3)
    )
    assert not np.array_equal(first, draws.uniforms(1, (2, 4), 3))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: simulate(0), "length"),
        (lambda: simulate(1, 9), "1 to 5 venues"),
        (lambda: simulate(1, []), "at least one venue"),
        (lambda: simulate(1, [PLAIN, PLAIN]), "its own name"),
        (lambda: simulate(1, seed=-1), "seed"),
        (lambda: simulate(1, start_price=0), "start_price"),
        (lambda: simulate(1, regime="wild"), "calm or violent"),
        (lambda: simulate(1, leverage=3), "not an assumption"),
        (lambda: simulate(1, impact=-1.0), "impact must be"),
        (lambda: simulate(1, stop_share=1.5), "cannot be above 1"),
        (lambda: simulate(1, positions_every="often"), "timeframe"),
        (lambda: simulate(1, interventions=[FeedOutage(at(1), at(9), "Ash")]), "no venue 'Ash'"),
        (lambda: simulate(1, interventions=[FeedOutage(at(9), at(9), "Elm")]), "at least a minute"),
        (
            lambda: simulate(1, interventions=[PriceDrift(at(-9), at(9), change=0.1)]),
            "before the simulated market",
        ),
        (lambda: PriceDrift(at(0), at(9)), "either change or target"),
        (lambda: PriceDrift(at(0), at(9), change=-1.0), "to zero"),
        (lambda: Crowd(at(0), "Elm", "up", 5.0), "long or short"),  # type: ignore[arg-type]
        (lambda: Crowd(at(0), "Elm", "long", 5.0, entry_low=9.0), "both"),
        (lambda: Crowd(at(0), "Elm", "long", 0.01, positions=50), "at least 0.001"),
        (lambda: Whale(at(0), "Elm", "long", 5.0, leverage=500), "leverage of 1 to 100"),
        (lambda: FeedDelay(at(0), at(9), "Elm", -3.0), "zero seconds"),
        (lambda: VenueSpec("Oak", 1.0, (1.0,)), "9 weights"),
        (lambda: VenueSpec("Oak", 1.0, (1,) * 9, maintenance_margin_rate=0.02), "maintenance_margin_rate"),
    ],
)
def test_impossible_settings_are_refused_with_a_sentence(call: object, words: str) -> None:
    with pytest.raises((SimulationError, tables.TableError), match=words) as caught:
        call()  # type: ignore[operator]
    assert str(caught.value).endswith(".")


def test_a_runaway_market_is_stopped_with_a_sentence() -> None:
    with pytest.raises(SimulationError, match="Lower the impact"):
        simulate(
            0.1,
            1,
            1,
            opens=30.0,
            impact=0.05,
            positions_every=None,
            interventions=[PriceDrift(at(10), at(20), change=-0.05)],
        )


def test_built_in_venues_differ_in_what_the_reader_should_notice() -> None:
    assert {venue.completeness for venue in VENUES} == {"all", "sampled"}
    assert {venue.price_kind for venue in VENUES} == {"fill", "bankruptcy"}
    assert max(venue.lag_seconds for venue in VENUES) >= 60
    assert sum(venue.share for venue in VENUES) == pytest.approx(1.0)


def test_more_positions_than_memory_holds_are_refused_and_come_one_snapshot_at_a_time(monkeypatch):
    market = simulate(0.1, 2, seed=3, positions_every="30min", positions_from=START)
    whole = market.snapshots.table()
    assert market.snapshots.rows == len(whole) > 0
    parts = [table.assign(time=time) for time, table in market.snapshots.each()]
    pd.testing.assert_frame_equal(
        pd.concat(parts, ignore_index=True), whole, check_dtype=False, check_categorical=False
    )
    monkeypatch.setattr("liqcore.lab.tape._MOST_ROWS", len(whole) - 1)
    with pytest.raises(SimulationError, match=r"once would fill .*snapshots\.each"):
        _ = market.positions
    assert len(market.positions_at(market.snapshots.times[-1])) == len(parts[-1])
