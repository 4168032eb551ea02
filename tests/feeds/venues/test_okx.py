"""OKX: contracts of 0.01 BTC or 100 USD, several details in one entry, all swaps in one socket."""

from collections.abc import Mapping
from typing import Any

import pytest

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
    contracts,
    hours,
    order,
    text,
    texts,
)


def _liquidations(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    if "instFamily" not in query:
        return {"code": "50015", "msg": "Either parameter uly or instFamily is required", "data": []}
    found = [one for one in events if one.time < int(query["after"])][::-1][: int(query["limit"])]
    if query["instFamily"] != "BTC-USDT" or not found:
        return {"code": "0", "msg": "", "data": []}
    return {
        "code": "0",
        "msg": "",
        "data": [
            {
                "instId": "BTC-USDT-SWAP",
                "instFamily": "BTC-USDT",
                "instType": "SWAP",
                "details": [
                    {
                        "side": order(one),
                        "posSide": "net",
                        "bkPx": str(one.price),
                        "sz": str(round(one.quantity * 100)),
                        "bkLoss": "0",
                        "ts": str(one.time),
                    }
                    for one in found
                ],
            }
        ],
    }


def _rest(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """OKX counts contracts first and BTC second; `before` and `after` are exclusive, and it answers newest
    first."""
    if path.endswith("liquidation-orders"):
        return _liquidations(events, path, query)
    if path.endswith("public/position-tiers"):
        if query.get("instFamily") != "BTC-USDT" or query.get("tdMode") not in ("cross", "isolated"):
            return {"code": "51000", "msg": "Parameter instFamily error", "data": []}
        return {
            "code": "0",
            "msg": "",
            "data": [
                {"instFamily": "BTC-USDT", "instId": "", "tier": tier, "minSz": floor, "maxSz": cap}
                | {"mmr": rate, "imr": imr, "maxLever": lever, "uly": "BTC-USDT"}
                for tier, floor, cap, rate, imr, lever in (
                    ("1", "0", "1000", "0.004", "0.01", "100"),
                    ("2", "1000.01", "5000", "0.005", "0.0125", "80"),
                    ("3", "5000.01", "7500", "0.0075", "0.02", "50"),
                )
            ],
        }
    if query["instId"] != "BTC-USDT-SWAP":
        return {"code": "51001", "msg": "Instrument ID doesn't exist.", "data": []}
    if path.endswith(("market/candles", "market/history-candles")):
        most, span = int(query["limit"]), SPANS[query["bar"]]
        if most > 300:
            return {"code": "51000", "msg": "Parameter limit error", "data": []}
        starts = [
            one
            for one in bars(int(query["before"]), int(query["after"]), span)
            if int(query["before"]) < one < int(query["after"])
        ]
        return {
            "code": "0",
            "msg": "",
            "data": [
                [str(one), *texts(o, h, low, c, v * 100, v, v * c), "1"]
                for one in starts[::-1][:most]
                for o, h, low, c, v in (bar(one),)
            ],
        }
    if path.endswith("public/funding-rate-history"):
        paid = [moment for moment in hours(96)[::8] if moment > int(query["before"])]
        return {
            "code": "0",
            "msg": "",
            "data": [
                {
                    "instType": "SWAP",
                    "instId": "BTC-USDT-SWAP",
                    "fundingRate": "0.0002",
                    "realizedRate": "0.0001",
                    "fundingTime": str(moment),
                }
                for moment in paid[::-1]
            ],
        }
    if path.endswith("rubik/stat/contracts/open-interest-history"):
        starts = [
            one
            for one in bars(int(query["begin"]), int(query["end"]), SPANS[query["period"]])
            if int(query["begin"]) < one < int(query["end"])
        ]
        return {
            "code": "0",
            "msg": "",
            "data": [
                [str(one), *texts(held * 100, held, held * 50_000)]
                for one in starts[::-1][: min(int(query["limit"]), 100)]
                for held in (truth.open_interest(one),)
            ],
        }
    raise Refused(404, {"code": "404", "msg": f"no such path {path}"})


def _answer(found: Any) -> Reply:
    if found == "ping":
        return Reply(("pong",))
    if found == {"op": "subscribe", "args": [{"channel": "tickers", "instId": "BTC-USDT-SWAP"}]}:
        return Reply(({"event": "subscribe", "arg": found["args"][0], "connId": "a4"},))
    if found.get("op") != "subscribe" or found.get("args") != [
        {"channel": "liquidation-orders", "instType": "SWAP"}
    ]:
        return Reply(
            (
                {
                    "event": "error",
                    "code": "60018",
                    "msg": (
                        "Wrong URL or channel doesn't exist. Please use the correct URL, channel and"
                        " parameters"
                    ),
                    "connId": "a4",
                },
            )
        )
    return Reply(
        ({"event": "subscribe", "arg": found["args"][0], "connId": "a4"},), ("BTC-USDT-SWAP", "BTC-USD-SWAP")
    )


def _frames(events: list[Event], symbol: str) -> list[Any]:
    inverse = symbol == "BTC-USD-SWAP"
    details = [
        {
            "bkLoss": "0",
            "bkPx": text(one.price),
            "ccy": "",
            "posSide": one.side if number % 2 else "net",
            "side": order(one),
            "sz": contracts(one, symbol, 100.0 if inverse else 0.01, ("BTC-USD-SWAP",)),
            "ts": str(one.time),
        }
        for number, one in enumerate(events)
    ]
    other = {
        "bkLoss": "0",
        "bkPx": "0.5",
        "ccy": "",
        "posSide": "short",
        "side": "buy",
        "sz": "39",
        "ts": str(events[0].time),
    }
    family = symbol.removesuffix("-SWAP")
    return [
        {
            "arg": {"channel": "liquidation-orders", "instType": "SWAP"},
            "data": [
                {
                    "details": details,
                    "instFamily": family,
                    "instId": symbol,
                    "instType": "SWAP",
                    "uly": family,
                },
                {
                    "details": [other],
                    "instFamily": "XRP-USDT",
                    "instId": "XRP-USDT-SWAP",
                    "instType": "SWAP",
                    "uly": "XRP-USDT",
                },
            ],
        }
    ]


def okx(*details: tuple[str, str, str, str], symbol: str = "BTC-USDT-SWAP") -> list[dict[str, Any]]:
    return [
        {
            "instId": symbol,
            "instType": "SWAP",
            "details": [
                {"side": side, "posSide": pos, "sz": size, "bkPx": price, "bkLoss": "0", "ts": str(T)}
                for side, pos, size, price in details
            ],
        }
    ]


DIALECT = Dialect(
    rest={"www.okx.com": _rest},
    doors={"ws.okx.com/ws/v5/public": Door("okx", _answer, _frames, 2)},
    samples={
        "okx": [
            (
                "socket, two details",
                {
                    "arg": {"channel": "liquidation-orders", "instType": "SWAP"},
                    "data": okx(("sell", "long", "100", "50000"), ("buy", "net", "10", "50000")),
                },
                [("long", 1.0, 50_000.0, T * 1000), ("short", 0.1, 5_000.0, T * 1000)],
            ),
            (
                "history, inverse",
                {"code": "0", "msg": "", "data": okx(("sell", "net", "5", "50000"), symbol="BTC-USD-SWAP")},
                [("long", 0.01, 500.0, T * 1000)],
            ),
        ]
    },
    left_out={
        "okx": [
            (
                {
                    "arg": {"channel": "liquidation-orders", "instType": "SWAP"},
                    "data": okx(
                        ("sell", "long", "7", "50000"), ("buy", "net", "8", "50000"), symbol="BTC-USDC-SWAP"
                    ),
                },
                {"BTC-USDC-SWAP": 2},
            ),
            (
                {"arg": {"channel": "mark-price", "instId": "BTC-USDT-SWAP"}, "data": [{"markPx": "50000"}]},
                {"channel mark-price": 1},
            ),
        ]
    },
    quiet={
        "okx": [
            {"event": "notice", "code": "64008", "msg": "The connection is closed soon. Please reconnect."},
            "pong",
            {"event": "subscribe", "arg": {"channel": "liquidation-orders", "instType": "SWAP"}},
        ]
    },
    refused={
        "okx": [
            (
                {"code": "50015", "msg": "Either parameter uly or instFamily is required", "data": []},
                "Either parameter",
            )
        ]
    },
    day={"okx": 5},
    recorded={"okex": "okx"},
)


def test_brackets_count_contracts_and_hold_for_the_whole_position(session):
    tiers = leverage_tiers(session, "okx", END)
    assert tiers.floors == pytest.approx((0, 10, 50))
    assert tiers.cap == pytest.approx(75)
    assert (tiers.kind, tiers.unit, tiers.as_of) == ("whole", "quantity", str(END)[:10])
    assert tiers.maintenance(20, 60_000) == pytest.approx(20 * 60_000 * 0.005)
    assert tiers.highest_leverage(20) == pytest.approx(80)
