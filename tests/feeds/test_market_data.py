"""Market data of venues whose addresses and units are easy to get wrong."""

import numpy as np
import pytest
from loopback_session import END, START, loopback

from liqcore.feeds.market_data import candles, funding, leverage_tiers, open_interest


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
