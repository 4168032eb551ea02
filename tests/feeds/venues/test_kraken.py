"""Kraken Futures: liquidations among ordinary trades, in a history that does not name its contract."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from liqcore.feeds import parse_liquidations
from tests.loopback import truth
from tests.loopback.truth import (
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
    iso,
    order,
    since,
    texts,
)


def _liquidations(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    found = (
        [one for one in events if one.time <= since(query["lastTime"])][::-1]
        if query["symbol"] == "PF_XBTUSD"
        else []
    )
    return {
        "result": "success",
        "serverTime": iso(truth.NOW),
        "history": [
            {
                "time": iso(one.time),
                "trade_id": number,
                "price": one.price,
                "size": one.quantity,
                "side": order(one),
                "type": "liquidation",
            }
            for number, one in enumerate(found[:100])
        ],
    }


def _rest(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """Kraken's charts have another address than the rest; funding is told for all time, by the hour."""
    if path.startswith("api/charts/v1/"):
        kind, symbol, span = path.split("/")[-3:]
        if kind != "trade" or symbol != "PF_XBTUSD":
            raise Refused(404, {"errors": [{"classType": "NotFound", "message": "no such market"}]})
        starts = bars(int(query["from"]) * 1000, int(query["to"]) * 1000, SPANS[span])
        return {
            "candles": [
                {
                    "time": one,
                    **dict(zip(("open", "high", "low", "close", "volume"), texts(*bar(one)), strict=True)),
                }
                for one in starts[:2000]
            ],
            "more_candles": len(starts) > 2000,
        }
    if path.endswith("historicalfundingrates"):
        return {
            "result": "success",
            "rates": [
                {
                    "timestamp": datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "fundingRate": 0.6,
                    "relativeFundingRate": 0.000012,
                }
                for moment in hours(300)
            ],
        }
    return _liquidations(events, path, query)


def _answer(found: Any) -> Reply:
    products = found.get("product_ids", [])
    if found.get("event") != "subscribe" or found.get("feed") != "trade":
        return Reply(({"event": "error", "message": "Invalid feed"},))
    if any(product not in ("PF_XBTUSD", "PI_XBTUSD") for product in products):
        return Reply(({"event": "error", "message": "Invalid product id"},))
    return Reply(({"event": "subscribed", "feed": "trade", "product_ids": products},), tuple(products))


def _kraken_trade(one: Event, symbol: str, kind: str, number: int) -> dict[str, Any]:
    return {
        "feed": "trade",
        "product_id": symbol,
        "uid": f"{one.time}-{number}",
        "side": order(one),
        "type": kind,
        "seq": number,
        "time": one.time,
        "qty": float(contracts(one, symbol, 1.0, ("PI_XBTUSD",))),
        "price": one.price,
    }


def _frames(events: list[Event], symbol: str) -> list[Any]:
    return [
        _kraken_trade(one, symbol, kind, number)
        for number, one in enumerate(events)
        for kind in ("fill", "liquidation")
    ]


def _snapshot(events: list[Event], symbol: str) -> Any:
    return {
        "feed": "trade_snapshot",
        "product_id": symbol,
        "trades": [
            _kraken_trade(one, symbol, "liquidation", number) for number, one in enumerate(events[-100:])
        ],
    }


DIALECT = Dialect(
    rest={"futures.kraken.com": _rest},
    doors={
        "futures.kraken.com/ws/v1": Door(
            "kraken", _answer, _frames, 1, greeting=({"event": "info", "version": 1},), snapshot=_snapshot
        )
    },
    samples={
        "kraken": [
            (
                "socket, inverse",
                {
                    "feed": "trade",
                    "product_id": "PI_XBTUSD",
                    "side": "sell",
                    "type": "liquidation",
                    "seq": 4,
                    "time": T,
                    "qty": 5_000,
                    "price": 50_000.0,
                },
                [("long", 0.1, 5_000.0, T * 1000)],
            ),
            (
                "history",
                {
                    "result": "success",
                    "history": [
                        {
                            "time": "2026-09-21T14:13:20.123Z",
                            "trade_id": 1,
                            "price": 50_000.0,
                            "size": 0.2,
                            "side": "buy",
                            "type": "liquidation",
                        },
                        {
                            "time": "2026-09-21T14:13:20.123Z",
                            "trade_id": 2,
                            "price": 50_000.0,
                            "size": 0.2,
                            "side": "buy",
                            "type": "fill",
                        },
                    ],
                },
                [("short", 0.2, 10_000.0, T * 1000)],
            ),
        ]
    },
    quiet={"kraken": [{"event": "subscribed", "feed": "trade", "product_ids": ["PF_XBTUSD"]}]},
    day={"kraken": 2},
    recorded={"cryptofacilities": "kraken"},
)


def test_history_that_does_not_name_its_contract_takes_the_one_asked_for():
    message = next(message for name, message, _ in DIALECT.samples["kraken"] if name == "history")
    table = parse_liquidations("kraken", message, symbol="PI_XBTUSD", arrived=T * 1000)
    assert table["notional"].tolist() == [pytest.approx(0.2)]
    assert table["symbol"].tolist() == ["PI_XBTUSD"]
