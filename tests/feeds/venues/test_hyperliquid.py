"""Hyperliquid: one address for everything, and no liquidations."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from liqcore.feeds.venues.market import candles, open_interest
from tests.loopback.accounts import accounts, address, leaderboard
from tests.loopback.truth import (
    END,
    SPANS,
    START,
    Dialect,
    Door,
    Event,
    Refused,
    Reply,
    T,
    bar,
    bars,
    hours,
    texts,
)


def _rest(events: list[Event], path: str, query: Mapping[str, Any]) -> Any:
    """One address for everything; the question is in the body. Funding is paid each hour, some milliseconds
    late."""
    if path != "info":
        raise Refused(404, None)
    if query["type"] == "candleSnapshot":
        asked = query["req"]
        starts = bars(asked["startTime"], asked["endTime"], SPANS[asked["interval"]])[-5000:]
        return [
            {
                "t": one,
                "T": one + SPANS[asked["interval"]] - 1,
                "s": asked["coin"],
                "i": asked["interval"],
                "n": 40,
                **dict(zip("ohlcv", texts(*bar(one)), strict=True)),
            }
            for one in starts
        ]
    if query["type"] == "fundingHistory":
        return [
            {"coin": query["coin"], "fundingRate": "0.0000125", "premium": "0.0005", "time": moment + 31}
            for moment in hours(96)
            if moment >= query["startTime"]
        ]
    if query["type"] in ("clearinghouseState", "vaultDetails"):
        return accounts().answer(query, time.time())
    if query["type"] == "metaAndAssetCtxs":
        return [
            {"universe": [{"name": "ETH", "szDecimals": 4}, {"name": "BTC", "szDecimals": 5}]},
            [{"openInterest": "400000.5"}, {"openInterest": "31234.5"}],
        ]
    raise Refused(422, "Failed to deserialize the JSON body into the target type")


def _leaders(events: list[Event], path: str, query: Mapping[str, Any]) -> Any:
    if path != "Mainnet/leaderboard":
        raise Refused(404, None)
    return leaderboard()


def _subscribed(frame: Any) -> Reply:
    """Pings, and the subscription to trades."""
    if frame.get("method") == "ping":
        return Reply(({"channel": "pong"},))
    asked = frame.get("subscription", {})
    if frame.get("method") != "subscribe" or asked.get("type") != "trades":
        return Reply(({"channel": "error", "data": f"Invalid subscription {asked}"},))
    return Reply(({"channel": "subscriptionResponse", "data": frame},), (asked["coin"],))


def _traded(events: list[Event], symbol: str) -> list[Any]:
    """Each event as a trade of two accounts whose numbers follow from its time."""
    rows = [
        {
            "coin": symbol,
            "side": "B",
            "px": str(one.price),
            "sz": "0.5",
            "time": one.time,
            "tid": number,
            "users": [address(one.time // 1_000 % 1_000), address(one.time // 1_000 % 1_000 + 1)],
        }
        for number, one in enumerate(events)
    ]
    return [{"channel": "trades", "data": rows}]


DIALECT = Dialect(
    doors={"api.hyperliquid.xyz/ws": Door("hyperliquid", _subscribed, _traded, 20)},
    rest={"api.hyperliquid.xyz": _rest, "stats-data.hyperliquid.xyz": _leaders},
    quiet={
        "hyperliquid": [
            {"channel": "trades", "data": [{"coin": "BTC", "side": "B", "px": "50000", "sz": "1", "time": T}]}
        ]
    },
    day={"hyperliquid": 1},
)


def test_the_open_interest_of_now_is_bitcoin(session):
    found = open_interest(session, "hyperliquid", START, END)
    assert (found.status.state, found.status.message) == ("live", "")
    assert found.table["quantity"].tolist() == [31_234.5]


def test_no_more_bars_are_asked_for_than_are_kept(session):
    found = candles(session, "hyperliquid", "1m", END - np.timedelta64(30, "D"), END)
    assert (len(found.table), found.requests) == (5000, 1)
