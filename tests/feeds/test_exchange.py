"""Every venue's history against a server that speaks its dialect: the same truth comes back, whatever goes
wrong."""

import subprocess
import sys

import numpy as np
import pytest
from loopback_session import END, START, loopback

from liqcore import tables
from liqcore.feeds import FeedError
from liqcore.feeds.venues.history import liquidation_histories, liquidation_history
from liqcore.feeds.venues.market import candles, funding, leverage_tiers, open_interest
from liqcore.feeds.venues.registry import VENUES
from tests.loopback import dialects, market_dialects

HISTORY = [name for name, venue in VENUES.items() if venue.history]


@pytest.fixture(scope="module")
def world():
    with loopback() as pair:
        yield pair


@pytest.fixture
def fresh(world):
    server, session = world
    server.clear()
    session.resume()
    session.cache.clear()
    return server, session


def truth(server):
    return sorted(
        (event.time * 1000, event.side, round(event.price, 6), round(event.quantity, 9))
        for event in server.events
    )


def rows(table):
    return sorted(
        zip(
            tables.microseconds(table["time"]).tolist(),
            table["side"].astype(str),
            table["price"].round(6),
            table["quantity"].round(9),
            strict=True,
        )
    )


def test_every_venue_tells_the_same_truth_in_its_own_dialect(fresh):
    server, session = fresh
    for venue, found in liquidation_histories(session, HISTORY, START, END).items():
        assert rows(found.table) == truth(server), venue
        assert found.status.state == "live"
        assert found.status.completeness == VENUES[venue].completeness
        assert found.status.last_event == np.datetime64(max(event.time for event in server.events), "ms")


@pytest.mark.parametrize("kind", ["duplicates", "out-of-order"])
def test_disorder_neither_loses_nor_doubles(fresh, kind):
    server, session = fresh
    server.fault("", kind)
    for venue in ("gate", "htx", "okx", "bitfinex", "dydx"):
        assert rows(liquidation_history(session, venue, START, END).table) == truth(server), venue


def test_the_coin_margined_history_of_htx_has_its_own_address_and_pages(fresh, monkeypatch):
    server, session = fresh
    coin = [
        dialects.Event(
            dialects.NOW - number * 60_000 * 90, ("long", "short")[number % 2], 50_000.0, 0.02 * number
        )
        for number in range(1, 51)
    ][::-1]
    monkeypatch.setattr(market_dialects, "COIN", coin)
    found = liquidation_history(session, "htx", END - np.timedelta64(80, "h"), END)
    inverse = found.table["symbol"].astype(str) == "BTC-USD"
    assert rows(found.table[~inverse]) == truth(server)
    assert rows(found.table[inverse]) == sorted(
        (one.time * 1000, one.side, one.price, round(one.quantity, 9)) for one in coin
    )
    assert found.table.loc[inverse, "notional"].sum() == pytest.approx(
        sum(one.quantity for one in coin) * 50_000.0
    )
    assert found.status.state == "live"


def test_empty_answers_are_no_error(fresh):
    server, session = fresh
    server.fault("", "empty")
    for venue, found in liquidation_histories(session, HISTORY, START, END).items():
        assert found.table.empty
        assert found.status.state == "live", (venue, found.status.message)


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("429", "rate-limited"),
        ("451", "geo-blocked"),
        ("403", None),
        ("500", "error"),
        ("error-in-200", "error"),
        ("truncated", "error"),
        ("wrong-types", "error"),
        ("unknown-symbol", "off"),
        ("skewed-clock", "error"),
    ],
)
@pytest.mark.parametrize("venue", ["gate", "dydx"])
def test_the_trouble_of_one_venue_is_told_and_the_others_go_on(fresh, venue, kind, state):
    server, session = fresh
    server.fault({"gate": "gateio", "dydx": "dydx"}[venue], kind)
    found = liquidation_histories(session, [venue, "htx"], START, END)
    told = found[venue].status
    assert found[venue].table.empty
    assert told.state == (state or told.state)
    assert told.state != "live"
    assert told.message.endswith(".")
    assert VENUES[venue].name in told.message
    assert rows(found["htx"].table) == truth(server)


def test_what_was_read_before_the_trouble_is_kept(fresh):
    server, session = fresh
    server.fault("gateio", "one-bad-row")
    found = liquidation_history(session, "gate", START, END)
    assert rows(found.table) == truth(server)
    assert found.status.state == "partial"
    assert "cannot be read" in found.status.message


def test_only_the_asked_hours_come_back(fresh):
    server, session = fresh
    middle = START + np.timedelta64(3, "h")
    late = liquidation_history(session, "bitget", middle, END).table
    expected = [row for row in truth(server) if row[0] >= middle.astype("datetime64[us]").astype(int)]
    assert 0 < len(expected) < len(server.events)
    assert rows(late) == expected


def test_questions_without_an_answer_are_one_sentence(fresh):
    _, session = fresh
    with pytest.raises(FeedError, match="no public history"):
        liquidation_history(session, "bybit", START, END)
    with pytest.raises(FeedError, match="not before its end"):
        liquidation_history(session, "gate", END, START)
    with pytest.raises(FeedError, match="asks for a key"):
        leverage_tiers(session, "binance", END)
    assert liquidation_histories(session, ["bybit"], START, END)["bybit"].status.state == "off"


def test_market_data_has_the_house_units(fresh):
    server, session = fresh
    hour = END - np.timedelta64(1, "h")
    bars = candles(session, "binance", "1m", hour, END)
    assert len(bars.table) == 60
    assert bars.table["taker_buy_volume"].tolist() == [5.5] * 60
    assert candles(session, "bybit", "1m", hour, END).table["taker_buy_volume"].isna().all()
    assert server.count("exchangeInfo") + server.count("instruments-info") == 0
    assert open_interest(session, "binance").table["quantity"].iloc[-1] == 90_000
    paid = funding(session, "binance", END - np.timedelta64(2, "D")).table
    assert paid["rate"].tolist() == [0.0001] * len(paid)
    assert set(paid["interval_hours"]) == {8.0}
    tiers = leverage_tiers(session, "bybit", END)
    assert tiers.rates == (0.005, 0.01)
    assert tiers.cap == 4_000_000


@pytest.mark.parametrize(
    ("kind", "state"),
    [("451", "geo-blocked"), ("429", "rate-limited"), ("truncated", "error"), ("wrong-types", "error")],
)
def test_market_data_tells_its_trouble(fresh, kind, state):
    server, session = fresh
    server.fault("binance", kind)
    for found in (
        candles(session, "binance", "1m", START, END),
        open_interest(session, "binance"),
        funding(session, "binance", START),
    ):
        assert found.table.empty
        assert found.status.state == state, found.status.message
        assert "Binance" in found.status.message


def test_the_library_starts_without_the_network_packages():
    code = (
        "import sys, liqcore, liqcore.feeds.files, liqcore.feeds.samples; from liqcore.feeds import"
        " parse_liquidations;print([name for name in ('ccxt', 'requests', 'requests_cache') if name in"
        " sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )
