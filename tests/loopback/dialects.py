"""What each venue would answer over REST about one made-up market: same events, a different dialect each.

The events are the truth; a dialect renders those the question asks for, in the venue's shape, units and side.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

NOW = 1_790_000_000_000


@dataclass(frozen=True)
class Event:
    """One liquidation as it happened: `time` in ms, `side` of the position, BTC and USD."""

    time: int
    side: str
    price: float
    quantity: float


class Refused(Exception):
    """The venue says no: HTTP status and body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(body))
        self.status, self.body = status, body


def made_events(count: int = 240, hours: float = 6.0, seed: int = 7) -> list[Event]:
    """Liquidations of the last hours, whole seconds apart, in lots that every venue's contract can
    express."""
    chance = random.Random(seed)
    moments = sorted(chance.sample(range(int(hours * 3600)), count))
    return [
        Event(
            NOW - int(hours * 3_600_000) + second * 1000,
            chance.choice(("long", "short")),
            50_000.0 + chance.randrange(400) * 5,
            chance.randrange(1, 90) / 100,
        )
        for second in moments
    ]


def order(event: Event) -> str:
    return "sell" if event.side == "long" else "buy"


def held(event: Event) -> str:
    return "buy" if event.side == "long" else "sell"


def iso(moment: int) -> str:
    return (
        datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def since(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def gate(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    lower, upper = int(query["from"]), int(query["to"])
    if lower > 10**11 or upper - lower > 3_600:
        raise Refused(400, {"label": "INVALID_PARAM_VALUE", "message": "invalid from or to"})
    found = [one for one in events if lower <= one.time // 1000 <= upper][-int(query.get("limit", 100)) :]
    if query["contract"] != "BTC_USDT":
        found = []
    return [
        {
            "time": one.time // 1000,
            "contract": "BTC_USDT",
            "size": f"{sign * round(one.quantity * 10_000)}",
            "order_size": f"{-sign * round(one.quantity * 10_000)}",
            "order_price": "1",
            "fill_price": str(one.price),
            "left": "0",
        }
        for one in found
        for sign in (1 if one.side == "long" else -1,)
    ]


def htx(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    lower, upper = int(query["start_time"]), int(query["end_time"])
    if upper - lower > 7_200_000:
        return {"code": 1030, "message": "Abnormal service", "data": None, "ts": NOW}
    found = [
        (number, one)
        for number, one in enumerate(events)
        if lower <= one.time <= upper and number < int(query.get("from", 10**9))
    ]
    found = found[::-1][: int(query["limit"])]
    return {
        "code": 200,
        "message": "Success",
        "ts": NOW,
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


def bitget(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    done = int(query.get("cursor", 0))
    found = events[::-1][done : done + int(query["limit"])] if query["symbol"] == "BTCUSDT" else []
    return {
        "code": "00000",
        "msg": "success",
        "requestTime": NOW,
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


def okx(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
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


def bitfinex(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    found = [one for one in events if int(query["start"]) <= one.time <= int(query["end"])][::-1]
    rows = []
    for number, one in enumerate(found):
        amount = one.quantity if one.side == "long" else -one.quantity
        for match in (1, 0):
            rows.append(
                [
                    [
                        "pos",
                        number,
                        one.time,
                        None,
                        "tBTCF0:USTF0",
                        amount,
                        one.price,
                        None,
                        match,
                        match,
                        None,
                        one.price if match else None,
                    ]
                ]
            )
    return rows[: int(query["limit"])]


def deribit(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
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


def kraken(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    found = (
        [one for one in events if one.time <= since(query["lastTime"])][::-1]
        if query["symbol"] == "PF_XBTUSD"
        else []
    )
    return {
        "result": "success",
        "serverTime": iso(NOW),
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


def dydx(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    found = [one for one in events if one.time <= since(query["createdBeforeOrAt"])][::-1][
        : int(query["limit"])
    ]
    return {
        "trades": [
            {
                "id": str(one.time),
                "side": order(one).upper(),
                "size": str(one.quantity),
                "price": str(one.price),
                "type": "LIQUIDATED",
                "createdAt": iso(one.time),
            }
            for one in found
        ]
    }


def binance(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    if path.endswith("/klines"):
        end = int(query.get("endTime", NOW)) // 60_000 * 60_000
        begin = max(
            -(-int(query.get("startTime", 0)) // 60_000) * 60_000,
            end - (int(query.get("limit", 500)) - 1) * 60_000,
        )
        return [
            [
                t,
                "50000.0",
                "50060.0",
                "49940.0",
                "50015.0",
                "12.5",
                t + 59_999,
                "625000",
                40,
                "5.5",
                "275000",
                "0",
            ]
            for t in range(begin, end + 1, 60_000)
        ]
    if path.endswith("/openInterest"):
        return {"openInterest": "91234.5", "symbol": query["symbol"], "time": NOW}
    if path.endswith("/openInterestHist"):
        return [
            {
                "symbol": query["symbol"],
                "sumOpenInterest": f"{90_000 + i}",
                "sumOpenInterestValue": "4500000000",
                "timestamp": NOW // 300_000 * 300_000 - i * 300_000,
            }
            for i in range(12)
        ][::-1]
    if path.endswith("/fundingRate"):
        return [
            {
                "symbol": query["symbol"],
                "fundingTime": NOW // 28_800_000 * 28_800_000 - i * 28_800_000,
                "fundingRate": "0.0001",
                "markPrice": "50000",
            }
            for i in range(5)
        ][::-1]
    raise Refused(404, {"code": -1, "msg": f"no such path {path}"})


def bybit(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    if path.endswith("/risk-limit"):
        found: list[Any] = [
            {
                "id": number,
                "symbol": "BTCUSDT",
                "riskLimitValue": str(2_000_000 * number),
                "maintenanceMargin": str(0.005 * number),
                "initialMargin": str(0.01 * number),
                "isLowestRisk": int(number == 1),
                "maxLeverage": str(100 / number),
                "mmDeduction": "0",
            }
            for number in (1, 2)
        ]
    elif path.endswith("/kline"):
        found = [
            [str(NOW // 60_000 * 60_000 - i * 60_000), "50000", "50060", "49940", "50015", "12.5", "625000"]
            for i in range(int(query.get("limit", 200)))
        ]
    elif path.endswith("/open-interest"):
        found = [
            {"openInterest": str(50_000 + i), "timestamp": str(NOW // 300_000 * 300_000 - i * 300_000)}
            for i in range(10)
        ]
    else:
        found = [
            {
                "symbol": "BTCUSDT",
                "fundingRate": "0.0001",
                "fundingRateTimestamp": str(NOW // 28_800_000 * 28_800_000 - i * 28_800_000),
            }
            for i in range(5)
        ]
    return {
        "retCode": 0,
        "retMsg": "OK",
        "result": {
            "category": query.get("category"),
            "symbol": "BTCUSDT",
            "list": found,
            "nextPageCursor": "",
        },
        "time": NOW,
    }


def aggregator(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    starts = [NOW // 1000 // 3600 * 3600 - hour * 3600 for hour in (2, 1, 0)]
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
    starts = [NOW // 3_600_000 * 3_600_000 - hour * 3_600_000 for hour in (2, 1, 0)]
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
    if "endTime" in query and abs(int(query["endTime"]) - NOW) > 86_400_000:
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
    starts = [NOW // 1000 // 3600 * 3600 - hour * 3600 for hour in (2, 1, 0)]
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


HOSTS: dict[str, Callable[[list[Event], str, Mapping[str, str]], Any]] = {
    "api.gateio.ws": gate,
    "api.hbdm.com": htx,
    "api.bitget.com": bitget,
    "www.okx.com": okx,
    "api-pub.bitfinex.com": bitfinex,
    "www.deribit.com": deribit,
    "futures.kraken.com": kraken,
    "indexer.dydx.trade": dydx,
    "fapi.binance.com": binance,
    "api.bybit.com": bybit,
    "open-api-v4.coinglass.com": aggregator,
    "open-api.coinank.com": coinank,
    "api.coinalyze.net": coinalyze,
}
