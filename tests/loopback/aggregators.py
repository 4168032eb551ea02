"""What the sources behind a key would answer about the same market."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.loopback import truth
from tests.loopback.truth import Event, Rest


def aggregator(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    starts = [truth.NOW // 1000 // 3600 * 3600 - hour * 3600 for hour in (2, 1, 0)]
    if "heatmap" in path:
        return {
            "code": "0",
            "msg": "success",
            "data": {
                "y_axis": [49_000.0, 50_000.0, 51_000.0],
                "liquidation_leverage_data": [[0, 0, 1e6], [1, 2, 2e6]],
                "price_candlesticks": [[start, "50000", "50100", "49900", "50050", "10"] for start in starts],
            },
        }
    if path.endswith("/order"):
        # The range of amounts is asked for, the side's meaning is not documented.
        found = [
            one
            for one in events
            if int(query["start_time"]) <= one.time <= int(query["end_time"])
            and one.price * one.quantity >= float(query["min_liquidation_amount"])
        ]
        return {
            "code": "0",
            "msg": "success",
            "data": [
                {
                    "exchange_name": query["exchange"],
                    "symbol": "BTCUSDT",
                    "base_asset": query["symbol"],
                    "price": one.price,
                    "usd_value": one.price * one.quantity,
                    "side": 1 if one.side == "long" else 2,
                    "time": one.time,
                }
                for one in found[-200:][::-1]
            ],
        }
    if path.endswith("map"):
        return {
            "code": "0",
            "msg": "success",
            "data": {
                "data": {
                    "51000": [[51_000, 1579370.77, 25, None], [51_000, 10.5, 100, None]],
                    "48935": [[48_935, 2.5, None, None]],
                }
            },
        }
    return {
        "code": "0",
        "msg": "success",
        "data": [
            {
                "time": start * 1000,
                "aggregated_long_liquidation_usd": 1000.5,
                "aggregated_short_liquidation_usd": 250.0,
                "long_liquidation_usd": "1000.5",
                "short_liquidation_usd": "250",
            }
            for start in starts
        ],
    }


def coinank(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    starts = [truth.NOW // 3_600_000 * 3_600_000 - hour * 3_600_000 for hour in (2, 1, 0)]
    if path.endswith("getLiqHeatMap"):
        return {
            "success": True,
            "code": "1",
            "data": {
                "liqHeatMap": {
                    "data": [[0, 0, 1e6], [1, 2, 2e6]],
                    "chartTimeArray": starts,
                    "priceArray": [49_000.0, 50_000.0, 51_000.0],
                    "maxLiqValue": 2e6,
                },
                "price": 50_050.0,
            },
        }
    if "endTime" in query and abs(int(query["endTime"]) - truth.NOW) > 86_400_000:
        return {"success": False, "code": "-7", "msg": "endTime error", "data": None}
    if path.endswith("intervals"):
        spans = {
            name: {
                "interval": name,
                "longTurnover": 10.0 * number,
                "shortTurnover": number,
                "totalTurnover": 11.0 * number,
            }
            for number, name in ((24, "24h"), (1, "5m"), (4, "4h"))
        }
        return {
            "success": True,
            "code": "1",
            "data": {"topOrder": {"exchangeName": "OKX"}, "total": 3, **spans},
        }
    if path.endswith("/orders"):
        return {
            "success": True,
            "code": "1",
            "data": [
                {
                    "ts": one.time,
                    "contractCode": "BTCUSDT",
                    "exchangeName": query["exchange"],
                    "posSide": one.side,
                    "price": one.price,
                    "tradeTurnover": one.price * one.quantity,
                }
                for one in events
                if one.side == query["side"] and one.price * one.quantity >= float(query["amount"])
            ],
        }
    if path.endswith("LiqMap"):
        groups = (
            {"x25": [0, 5.5, 0], "x100": [1.5, 0, 2.5]}
            if path.endswith("getLiqMap")
            else {"Binance": [1, 0, 0], "OKX": [0, 0, 2]}
        )
        return {
            "success": True,
            "code": "1",
            "data": {
                "symbol": "BTCUSDT",
                "prices": [51_000.0, 49_000.0, 50_000.0],
                "lastPrice": 50_050.0,
                "lastIndex": 1,
                **groups,
            },
        }
    if path.endswith("/history"):
        return {
            "success": True,
            "code": "1",
            "data": [{"ts": start, "longTurnover": 1000.5, "shortTurnover": 250.0} for start in starts],
        }
    return {
        "success": True,
        "code": "1",
        "data": [{"ts": start, "all": {"longTurnover": 1000.5, "shortTurnover": 250.0}} for start in starts],
    }


def coinalyze(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    starts = [truth.NOW // 1000 // 3600 * 3600 - hour * 3600 for hour in (2, 1, 0)]
    values = {
        "liquidation-history": {"l": 0.02, "s": 0.005},
        "open-interest-history": {"o": 1.0, "h": 3.0, "l": 1.0, "c": 2.5},
        "funding-rate-history": {"o": 0.01, "h": 0.01, "l": 0.01, "c": 0.01},
    }
    name = path.rsplit("/", 1)[-1]
    return [
        {"symbol": symbol, "history": [{"t": start, **values[name]} for start in starts]}
        for symbol in query["symbols"].split(",")
    ]


HOSTS: dict[str, Rest] = {
    "open-api-v4.coinglass.com": aggregator,
    "open-api.coinank.com": coinank,
    "api.coinalyze.net": coinalyze,
}
