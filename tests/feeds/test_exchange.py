"""Every venue's history against a server that speaks its dialect: the same truth comes back, whatever goes
wrong."""

import subprocess
import sys
import time

import numpy as np
import pytest
from loopback_session import END, START, loopback, rows, rows_of

from liqcore.feeds import FeedError
from liqcore.feeds.venues.history import liquidation_histories, liquidation_history
from liqcore.feeds.venues.market import candles, funding, leverage_tiers, open_interest
from liqcore.feeds.venues.registry import VENUES
from tests.loopback import truth
from tests.loopback.dialects import DIALECTS
from tests.loopback.truth import MINUTE, bar

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


@pytest.fixture
def present(fresh, monkeypatch):
    """The market of this very moment, for what is only told of the last days."""
    monkeypatch.setattr(truth, "NOW", int(time.time()) * 1000)
    return *fresh, np.datetime64(truth.NOW, "ms")


def test_every_venue_tells_the_same_truth_in_its_own_dialect(fresh):
    server, session = fresh
    for venue, found in liquidation_histories(session, HISTORY, START, END).items():
        assert rows(found.table) == rows_of(server.events), venue
        assert found.status.state == "live"
        assert found.status.completeness == VENUES[venue].completeness
        assert found.status.last_event == np.datetime64(max(event.time for event in server.events), "ms")


@pytest.mark.parametrize("kind", ["duplicates", "out-of-order"])
def test_disorder_neither_loses_nor_doubles(fresh, kind):
    server, session = fresh
    server.fault("", kind)
    for venue in ("gate", "htx", "okx", "bitfinex", "dydx"):
        assert rows(liquidation_history(session, venue, START, END).table) == rows_of(server.events), venue


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
    assert rows(found["htx"].table) == rows_of(server.events)


def test_what_was_read_before_the_trouble_is_kept(fresh):
    server, session = fresh
    server.fault("gateio", "one-bad-row")
    found = liquidation_history(session, "gate", START, END)
    assert rows(found.table) == rows_of(server.events)
    assert found.status.state == "partial"
    assert "cannot be read" in found.status.message


def test_only_the_asked_hours_come_back(fresh):
    server, session = fresh
    middle = START + np.timedelta64(3, "h")
    late = liquidation_history(session, "bitget", middle, END).table
    expected = [
        row for row in rows_of(server.events) if row[0] >= middle.astype("datetime64[us]").astype(int)
    ]
    assert 0 < len(expected) < len(server.events)
    assert rows(late) == expected


def test_questions_without_an_answer_are_one_sentence(fresh):
    _, session = fresh
    with pytest.raises(FeedError, match="no public history"):
        liquidation_history(session, "bybit", START, END)
    with pytest.raises(FeedError, match="not before its end"):
        liquidation_history(session, "gate", END, START)
    with pytest.raises(FeedError, match="reads no maintenance brackets of Kraken"):
        leverage_tiers(session, "kraken", END)
    assert liquidation_histories(session, ["bybit"], START, END)["bybit"].status.state == "off"


def test_market_data_has_the_house_units(fresh):
    server, session = fresh
    hour = END - np.timedelta64(1, "h")
    bars = candles(session, "binance", "1m", hour, END)
    assert len(bars.table) == 60
    assert bars.table["taker_buy_volume"].tolist() == [5.5] * 60
    assert candles(session, "bybit", "1m", hour, END).table["taker_buy_volume"].isna().all()
    assert server.count("exchangeInfo") + server.count("instruments-info") == 0
    paid = funding(session, "binance", END - np.timedelta64(2, "D"), END).table
    assert paid["rate"].tolist() == [0.0001] * len(paid)
    assert set(paid["interval_hours"]) == {8.0}
    tiers = leverage_tiers(session, "bybit", END)
    assert tiers.rates == (0.005, 0.01)
    assert tiers.kind == "marginal"
    assert tiers.cap == 4_000_000


DAYS = [(venue, count, one.volume) for one in DIALECTS.values() for venue, count in one.day.items()]


