"""Aggregators with a key: totals, modelled grids, and no word of the key anywhere."""

import logging

import pytest
from loopback_session import END, START, loopback

from liqcore import tables
from liqcore.feeds import FeedError, aggregators
from liqcore.feeds.status import KeyRefused

KEY = "very-secret-key"
CALLS = {
    "CoinGlass totals": (aggregators.coinglass_history, (), "coinglass"),
    "CoinGlass heatmap": (aggregators.coinglass_heatmap, (), "coinglass"),
    "CoinAnk totals": (aggregators.coinank_history, (END,), "coinank"),
    "CoinAnk heatmap": (aggregators.coinank_heatmap, (), "coinank"),
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
    for found in (aggregators.coinglass_history(session, KEY), aggregators.coinglass_history(session, KEY, exchange="Binance"),
                  aggregators.coinank_history(session, KEY, END)):
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
    assert aggregators.coinalyze_funding(session, KEY, START, END)["rate"].tolist() == [pytest.approx(0.0001)] * 3


@pytest.mark.parametrize("call", [aggregators.coinglass_heatmap, aggregators.coinank_heatmap])
def test_a_heatmap_is_modelled_and_names_its_maker(fresh, call):
    _, session = fresh
    grid = call(session, KEY)
    assert grid.kind == "modelled"
    assert grid.provenance.source.startswith(("CoinGlass", "CoinAnk"))
    assert (float(grid.long.sum()), float(grid.short.sum())) == (1e6, 2e6)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(("kind", "words"), [("429", "pause"), ("key-refused", "refuses the key"), ("wrong-types", "another shape"), ("truncated", "cut off")])
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
