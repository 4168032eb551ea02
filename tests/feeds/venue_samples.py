"""One small made-up message or two for each venue, in the shape the venue sends, with what it must mean."""

import gzip
import json
from typing import Any

T = 1_790_000_000_123


def pos(amount: float, match: int, price: float | None, symbol: str = "tBTCF0:USTF0") -> list[Any]:
    return ["pos", 171, T, None, symbol, amount, 50_500.0, None, match, match, None, price]


def binance(symbol: str, side: str, filled: str, last: str, price: str) -> dict[str, Any]:
    order = {
        "s": symbol,
        "S": side,
        "o": "LIMIT",
        "f": "IOC",
        "q": filled,
        "p": "49000",
        "ap": price,
        "X": "FILLED",
        "l": last,
        "z": filled,
        "T": T,
    }
    return {"e": "forceOrder", "E": T + 5, "o": order}


def okx(*details: tuple[str, str, str, str], symbol: str = "BTC-USDT-SWAP") -> list[dict[str, Any]]:
    return [
        {
            "instId": symbol,
            "instType": "SWAP",
            "details": [
                {"side": side, "posSide": held, "sz": size, "bkPx": price, "bkLoss": "0", "ts": str(T)}
                for side, held, size, price in details
            ],
        }
    ]


# venue, name, message, [(side, BTC, USD, microseconds)]
SAMPLES: list[tuple[str, str, Any, list[tuple[str, float, float, int]]]] = [
    (
        "binance",
        "combined",
        {"stream": "btcusdt@forceOrder", "data": binance("BTCUSDT", "SELL", "1.437", "1.000", "50000")},
        [("long", 1.437, 71_850.0, T * 1000)],
    ),
    (
        "binance",
        "all markets",
        [binance("BTCUSDT", "BUY", "0.5", "0.5", "50000"), binance("ETHUSDT", "BUY", "9", "9", "2000")],
        [("short", 0.5, 25_000.0, T * 1000)],
    ),
    (
        "binance-coin",
        "stream",
        binance("BTCUSD_PERP", "SELL", "30", "10", "50000"),
        [("long", 0.06, 3_000.0, T * 1000)],
    ),
    (
        "bybit",
        "linear",
        {
            "topic": "allLiquidation.BTCUSDT",
            "type": "snapshot",
            "ts": T + 9,
            "data": [
                {"T": T, "s": "BTCUSDT", "S": "Buy", "v": "0.1", "p": "50000"},
                {"T": T, "s": "BTCUSDT", "S": "Sell", "v": "0.2", "p": "50000"},
            ],
        },
        [("long", 0.1, 5_000.0, T * 1000), ("short", 0.2, 10_000.0, T * 1000)],
    ),
    (
        "bybit",
        "inverse",
        {
            "topic": "allLiquidation.BTCUSD",
            "data": [{"T": T, "s": "BTCUSD", "S": "Buy", "v": "5000", "p": "50000"}],
        },
        [("long", 0.1, 5_000.0, T * 1000)],
    ),
    (
        "okx",
        "socket, two details",
        {
            "arg": {"channel": "liquidation-orders", "instType": "SWAP"},
            "data": okx(("sell", "long", "100", "50000"), ("buy", "net", "10", "50000")),
        },
        [("long", 1.0, 50_000.0, T * 1000), ("short", 0.1, 5_000.0, T * 1000)],
    ),
    (
        "okx",
        "history, inverse",
        {"code": "0", "msg": "", "data": okx(("sell", "net", "5", "50000"), symbol="BTC-USD-SWAP")},
        [("long", 0.01, 500.0, T * 1000)],
    ),
    (
        "gate",
        "history",
        [
            {
                "time": T // 1000,
                "contract": "BTC_USDT",
                "size": "600",
                "order_size": "-600",
                "order_price": "49800",
                "fill_price": "50000",
                "left": "-100",
            }
        ],
        [("long", 0.05, 2_500.0, T // 1000 * 1_000_000)],
    ),
    (
        "gate",
        "socket",
        {
            "channel": "futures.public_liquidates",
            "event": "update",
            "time_ms": T,
            "result": [
                {"price": "50000", "size": "-200", "time": T // 1000, "time_ms": T, "contract": "BTC_USDT"}
            ],
        },
        [("short", 0.02, 1_000.0, T * 1000)],
    ),
    (
        "bitget",
        "history",
        {
            "code": "00000",
            "msg": "success",
            "data": {
                "list": [
                    {"symbol": "BTCUSDT", "side": "buy", "price": "50000", "amount": "0.42", "ts": str(T)}
                ],
                "cursor": "1",
            },
        },
        [("long", 0.42, 21_000.0, T * 1000)],
    ),
    (
        "bitget",
        "socket",
        {
            "action": "update",
            "arg": {"instType": "usdt-futures", "topic": "liquidation"},
            "data": [
                {"symbol": "BTCUSDT", "side": "sell", "price": "50000", "amount": "0.1", "ts": str(T)},
                {"symbol": "APEUSDT", "side": "buy", "price": "0.16", "amount": "13700", "ts": str(T)},
            ],
        },
        [("short", 0.1, 5_000.0, T * 1000)],
    ),
    (
        "bitget",
        "inverse",
        {
            "code": "00000",
            "data": {
                "list": [{"symbol": "BTCUSD", "side": "buy", "price": "50000", "amount": "0.2", "ts": str(T)}]
            },
        },
        [("long", 0.2, 10_000.0, T * 1000)],
    ),
    (
        "htx",
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
        "htx",
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
    (
        "bitfinex",
        "history: trigger, execution, other coin",
        [[pos(0.4, 0, None)], [pos(0.4, 1, 50_000.0)], [pos(9.0, 1, 2_000.0, "tETHF0:USTF0")]],
        [("long", 0.4, 20_000.0, T * 1000)],
    ),
    (
        "bitfinex",
        "socket",
        [907, [pos(-0.1, 1, 50_000.0)], 7, T, "liquidations", "global"],
        [("short", 0.1, 5_000.0, T * 1000)],
    ),
    (
        "deribit",
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
                    for flag in ({"liquidation": "T"}, {"liquidation": "M"}, {"liquidation": "MT"}, {})
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
        "deribit",
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
    (
        "kraken",
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
        "kraken",
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
    (
        "dydx",
        "socket",
        {
            "type": "channel_data",
            "id": "BTC-USD",
            "channel": "v4_trades",
            "contents": {
                "trades": [
                    {
                        "id": "a",
                        "size": "0.2",
                        "price": "50000",
                        "side": "SELL",
                        "createdAt": "2026-09-21T14:13:20.123Z",
                        "type": "LIQUIDATED",
                    },
                    {
                        "id": "b",
                        "size": "0.2",
                        "price": "50000",
                        "side": "SELL",
                        "createdAt": "2026-09-21T14:13:20.123Z",
                        "type": "LIMIT",
                    },
                ]
            },
        },
        [("long", 0.2, 10_000.0, T * 1000)],
    ),
]

QUIET: list[tuple[str, Any]] = [
    ("binance", {"result": None, "id": 1}),
    ("bybit", {"success": True, "ret_msg": "", "op": "subscribe"}),
    ("okx", "pong"),
    ("okx", {"event": "subscribe", "arg": {"channel": "liquidation-orders", "instType": "SWAP"}}),
    (
        "gate",
        {
            "channel": "futures.public_liquidates",
            "event": "subscribe",
            "error": None,
            "result": {"status": "success"},
        },
    ),
    ("gate", []),
    ("bitget", {"event": "subscribe", "arg": {"instType": "usdt-futures", "topic": "liquidation"}}),
    ("htx", {"ping": T}),
    ("htx", {"op": "sub", "topic": "public.BTC-USDT.liquidation_orders", "err-code": 0}),
    ("bitfinex", [907, "hb"]),
    ("bitfinex", {"event": "subscribed", "channel": "status", "key": "liq:global"}),
    ("deribit", {"jsonrpc": "2.0", "id": 1, "result": ["trades.BTC-PERPETUAL.raw"]}),
    ("kraken", {"event": "subscribed", "feed": "trade", "product_ids": ["PF_XBTUSD"]}),
    ("dydx", {"type": "connected", "connection_id": "x"}),
    (
        "hyperliquid",
        {"channel": "trades", "data": [{"coin": "BTC", "side": "B", "px": "50000", "sz": "1", "time": T}]},
    ),
]
