"""Market data of venues whose addresses and units are easy to get wrong."""

import numpy as np
import pytest
from loopback_session import END, START, loopback

from liqcore.feeds.venues.market import candles, funding, leverage_tiers, open_interest
from tests.loopback.dialects import NOW
from tests.loopback.market_dialects import MINUTE, bar


@pytest.fixture(scope="module")
def session():
    with loopback() as (_, opened):
        yield opened


def test_gate_is_asked_at_the_address_it_has_and_its_contracts_become_bitcoin(session):
    bars = candles(session, "gate", "1h", START, END)
    assert (bars.status.state, bars.status.message) == ("live", "")
    assert bars.table["volume"].tolist() == [pytest.approx(12.5)] * len(bars.table)
    assert len(bars.table) >= 5
    held = open_interest(session, "gate", "1h")
    assert held.table["quantity"].tolist() == [pytest.approx(50.0)] * 3
    paid = funding(session, "gate", END - np.timedelta64(2, "D"))
    assert paid.table["rate"].tolist() == [0.0001] * 3
    assert set(paid.table["interval_hours"]) == {8.0}
    tiers = leverage_tiers(session, "gate", END)
    assert tiers.floors == (0.0, 1e6)
    assert tiers.rates == (0.004, 0.005)
    assert tiers.cap == 2e6


def test_the_rate_of_deribit_belongs_to_the_hour_it_is_paid_for(session):
    paid = funding(session, "deribit", START)
    assert paid.status.state == "live"
    assert set(paid.table["interval_hours"]) == {1.0}
    assert paid.table["rate"].tolist() == [pytest.approx(0.00001)] * len(paid.table)
    assert len(paid.table) >= 5


def test_the_volume_of_coin_margined_bars_is_bitcoin(session):
    bars = candles(session, "binance-coin", "1h", START, END).table
    assert bars["volume"].tolist() == [12.5] * len(bars)
    assert bars["taker_buy_volume"].tolist() == [5.5] * len(bars)
    assert len(bars) >= 5


@pytest.mark.parametrize(
    ("venue", "pages"),
    [
        ("okx", 5),
        ("hyperliquid", 1),
        ("bitget", 8),
        ("kraken", 2),
        ("bitfinex", 1),
        ("deribit", 2),
        ("htx", 1),
        ("dydx", 2),
    ],
)
def test_every_minute_of_a_day_comes_once_and_as_the_venue_has_it(session, venue, pages):
    found = candles(session, venue, "1m", END - np.timedelta64(24, "h"), END)
    assert (found.status.state, found.status.message) == ("live", "")
    starts = np.arange(NOW // MINUTE - 1439, NOW // MINUTE + 1) * MINUTE
    table = found.table
    np.testing.assert_array_equal(table["time"].to_numpy("datetime64[ms]").astype(np.int64), starts)
    expected = np.array([bar(int(start)) for start in starts])
    np.testing.assert_allclose(
        table[["open", "high", "low", "close"]].to_numpy(), expected[:, :4], rtol=1e-12
    )
    if venue != "htx":
        np.testing.assert_allclose(table["volume"].to_numpy(), expected[:, 4], rtol=1e-9)
    assert table["taker_buy_volume"].isna().all()
    assert found.requests == pages


@pytest.mark.parametrize(
    ("venue", "rate", "every"),
    [("okx", 0.0001, 8), ("hyperliquid", 0.0000125, 1), ("bitget", 0.0001, 8), ("kraken", 0.000012, 1)],
)
def test_funding_is_a_fraction_an_interval(session, venue, rate, every):
    paid = funding(session, venue, END - np.timedelta64(3, "D"))
    assert (paid.status.state, paid.status.message) == ("live", "")
    assert paid.table["rate"].tolist() == [pytest.approx(rate)] * len(paid.table)
    assert set(paid.table["interval_hours"]) == {float(every)}
    assert len(paid.table) == 72 // every


@pytest.mark.parametrize(("venue", "held"), [("okx", 27_500.0), ("hyperliquid", 31_234.5)])
def test_open_interest_of_now_is_bitcoin(session, venue, held):
    found = open_interest(session, venue)
    assert (found.status.state, found.status.message) == ("live", "")
    assert found.table["quantity"].tolist() == [held]


def test_brackets_of_bitget_are_read(session):
    tiers = leverage_tiers(session, "bitget", END)
    assert (tiers.floors, tiers.rates, tiers.cap) == ((0.0, 150_000.0), (0.004, 0.005), 900_000.0)
