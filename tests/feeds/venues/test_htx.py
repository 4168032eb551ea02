"""HTX: compressed frames, pings of its own, and two addresses for two contracts' histories."""

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from liqcore.feeds.venues.history import liquidation_history
from tests.loopback import truth
from tests.loopback.truth import (
    END,
    HOUR,
    SPANS,
    Dialect,
    Door,
    Event,
    Refused,
    Reply,
    T,
    bar,
    bars,
    contracts,
    order,
    rows,
    rows_of,
)


def _liquidations(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    lower, upper = int(query["start_time"]), int(query["end_time"])
    if upper - lower > 7_200_000:
        return {"code": 1030, "message": "Abnormal service", "data": None, "ts": truth.NOW}
    found = [
        (number, one)
        for number, one in enumerate(events)
        if lower <= one.time <= upper and number < int(query.get("from", 10**9))
    ]
    found = found[::-1][: int(query["limit"])]
    return {
        "code": 200,
        "message": "Success",
        "ts": truth.NOW,
        "data": [
            {
                "id": str(number),
                "contract_code": "BTC-USDT",
                "liquidation_time": str(one.time),
                "side": order(one),
                "position_side": one.side,
                "volume": str(round(one.quantity * 1000)),
                "amount": str(round(one.quantity * 1000)),
                "bankrupt_price": str(one.price),
                "trade_turnover": str(one.quantity * one.price),
            }
            for number, one in found
        ],
    }


def _rest(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """Where a number of bars is asked for, HTX answers the newest ones, whatever the span."""
    if path.endswith("v5/market/liquidation_orders"):
        return _liquidations(events, path, query)
    if path.endswith("v3/swap_liquidation_orders"):
        lower, upper = int(query["start_time"]), int(query["end_time"])
        if upper - lower > 48 * HOUR or query["contract"] != "BTC-USD" or query["trade_type"] != "0":
            return {"code": 1030, "msg": "Abnormal service", "data": None, "ts": truth.NOW}
        found = [
            (number, one)
            for number, one in enumerate(truth.MORE.get("BTC-USD", []), start=1)
            if lower <= one.time <= upper and number < int(query.get("from_id", 10**9))
        ]
        return {
            "code": 200,
            "msg": "ok",
            "ts": truth.NOW,
            "data": [
                {
                    "query_id": number,
                    "contract_code": "BTC-USD",
                    "symbol": "BTC",
                    "direction": order(one),
                    "offset": "close",
                    "volume": one.quantity * one.price / 100,
                    "price": one.price,
                    "created_at": one.time,
                    "amount": one.quantity,
                }
                for number, one in found[::-1][:20]
            ],
        }
    if path.endswith("market/history/kline"):
        span = SPANS[query["period"]]
        if "size" in query:
            starts = bars(truth.NOW - (int(query["size"]) - 1) * span, truth.NOW, span)
        else:
            starts = bars(int(query["from"]) * 1000, int(query["to"]) * 1000, span)
        if len(starts) > 2000:
            return {
                "status": "error",
                "err-code": "invalid-parameter",
                "err-msg": "invalid size",
                "ts": truth.NOW,
            }
        return {
            "status": "ok",
            "ch": f"market.{query['contract_code']}.kline.{query['period']}",
            "ts": truth.NOW,
            "data": [
                {
                    "id": one // 1000,
                    "open": o,
                    "high": h,
                    "low": low,
                    "close": c,
                    "amount": v,
                    "vol": v * 1000,
                    "count": 40,
                    "trade_turnover": v * c,
                }
                for one in starts
                for o, h, low, c, v in (bar(one),)
            ],
        }
    raise Refused(404, {"status": "error", "err-msg": f"no such path {path}"})


def _answer(*symbols: str) -> Callable[[Any], Reply]:
    def answer(found: Any) -> Reply:
        if found.get("op") == "pong":
            return Reply(pong=str(found.get("ts", "")).isdigit())
        told = {"op": "sub", "cid": found.get("cid"), "topic": found.get("topic"), "ts": 1}
        known = {f"public.{symbol}.liquidation_orders": symbol for symbol in symbols}
        if found.get("op") != "sub" or found.get("topic") not in known:
            return Reply(({**told, "err-code": 2011, "err-msg": "Invalid topic"},))
        return Reply(({**told, "err-code": 0},), (known[found["topic"]],))

    return answer


def _frames(events: list[Event], symbol: str) -> list[Any]:
    rows = [
        {
            "symbol": "BTC",
            "contract_code": symbol,
            "direction": order(one),
            "offset": "close",
            "price": one.price,
            "created_at": one.time,
            "volume": float(contracts(one, symbol, 100.0 if symbol == "BTC-USD" else 0.001, ("BTC-USD",))),
        }
        for one in events
    ]
    return [
        {
            "op": "notify",
            "topic": f"public.{symbol}.liquidation_orders",
            "ts": events[-1].time + 60,
            "data": rows,
        }
    ]


DIALECT = Dialect(
    rest={"api.hbdm.com": _rest, "api.hbdm.vn": _rest},
    doors={
        "api.hbdm.com/linear-swap-notification": Door(
            "htx", _answer("BTC-USDT"), _frames, 4, ping={"op": "ping", "ts": "1790000000000"}, gzip=True
        ),
        "api.hbdm.com/swap-notification": Door(
            "htx", _answer("BTC-USD"), _frames, 4, ping={"op": "ping", "ts": "1790000000000"}, gzip=True
        ),
    },
    samples={
        "htx": [
            (
                "history v5",
                {
                    "code": 200,
                    "message": "Success",
                    "data": [
                        {
                            "id": "1",
                            "contract_code": "BTC-USDT",
                            "liquidation_time": str(T),
                            "side": "buy",
                            "position_side": "short",
                            "volume": "2",
                            "amount": "2",
                            "bankrupt_price": "50000",
                            "trade_turnover": "100",
                        }
                    ],
                },
                [("short", 0.002, 100.0, T * 1000)],
            ),
            (
                "socket, gzip",
                gzip.compress(
                    json.dumps(
                        {
                            "op": "notify",
                            "topic": "public.BTC-USD.liquidation_orders",
                            "ts": T,
                            "data": [
                                {
                                    "symbol": "BTC",
                                    "contract_code": "BTC-USD",
                                    "direction": "sell",
                                    "offset": "close",
                                    "volume": 50,
                                    "price": 50_000,
                                    "created_at": T,
                                }
                            ],
                        }
                    ).encode()
                ),
                [("long", 0.1, 5_000.0, T * 1000)],
            ),
        ]
    },
    left_out={
        "htx": [
            (
                {
                    "op": "notify",
                    "topic": "public.*.liquidation_orders",
                    "data": [
                        {
                            "contract_code": "BTC-USDT-261225",
                            "direction": "sell",
                            "volume": 5,
                            "price": 50_000,
                            "created_at": T,
                        }
                    ],
                },
                {"BTC-USDT-261225": 1},
            )
        ]
    },
    quiet={"htx": [{"ping": T}, {"op": "sub", "topic": "public.BTC-USDT.liquidation_orders", "err-code": 0}]},
    day={"htx": 1},
    volume=False,
    recorded={"huobi": "htx"},
)


def test_the_coin_margined_history_of_htx_has_its_own_address_and_pages(session, monkeypatch):
    coin = [
        Event(truth.NOW - number * 60_000 * 90, ("long", "short")[number % 2], 50_000.0, 0.02 * number)
        for number in range(1, 51)
    ][::-1]
    monkeypatch.setitem(truth.MORE, "BTC-USD", coin)
    found = liquidation_history(session, "htx", END - np.timedelta64(80, "h"), END)
    inverse = found.table["symbol"].astype(str) == "BTC-USD"
    assert rows(found.table[~inverse]) == rows_of(truth.made_events())
    assert rows(found.table[inverse]) == rows_of(coin)
    assert found.table.loc[inverse, "notional"].sum() == pytest.approx(
        sum(one.quantity for one in coin) * 50_000.0
    )
    assert found.status.state == "live"
