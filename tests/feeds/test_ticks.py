"""Prices that sockets carry beside liquidations: they move the last candle and say how old the price is."""

import asyncio
import random
import time

import pandas as pd
import pytest

from liqcore.feeds.live.stream import StreamOptions, follow
from liqcore.feeds.live.ticks import Ticks, moved
from liqcore.feeds.venues.parse import parse_message
from liqcore.feeds.venues.registry import VENUES
from liqcore.feeds.venues.venue import Tick
from tests.loopback.server import VenueServer

AT = 1_790_000_000_123
MINUTE = 60_000_000
FRAMES = {
    "binance": {"e": "24hrMiniTicker", "E": AT, "s": "BTCUSDT", "c": "50123.4", "o": "49000", "h": "51000"},
    "bybit": {
        "topic": "tickers.BTCUSDT",
        "type": "delta",
        "ts": AT,
        "data": {"symbol": "BTCUSDT", "lastPrice": "50123.4"},
    },
    "okx": {
        "arg": {"channel": "tickers", "instId": "BTC-USDT-SWAP"},
        "data": [{"instId": "BTC-USDT-SWAP", "last": "50123.4", "ts": str(AT)}],
    },
    "kraken": {
        "feed": "trade",
        "product_id": "PF_XBTUSD",
        "side": "buy",
        "type": "fill",
        "seq": 5,
        "time": AT,
        "qty": 0.1,
        "price": 50123.4,
    },
}


@pytest.mark.parametrize("venue", FRAMES)
def test_a_frame_tells_the_price_and_is_no_liquidation(venue):
    row = VENUES[venue]
    assert row.tick(FRAMES[venue]) == Tick(AT * 1_000, 50_123.4)
    told = parse_message(row, FRAMES[venue], AT * 1_000)
    assert told.rows == []
    assert not told.left_out, "a price that was asked for is not counted as left out"
    assert row.tick({"odd": 1}) is None


@pytest.mark.parametrize("change", [{"data": {"symbol": "BTCUSDT", "volume24h": "1"}}, {"data": None}])
def test_a_change_of_something_else_tells_no_price(change):
    assert VENUES["bybit"].tick({**FRAMES["bybit"], **change}) is None


def bars(count=5, first=1_790_000_000 // 60 * MINUTE):
    return pd.DataFrame(
        {
            "time": pd.to_datetime([first + at * MINUTE for at in range(count)], unit="us", utc=True),
            "open": 50_000.0,
            "high": 50_010.0,
            "low": 49_990.0,
            "close": 50_005.0,
            "volume": 3.0,
            "taker_buy_volume": 1.0,
        }
    )


def test_ticks_move_the_last_candle_and_begin_the_next():
    candles, ticks = bars(), Ticks()
    last = int(candles["time"].iloc[-1].value // 1_000)
    for seconds, price in ((10, 50_040.0), (30, 49_950.0), (50, 50_020.0), (70, 50_030.0), (80, 50_025.0)):
        ticks.note("okx", Tick(last + seconds * 1_000_000, price))
    # What comes late, and what another venue says, moves nothing.
    ticks.note("okx", Tick(last + 1_000_000, 99_000.0))
    ticks.note("bybit", Tick(last + 90_000_000, 10.0))
    found = moved(candles, ticks.bars("okx"))
    assert found.iloc[:-2].equals(candles.iloc[:-1])
    bar, running = found.iloc[-2], found.iloc[-1]
    assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (50_000.0, 50_040.0, 49_950.0, 50_020.0)
    assert bar["volume"] == 3.0
    assert (running["open"], running["high"], running["low"]) == (50_030.0, 50_030.0, 50_025.0)
    assert running["close"] == 50_025.0
    assert pd.isna(running["volume"])
    assert candles["close"].iloc[-1] == 50_005.0, "the candles that were given stay as they were"
    assert ticks.last("okx") == Tick(last + 80_000_000, 50_025.0)
    assert moved(candles, []) is candles


def test_only_the_last_minutes_are_held():
    ticks = Ticks()
    for minute in range(100):
        ticks.note("okx", Tick(minute * MINUTE + MINUTE, 50_000.0 + minute))
    assert len(ticks.bars("okx")) == 10
    assert ticks.bars("okx")[-1].close == 50_099.0


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
def test_a_socket_hands_on_prices_beside_its_liquidations(venue):
    async def listened(server, ticks):
        options = StreamOptions(loopback=server.address, price=ticks.note)
        states = []
        task = asyncio.create_task(
            follow(venue, lambda *_: None, states.append, options, rng=random.Random(1))
        )
        end = time.monotonic() + 10
        while ticks.last(venue) is None and time.monotonic() < end:
            server.say(venue, FRAMES[venue])
            await asyncio.sleep(0.1)
        task.cancel()
        return states

    with VenueServer([]) as server:
        server.open_sockets()
        ticks = Ticks()
        states = asyncio.run(listened(server, ticks))
    assert ticks.last(venue) == Tick(AT * 1_000, 50_123.4)
    assert states[-1].state == "live", states[-1].message
    assert "left out" not in states[-1].message


@pytest.mark.parametrize(
    ("venue", "answer"),
    [
        (
            "bybit",
            {"success": False, "op": "subscribe", "ret_msg": "handler not found,topic:tickers.BTCUSDT"},
        ),
        ("okx", {"event": "error", "code": "60018", "msg": "channel:tickers doesn't exist"}),
        ("okx", {"event": "subscribe", "arg": {"channel": "tickers", "instId": "BTC-USDT-SWAP"}}),
    ],
)
def test_an_answer_about_the_price_says_nothing_about_liquidations(venue, answer):
    told = VENUES[venue].meaning(answer)
    assert not told.refused
    assert not told.confirmed
