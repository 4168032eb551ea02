"""Candles, open interest, funding and brackets in each venue's own words; liquidations are in `dialects`.

All venues tell the same bars of the same market (`bars`), so that a test can say what each answer must
become. A
venue refuses what its own documentation refuses: too long a page, a wrong word in the address.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.loopback import dialects
from tests.loopback.dialects import NOW, Event, Refused, iso, order, since

MINUTE = 60_000
HOUR = 3_600_000
# Liquidations of HTX's coin-margined contract, oldest first, which has a history of its own; a test puts them
# here.
COIN: list[Event] = []
SPANS = {
    "1m": MINUTE,
    "1": MINUTE,
    "1min": MINUTE,
    "1MIN": MINUTE,
    "1h": HOUR,
    "1H": HOUR,
    "60": HOUR,
    "60min": HOUR,
    "1HOUR": HOUR,
}


def hours(count: int) -> list[int]:
    """The last full hours in ms, oldest first."""
    return [NOW // HOUR * HOUR - back * HOUR for back in range(count)][::-1]


def bar(moment: int) -> tuple[float, float, float, float, float]:
    """Open, high, low, close in USD and volume in BTC of the bar that starts at `moment` (ms); no two minutes
    of a day are alike."""
    base = 50_000.0 + moment // MINUTE % 1440
    return base, base + 60.0, base - 55.0, base + 10.0, 2.0 + moment // MINUTE % 7


def bars(first: int, last: int, span: int) -> list[int]:
    """The starts of the bars from `first` to `last` (ms), both included, that exist by now."""
    return list(range(-(-first // span) * span, min(last, NOW) // span * span + 1, span))


def text(*numbers: float) -> list[str]:
    return [f"{number:.10g}" for number in numbers]


def gate(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """Gate knows `usdt` and `btc` in its paths, in small letters only."""
    settle, name = path.split("/")[-2:]
    if settle not in ("usdt", "btc"):
        raise Refused(400, {"label": "INVALID_PARAM_VALUE", "message": "Invalid settle"})
    if name == "candlesticks":
        return [
            {
                "t": moment // 1000,
                "o": "50000",
                "h": "50060",
                "l": "49940",
                "c": "50015",
                "v": "125000",
                "sum": "625000",
            }
            for moment in hours(6)
        ]
    if name == "contract_stats":
        return [
            {"time": moment // 1000, "open_interest": "500000", "open_interest_usd": "2500000"}
            for moment in hours(3)
        ]
    if name == "funding_rate":
        return [{"t": moment // 1000, "r": "0.0001"} for moment in hours(24)[::8]]
    if name == "risk_limit_tiers":
        return [
            {
                "maintenance_rate": rate,
                "tier": number,
                "initial_rate": "0.01",
                "leverage_max": lever,
                "risk_limit": limit,
            }
            for number, (rate, lever, limit) in enumerate(
                (("0.004", "125", "1000000"), ("0.005", "100", "2000000")), start=1
            )
        ]
    return dialects.gate(events, path, query)


def deribit(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
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
    return dialects.deribit(events, path, query)


def binance_coin(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """COIN-M bars count contracts first and BTC second."""
    if path.endswith("/klines"):
        return [
            [t, "50000", "50060", "49940", "50015", "6250", t + HOUR - 1, "12.5", 40, "2750", "5.5", "0"]
            for t in hours(6)
        ]
    raise Refused(404, {"code": -1, "msg": f"no such path {path}"})


def okx(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """OKX counts contracts first and BTC second; `before` and `after` are exclusive, and it answers newest
    first."""
    if path.endswith("liquidation-orders"):
        return dialects.okx(events, path, query)
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
                [str(one), *text(o, h, low, c, v * 100, v, v * c), "1"]
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
    if path.endswith("public/open-interest"):
        return {
            "code": "0",
            "msg": "",
            "data": [
                {
                    "instType": "SWAP",
                    "instId": "BTC-USDT-SWAP",
                    "oi": "2750000",
                    "oiCcy": "27500",
                    "oiUsd": "1375000000",
                    "ts": str(NOW),
                }
            ],
        }
    raise Refused(404, {"code": "404", "msg": f"no such path {path}"})


def hyperliquid(events: list[Event], path: str, query: Mapping[str, Any]) -> Any:
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
                **dict(zip("ohlcv", text(*bar(one)), strict=True)),
            }
            for one in starts
        ]
    if query["type"] == "fundingHistory":
        return [
            {"coin": query["coin"], "fundingRate": "0.0000125", "premium": "0.0005", "time": moment + 31}
            for moment in hours(96)
            if moment >= query["startTime"]
        ]
    if query["type"] == "metaAndAssetCtxs":
        return [
            {"universe": [{"name": "ETH", "szDecimals": 4}, {"name": "BTC", "szDecimals": 5}]},
            [{"openInterest": "400000.5"}, {"openInterest": "31234.5"}],
        ]
    raise Refused(422, "Failed to deserialize the JSON body into the target type")


def bitget(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """Bitget has recent bars, a thousand a page, and older ones, two hundred a page."""
    if path.endswith("v3/market/liquidations"):
        return dialects.bitget(events, path, query)
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
            "requestTime": NOW,
            "data": [
                [str(one), *text(o, h, low, c, v, v * c)] for one in starts for o, h, low, c, v in (bar(one),)
            ],
        }
    if path.endswith("v2/mix/market/history-fund-rate"):
        return {
            "code": "00000",
            "msg": "success",
            "requestTime": NOW,
            "data": [
                {"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingTime": str(moment)}
                for moment in hours(96)[::8][::-1]
            ][: int(query["pageSize"])],
        }
    if path.endswith("v2/mix/market/query-position-lever"):
        return {
            "code": "00000",
            "msg": "success",
            "requestTime": NOW,
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


def kraken(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
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
                    **dict(zip(("open", "high", "low", "close", "volume"), text(*bar(one)), strict=True)),
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
    return dialects.kraken(events, path, query)


def bitfinex(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """Bitfinex puts the close before the high and the low."""
    if "/candles/" not in path:
        return dialects.bitfinex(events, path, query)
    _, span, symbol = path.split("/")[-2].split(":", 2)
    if symbol != "tBTCF0:USTF0":
        raise Refused(500, ["error", 10020, "symbol: invalid"])
    starts = bars(int(query["start"]), NOW, SPANS[span])[: int(query["limit"])]
    return [[one, o, c, h, low, v] for one in starts for o, h, low, c, v in (bar(one),)]


def htx(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """Where a number of bars is asked for, HTX answers the newest ones, whatever the span."""
    if path.endswith("v5/market/liquidation_orders"):
        return dialects.htx(events, path, query)
    if path.endswith("v3/swap_liquidation_orders"):
        lower, upper = int(query["start_time"]), int(query["end_time"])
        if upper - lower > 48 * HOUR or query["contract"] != "BTC-USD" or query["trade_type"] != "0":
            return {"code": 1030, "msg": "Abnormal service", "data": None, "ts": NOW}
        found = [
            (number, one)
            for number, one in enumerate(COIN, start=1)
            if lower <= one.time <= upper and number < int(query.get("from_id", 10**9))
        ]
        return {
            "code": 200,
            "msg": "ok",
            "ts": NOW,
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
            starts = bars(NOW - (int(query["size"]) - 1) * span, NOW, span)
        else:
            starts = bars(int(query["from"]) * 1000, int(query["to"]) * 1000, span)
        if len(starts) > 2000:
            return {"status": "error", "err-code": "invalid-parameter", "err-msg": "invalid size", "ts": NOW}
        return {
            "status": "ok",
            "ch": f"market.{query['contract_code']}.kline.{query['period']}",
            "ts": NOW,
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


def dydx(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """dYdX answers the newest bars of the span first and no more than a thousand."""
    if "/candles/" not in path:
        return dialects.dydx(events, path, query)
    last = since(query["toIso"]) - 1 if "toIso" in query else NOW
    starts = bars(since(query["fromIso"]), last, SPANS[query["resolution"]])[::-1][
        : min(int(query["limit"]), 1000)
    ]
    return {
        "candles": [
            {
                "startedAt": iso(one),
                "ticker": "BTC-USD",
                "resolution": query["resolution"],
                "usdVolume": "1",
                "trades": 40,
                "startingOpenInterest": "54.0594",
                **dict(
                    zip(("open", "high", "low", "close", "baseTokenVolume"), text(*bar(one)), strict=True)
                ),
            }
            for one in starts
        ]
    }


HOSTS = {
    **dialects.HOSTS,
    "api.gateio.ws": gate,
    "www.deribit.com": deribit,
    "dapi.binance.com": binance_coin,
    "www.okx.com": okx,
    "api.hyperliquid.xyz": hyperliquid,
    "api.bitget.com": bitget,
    "futures.kraken.com": kraken,
    "api-pub.bitfinex.com": bitfinex,
    "api.hbdm.com": htx,
    "api.hbdm.vn": htx,
    "indexer.dydx.trade": dydx,
}
