"""Aggregators with a key: totals, modelled grids, and no word of the key anywhere."""

import logging

import numpy as np
import pytest
from loopback_session import END, START, loopback

from liqcore import tables
from liqcore.feeds import FeedError
from liqcore.feeds.rest import aggregators
from liqcore.feeds.status import ClockSkew, KeyRefused

KEY = "very-secret-key"
CALLS = {
    "CoinGlass totals": (aggregators.coinglass_history, (), "coinglass"),
    "CoinGlass heatmap": (aggregators.coinglass_heatmap, (), "coinglass"),
    "CoinGlass orders": (aggregators.coinglass_orders, (START, END), "coinglass"),
    "CoinGlass map": (aggregators.coinglass_map, (), "coinglass"),
    "CoinAnk totals": (aggregators.coinank_history, (END,), "coinank"),
    "CoinAnk heatmap": (aggregators.coinank_heatmap, (), "coinank"),
    "CoinAnk intervals": (aggregators.coinank_intervals, (), "coinank"),
    "CoinAnk orders": (aggregators.coinank_orders, (END,), "coinank"),
    "CoinAnk map": (aggregators.coinank_map, (), "coinank"),
    "Coinalyze liquidations": (aggregators.coinalyze_liquidations, (START, END), "coinalyze"),
    "Coinalyze open interest": (aggregators.coinalyze_open_interest, (START, END), "coinalyze"),
    "Coinalyze funding": (aggregators.coinalyze_funding, (START, END), "coinalyze"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with loopback(tmp_path_factory.mktemp("answers")) as pair:
        yield pair


@pytest.fixture
def fresh(world):
    server, session = world
    server.clear()
    session.resume()
    return server, session


def test_totals_are_usd_an_interval(fresh):
    server, session = fresh
    for found in (
        aggregators.coinglass_history(session, KEY),
        aggregators.coinglass_history(session, KEY, exchange="Binance"),
        aggregators.coinank_history(session, KEY, END),
        aggregators.coinank_history(session, KEY, END, exchange="Bybit"),
    ):
        assert found["long"].tolist() == [1000.5] * 3
        assert found["short"].tolist() == [250.0] * 3
        assert str(found["time"].dtype) == tables.TIME_DTYPE
    two = aggregators.coinalyze_liquidations(session, KEY, START, END, ("BTCUSDT_PERP.A", "BTCUSDT_PERP.6"))
    assert two.groupby("symbol")["long"].count().tolist() == [3, 3]
    asked = server.requests[-1][1]
    assert int(asked["to"]) - int(asked["from"]) == 6 * 3600
    assert asked["convert_to_usd"] == "true"


def test_series_are_checked_tables(fresh):
    _, session = fresh
    assert aggregators.coinalyze_open_interest(session, KEY, START, END)["quantity"].tolist() == [2.5] * 3
    assert (
        aggregators.coinalyze_funding(session, KEY, START, END)["rate"].tolist()
        == [pytest.approx(0.0001)] * 3
    )


@pytest.mark.parametrize("call", [aggregators.coinglass_heatmap, aggregators.coinank_heatmap])
def test_a_heatmap_is_modelled_and_names_its_maker(fresh, call):
    _, session = fresh
    grid = call(session, KEY)
    assert grid.kind == "modelled"
    assert grid.provenance.source.startswith(("CoinGlass", "CoinAnk"))
    assert (float(grid.long.sum()), float(grid.short.sum())) == (1e6, 2e6)


def test_single_liquidations_have_a_side_only_where_it_is_known(fresh):
    server, session = fresh
    large = sorted(
        (one.time * 1000, one.side, one.price, one.price * one.quantity)
        for one in server.events
        if one.price * one.quantity >= 20_000
    )[-200:]
    for code, sides in ((None, {"unknown"}), (1, {"long", "short"})):
        found = aggregators.coinglass_orders(session, KEY, START, END, "OKX", 20_000, code)
        assert tables.microseconds(found["time"]).tolist() == [moment for moment, *_ in large]
        assert found["notional"].tolist() == pytest.approx([notional for *_, notional in large])
        assert set(found["side"]) == sides
        assert set(found["exchange"]) == {"OKX"}
    assert found["side"].tolist() == [side for _, side, *_ in large]
    told = aggregators.coinank_orders(session, KEY, END, "OKX", "short", 20_000)
    wanted = [one for one in server.events if one.side == "short" and one.price * one.quantity >= 20_000]
    assert tables.ensure(told, "liquidations") is told
    assert told["quantity"].tolist() == pytest.approx([one.quantity for one in wanted])
    assert (set(told["venue"]), set(told["side"]), set(told["completeness"])) == (
        {"okx"},
        {"short"},
        {"unknown"},
    )


def test_maps_and_intervals_are_told_as_sent(fresh):
    _, session = fresh
    found = aggregators.coinglass_map(session, KEY)
    assert found["price"].tolist() == [48_935.0, 51_000.0, 51_000.0]
    assert found["level"].tolist() == [2.5, 1579370.77, 10.5]
    assert found["leverage"].fillna(0).tolist() == [0.0, 25.0, 100.0]
    by_leverage = aggregators.coinank_map(session, KEY)
    assert list(by_leverage.itertuples(index=False, name=None)) == [
        (49_000.0, "x25", 5.5),
        (50_000.0, "x100", 2.5),
        (51_000.0, "x100", 1.5),
    ]
    assert by_leverage.attrs["price"] == 50_050.0
    assert aggregators.coinank_map(session, KEY, exchange=None)["group"].tolist() == ["OKX", "Binance"]
    spans = aggregators.coinank_intervals(session, KEY)
    assert list(spans.itertuples(index=False, name=None)) == [
        ("5m", 10.0, 1.0),
        ("4h", 40.0, 4.0),
        ("24h", 240.0, 24.0),
    ]


def test_what_is_left_of_a_plan_is_told_and_warned_of(fresh):
    server, session = fresh
    assert (
        aggregators.coinglass_history(session, KEY).attrs["quota"]
        == "CoinGlass has counted 1 of the 30 calls a minute that the plan allows."
    )
    assert not any(
        "calls a minute" in flag for flag in aggregators.coinglass_heatmap(session, KEY).provenance.flags
    )
    server.requests += [("open-api-v4.coinglass.com", {}, {})] * 25
    last = aggregators.coinglass_heatmap(session, KEY).provenance.flags[-1]
    assert (
        last == "CoinGlass has counted 28 of the 30 calls a minute that the plan allows. Wait a minute before"
        " asking for more."
    )


def test_a_time_far_from_now_is_said_to_be_the_clock(fresh):
    _, session = fresh
    with pytest.raises(ClockSkew, match="Set this computer's clock"):
        aggregators.coinank_history(session, KEY, END - np.timedelta64(9, "D"))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("429", "pause"),
        ("key-refused", "refuses the key"),
        ("402", "plan of the key does not cover"),
        ("wrong-types", "another shape"),
        ("truncated", "cut off"),
    ],
)
def test_faults_are_one_sentence_without_the_key(fresh, caplog, name, kind, words):
    server, session = fresh
    call, arguments, host = CALLS[name]
    server.fault(host, kind)
    with caplog.at_level(logging.DEBUG), pytest.raises(FeedError, match=words) as caught:
        call(session, KEY, *arguments)
    assert KEY not in str(caught.value)
    assert KEY not in caplog.text


@pytest.mark.parametrize("key", ["", "  ", "two\nlines", "pünktchen"])
def test_an_odd_key_is_refused_before_it_is_sent(fresh, key):
    server, session = fresh
    with pytest.raises(KeyRefused, match="Paste it again"):
        aggregators.coinglass_history(session, key)
    assert server.count() == 0
