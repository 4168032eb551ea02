"""Deribit: a flag says whether taker, maker or both were closed."""

from collections.abc import Mapping
from typing import Any

import pytest

from liqcore.feeds.venues.market import funding
from tests.loopback.truth import (
    END,
    SPANS,
    START,
    Dialect,
    Door,
    Event,
    Reply,
    T,
    bar,
    bars,
    contracts,
    held,
    hours,
    order,
)


def _liquidations(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    found = [
        one for one in events if int(query["start_timestamp"]) <= one.time <= int(query["end_timestamp"])
    ][::-1]
    if query["instrument_name"] != "BTC_USDC-PERPETUAL":
        found = []
    trades: list[dict[str, Any]] = [
        {
            "timestamp": one.time,
            "price": one.price,
            "instrument_name": query["instrument_name"],
            "direction": order(one),
            "amount": one.quantity,
            "liquidation": "T",
        }
        for one in found[:100]
    ]
    plain = [{**trade, "liquidation": None} for trade in trades]
    return {
        "jsonrpc": "2.0",
        "result": {
            "trades": [
                {name: value for name, value in trade.items() if value is not None}
                for trade in trades + plain
            ],
            "has_more": len(found) > 100,
        },
    }


def _rest(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """Deribit tells, each hour, the funding of that hour and of the eight hours up to it."""
    if path.endswith("get_funding_rate_history"):
        return {
            "jsonrpc": "2.0",
            "result": [
                {
                    "timestamp": moment,
                    "index_price": 50_000.0,
                    "prev_index_price": 50_000.0,
                    "interest_8h": 0.00008,
                    "interest_1h": 0.00001,
                }
                for moment in hours(6)
            ],
        }
    if path.endswith("get_tradingview_chart_data"):
        starts = bars(int(query["start_timestamp"]), int(query["end_timestamp"]), SPANS[query["resolution"]])
        columns = list(zip(*(bar(moment) for moment in starts), strict=True)) or [()] * 5
        return {
            "jsonrpc": "2.0",
            "result": {
                "status": "ok",
                "ticks": starts,
                **dict(zip(("open", "high", "low", "close", "volume"), columns, strict=True)),
                "cost": [moment % 97 * 1000.0 for moment in starts],
            },
        }
    return _liquidations(events, path, query)


def _answer(found: Any) -> Reply:
    method, told = found.get("method"), {"jsonrpc": "2.0", "id": found.get("id")}
    if method == "public/set_heartbeat":
        return Reply(({**told, "result": "ok"},))
    if method == "public/test":
        return Reply(({**told, "result": {"version": "1.2.26"}},), pong=True)
    channels = found.get("params", {}).get("channels", [])
    if method != "public/subscribe" or any(channel.endswith(".raw") for channel in channels):
        return Reply(
            (
                {
                    **told,
                    "error": {"code": 13778, "message": "raw_subscriptions_not_available_for_unauthorized"},
                },
            )
        )
    known = {f"trades.{symbol}.100ms": symbol for symbol in ("BTC_USDC-PERPETUAL", "BTC-PERPETUAL")}
    taken = [channel for channel in channels if channel in known]
    return Reply(({**told, "result": taken},), tuple(known[channel] for channel in taken))


def _frames(events: list[Event], symbol: str) -> list[Any]:
    trades = []
    for number, one in enumerate(events):
        amount = float(contracts(one, symbol, 1.0, ("BTC-PERPETUAL",)))
        # The maker's position is the opposite of the taker's.
        flag, direction = ("T", order(one)) if number % 2 == 0 else ("M", held(one))
        trade = {
            "trade_seq": number,
            "timestamp": one.time,
            "price": one.price,
            "instrument_name": symbol,
            "direction": direction,
            "amount": amount,
        }
        trades += [{**trade, "liquidation": flag}, {**trade, "tick_direction": 3}]
    return [
        {
            "jsonrpc": "2.0",
            "method": "subscription",
            "params": {"channel": f"trades.{symbol}.100ms", "data": trades},
        }
    ]


DIALECT = Dialect(
    rest={"www.deribit.com": _rest},
    doors={
        "www.deribit.com/ws/api/v2": Door(
            "deribit",
            _answer,
            _frames,
            10,
            ping={"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": "test_request"}},
        )
    },
    samples={
        "deribit": [
            (
                "socket: taker, maker, both, plain",
                {
                    "jsonrpc": "2.0",
                    "method": "subscription",
                    "params": {
                        "channel": "trades.BTC-PERPETUAL.raw",
                        "data": [
                            {
                                "timestamp": T,
                                "price": 50_000,
                                "instrument_name": "BTC-PERPETUAL",
                                "direction": "sell",
                                "amount": 1_000,
                                **flag,
                            }
                            for flag in (
                                {"liquidation": "T"},
                                {"liquidation": "M"},
                                {"liquidation": "MT"},
                                {},
                            )
                        ],
                    },
                },
                [
                    ("long", 0.02, 1_000.0, T * 1000),
                    ("short", 0.02, 1_000.0, T * 1000),
                    ("short", 0.02, 1_000.0, T * 1000),
                    ("long", 0.02, 1_000.0, T * 1000),
                ],
            ),
            (
                "history",
                {
                    "jsonrpc": "2.0",
                    "result": {
                        "has_more": False,
                        "trades": [
                            {
                                "timestamp": T,
                                "price": 50_000.0,
                                "instrument_name": "BTC_USDC-PERPETUAL",
                                "direction": "buy",
                                "amount": 0.1,
                                "liquidation": "T",
                            }
                        ],
                    },
                },
                [("short", 0.1, 5_000.0, T * 1000)],
            ),
        ]
    },
    quiet={"deribit": [{"jsonrpc": "2.0", "id": 1, "result": ["trades.BTC-PERPETUAL.raw"]}]},
    refused={
        "deribit": [({"jsonrpc": "2.0", "error": {"code": 10029, "message": "not_found"}}, "not_found")]
    },
    day={"deribit": 2},
    recorded={"deribit": "deribit"},
)


def test_the_rate_of_deribit_belongs_to_the_hour_it_is_paid_for(session):
    paid = funding(session, "deribit", START, END)
    assert paid.status.state == "live"
    assert set(paid.table["interval_hours"]) == {1.0}
    assert paid.table["rate"].tolist() == [pytest.approx(0.00001)] * len(paid.table)
    assert len(paid.table) >= 5