@pytest.mark.parametrize(("venue", "pages", "volume"), DAYS, ids=[day[0] for day in DAYS])
def test_every_minute_of_a_day_comes_once_and_as_the_venue_has_it(fresh, venue, pages, volume):
    _, session = fresh
    found = candles(session, venue, "1m", END - np.timedelta64(24, "h"), END)
    assert (found.status.state, found.status.message) == ("live", "")
    starts = np.arange(truth.NOW // MINUTE - 1439, truth.NOW // MINUTE + 1) * MINUTE
    table = found.table
    np.testing.assert_array_equal(table["time"].to_numpy("datetime64[ms]").astype(np.int64), starts)
    expected = np.array([bar(int(start)) for start in starts])
    np.testing.assert_allclose(
        table[["open", "high", "low", "close"]].to_numpy(), expected[:, :4], rtol=1e-12
    )
    if volume:
        np.testing.assert_allclose(table["volume"].to_numpy(), expected[:, 4], rtol=1e-9)
    else:
        assert table["volume"].isna().all()
    assert table["taker_buy_volume"].notna().all() == VENUES[venue].taker_volume
    assert found.requests == pages


@pytest.mark.parametrize(
    ("venue", "rate", "every"),
    [("okx", 0.0001, 8), ("hyperliquid", 0.0000125, 1), ("bitget", 0.0001, 8), ("kraken", 0.000012, 1)],
)
def test_funding_is_a_fraction_an_interval(fresh, venue, rate, every):
    _, session = fresh
    paid = funding(session, venue, END - np.timedelta64(3, "D"), END)
    assert (paid.status.state, paid.status.message) == ("live", "")
    assert paid.table["rate"].tolist() == [pytest.approx(rate)] * len(paid.table)
    assert set(paid.table["interval_hours"]) == {float(every)}
    assert len(paid.table) == 72 // every


def test_what_is_older_than_a_venue_tells_is_not_asked_for(fresh):
    server, session = fresh
    found = open_interest(session, "binance", START - np.timedelta64(1, "D"), START)
    assert (found.table.empty, found.status.state, server.requests) == (True, "off", [])
    assert found.status.message == "Binance USD-M tells open interest of the last 30 d only."


INTEREST = [name for name, venue in VENUES.items() if venue.open_interest and venue.open_interest.reach != 0]


@pytest.mark.parametrize("venue", INTEREST)
@pytest.mark.parametrize(("days", "timeframe", "step"), [(1, "5m", 300_000), (20, "1h", 3_600_000)])
def test_open_interest_of_the_asked_span_comes_whole_and_is_bitcoin(present, venue, days, timeframe, step):
    _, session, now = present
    found = open_interest(session, venue, now - np.timedelta64(days, "D"), now, timeframe)
    assert (found.status.state, found.status.message) == ("live", "")
    starts = truth.bars(truth.NOW - days * 86_400_000, truth.NOW, step)
    times = found.table["time"].to_numpy("datetime64[ms]").astype(np.int64)
    # A venue may tell the row before the first, never miss one.
    np.testing.assert_array_equal(times[-len(starts) :], starts)
    assert len(times) <= len(starts) + 1
    expected = [truth.open_interest(int(moment)) for moment in times]
    np.testing.assert_allclose(found.table["quantity"].to_numpy(), expected, rtol=1e-9)
    assert found.requests <= -(-len(starts) // VENUES[venue].open_interest.most) + 1


def test_what_a_venue_has_not_is_one_sentence(fresh):
    _, session = fresh
    with pytest.raises(FeedError, match=r"Heatlab reads no open interest of Bitfinex\. Choose one of"):
        open_interest(session, "bitfinex", START, END)
    with pytest.raises(FeedError, match="No venue is called 'nowhere'"):
        candles(session, "nowhere", "1m", START, END)


def test_venues_answer_to_the_names_ccxt_gives_them(fresh):
    server, session = fresh
    assert rows(liquidation_history(session, "GateIO", START, END).table) == rows_of(server.events)
    assert candles(session, "BinanceUSDM", "1m", END - np.timedelta64(1, "h"), END).status.venue == "binance"


@pytest.mark.parametrize(
    ("kind", "state"),
    [("451", "geo-blocked"), ("429", "rate-limited"), ("truncated", "error"), ("wrong-types", "error")],
)
def test_market_data_tells_its_trouble(present, kind, state):
    server, session, now = present
    before = now - np.timedelta64(6, "h")
    server.fault("binance", kind)
    for found in (
        candles(session, "binance", "1m", before, now),
        open_interest(session, "binance", before, now),
        funding(session, "binance", before, now),
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
