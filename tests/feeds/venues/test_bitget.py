"""Bitget: counts BTC everywhere, in pages with a cursor."""

from collections.abc import Mapping
from typing import Any

from liqcore.feeds.venues.market import leverage_tiers
from tests.loopback import truth
from tests.loopback.truth import (
    END,
    SPANS,
    Dialect,
    Door,
    Event,
    Refused,
    Reply,
    T,
    bar,
    bars,
    held,
    hours,
    text,
    texts,
)


def _liquidations(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    done = int(query.get("cursor", 0))
    found = events[::-1][done : done + int(query["limit"])] if query["symbol"] == "BTCUSDT" else []
    return {
        "code": "00000",
        "msg": "success",
        "requestTime": truth.NOW,
        "data": {
            "cursor": str(done + len(found)) if found else None,
            "list": [
                {
                    "symbol": "BTCUSDT",
                    "side": held(one),
                    "price": str(one.price),
                    "amount": str(one.quantity),
                    "ts": str(one.time),
                }
                for one in found
            ],
        },
    }


def _rest(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """Bitget has recent bars, a thousand a page, and older ones, two hundred a page."""
    if path.endswith("v3/market/liquidations"):
        return _liquidations(events, path, query)
    if query.get("productType") != "USDT-FUTURES" or query["symbol"] != "BTCUSDT":
        return {"code": "40034", "msg": "Parameter does not exist", "data": None}
    if path.endswith(("v2/mix/market/candles", "v2/mix/market/history-candles")):
        most, span, longest = (
            int(query["limit"]),
            SPANS[query["granularity"]],
            200 if "history" in path else 1000,
        )
        if most > longest:
            return {"code": "40053", "msg": f"limit should be less than {longest}", "data": None}
        starts = bars(int(query["startTime"]), int(query["endTime"]) - 1, span)[-most:]
        return {
            "code": "00000",
            "msg": "success",
            "requestTime": truth.NOW,
            "data": [
                [str(one), *texts(o, h, low, c, v, v * c)]
                for one in starts
                for o, h, low, c, v in (bar(one),)
            ],
        }
    if path.endswith("v2/mix/market/history-fund-rate"):
        return {
            "code": "00000",
            "msg": "success",
            "requestTime": truth.NOW,
            "data": [
                {"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingTime": str(moment)}
                for moment in hours(96)[::8][::-1]
            ][: int(query["pageSize"])],
        }
    if path.endswith("v2/mix/market/query-position-lever"):
        return {
            "code": "00000",
            "msg": "success",
            "requestTime": truth.NOW,
            "data": [
                {
                    "symbol": "BTCUSDT",
                    "level": str(number),
                    "startUnit": floor,
                    "endUnit": cap,
                    "leverage": lever,
                    "keepMarginRate": rate,
                }
                for number, (floor, cap, lever, rate) in enumerate(
                    (("0", "150000", "125", "0.004"), ("150000", "900000", "100", "0.005")), start=1
                )
            ],
        }
    raise Refused(404, {"code": "404", "msg": f"no such path {path}"})


def _answer(found: Any) -> Reply:
    if found == "ping":
        return Reply(("pong",))
    kinds = {"usdt-futures": "BTCUSDT", "usdc-futures": "BTCPERP", "coin-futures": "BTCUSD"}
    asked = found.get("args", [{}])
    if found.get("op") != "subscribe" or any(
        one.get("topic") != "liquidation" or one.get("instType") not in kinds for one in asked
    ):
        return Reply(({"event": "error", "arg": asked[0], "code": "30001", "msg": "Channel does not exist"},))
    return Reply(
        tuple({"event": "subscribe", "arg": one} for one in asked),
        tuple(kinds[one["instType"]] for one in asked),
    )


def _frames(events: list[Event], symbol: str) -> list[Any]:
    kind = {"BTCUSDT": "usdt-futures", "BTCPERP": "usdc-futures", "BTCUSD": "coin-futures"}[symbol]
    rows = [
        {
            "symbol": symbol,
            "side": held(one),
            "price": text(one.price),
            "amount": text(one.quantity),
            "ts": str(one.time),
        }
        for one in events
    ]
    other = {
        "symbol": "APEUSDT",
        "side": "buy",
        "price": "0.1649",
        "amount": "13700.3",
        "ts": str(events[0].time),
    }
    return [
        {
            "action": "update",
            "arg": {"instType": kind, "topic": "liquidation"},
            "data": [other, *rows],
            "ts": events[-1].time,
        }
    ]


DIALECT = Dialect(
    rest={"api.bitget.com": _rest},
    doors={"ws.bitget.com/v3/ws/public": Door("bitget", _answer, _frames, 5)},
    samples={
        "bitget": [
            (
                "history",
                {
                    "code": "00000",
                    "msg": "success",
                    "data": {
                        "list": [
                            {
                                "symbol": "BTCUSDT",
                                "side": "buy",
                                "price": "50000",
                                "amount": "0.42",
                                "ts": str(T),
                            }
                        ],
                        "cursor": "1",
                    },
                },
                [("long", 0.42, 21_000.0, T * 1000)],
            ),
            (
                "socket",
                {
                    "action": "update",
                    "arg": {"instType": "usdt-futures", "topic": "liquidation"},
                    "data": [
                        {
                            "symbol": "BTCUSDT",
                            "side": "sell",
                            "price": "50000",
                            "amount": "0.1",
                            "ts": str(T),
                        },
                        {
                            "symbol": "APEUSDT",
                            "side": "buy",
                            "price": "0.16",
                            "amount": "13700",
                            "ts": str(T),
                        },
                    ],
                },
                [("short", 0.1, 5_000.0, T * 1000)],
            ),
            (
                "inverse",
                {
                    "code": "00000",
                    "data": {
                        "list": [
                            {
                                "symbol": "BTCUSD",
                                "side": "buy",
                                "price": "50000",
                                "amount": "0.2",
                                "ts": str(T),
                            }
                        ]
                    },
                },
                [("long", 0.2, 10_000.0, T * 1000)],
            ),
        ]
    },
    quiet={"bitget": [{"event": "subscribe", "arg": {"instType": "usdt-futures", "topic": "liquidation"}}]},
    refused={
        "bitget": [
            ({"code": "00000", "data": {"list": "nothing"}}, "where a list"),
            (
                {
                    "code": "00000",
                    "data": {
                        "list": [
                            {
                                "symbol": "BTCUSDT",
                                "side": "buy",
                                "price": "50000",
                                "amount": "21000",
                                "ts": str(T),
                            }
                        ]
                    },
                },
                "too large for BTC",
            ),
        ]
    },
    day={"bitget": 8},
    recorded={"bitget": "bitget"},
)


def test_brackets_of_bitget_are_read(session):
    tiers = leverage_tiers(session, "bitget", END)
    assert (tiers.floors, tiers.rates, tiers.cap) == ((0.0, 150_000.0), (0.004, 0.005), 900_000.0)
    # It names no maintenance amount: the rate of a bracket holds for the whole position.
    assert tiers.kind == "whole"
    assert tiers.maintenance(10, 20_000) == 200_000 * 0.005
