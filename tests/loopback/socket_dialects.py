"""What each venue sends over its socket about the same events, and what it answers to a subscription.

Written from the venues' documentation and recorded frames, apart from the code that reads them: units, sides
and
refusals are repeated here on purpose. Every frame carries something beside the events that must be left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.loopback.dialects import Event, held, iso, order


@dataclass(frozen=True)
class Reply:
    """What a venue answers to one frame: `frames` to send, `symbols` now subscribed, whether the frame was a
    `pong`."""

    frames: tuple[Any, ...] = ()
    symbols: tuple[str, ...] = ()
    pong: bool = False


@dataclass(frozen=True)
class Door:
    """One address: its venue, the answer to a frame, the frames of some events on a symbol, events a frame at
    most."""

    venue: str
    answer: Callable[[Any], Reply]
    frames: Callable[[list[Event], str], list[Any]]
    most: int
    greeting: tuple[Any, ...] = ()
    ping: Any = None
    gzip: bool = False
    snapshot: Callable[[list[Event], str], Any] | None = None


def text(value: float) -> str:
    return f"{value:.10f}".rstrip("0").rstrip(".")


def contracts(one: Event, symbol: str, size: float, inverse: tuple[str, ...]) -> str:
    """The quantity in contracts of `size` BTC, or of `size` USD for an inverse symbol."""
    return text(one.quantity * one.price / size if symbol in inverse else one.quantity / size)


def binance(*symbols: str) -> Callable[[Any], Reply]:
    def answer(found: Any) -> Reply:
        if (
            not isinstance(found, dict)
            or found.get("method") != "SUBSCRIBE"
            or not isinstance(found.get("params"), list)
            or "id" not in found
        ):
            return Reply(
                (
                    {
                        "error": {
                            "code": 2,
                            "msg": "Invalid request: request parameters must be of the documented form",
                        }
                    },
                )
            )
        # A stream that does not exist is accepted and stays silent.
        asked = tuple(symbol for symbol in symbols if f"{symbol.lower()}@forceOrder" in found["params"])
        return Reply(({"result": None, "id": found["id"]},), asked)

    return answer


def binance_frames(events: list[Event], symbol: str) -> list[Any]:
    frames = []
    for one in events:
        filled = contracts(one, symbol, 100.0 if symbol.startswith("BTCUSD_") else 1.0, ("BTCUSD_PERP",))
        frames.append(
            {
                "e": "forceOrder",
                "E": one.time + 5,
                "o": {
                    "s": symbol,
                    "S": order(one).upper(),
                    "o": "LIMIT",
                    "f": "IOC",
                    "q": filled,
                    "p": text(one.price * 0.99),
                    "ap": text(one.price),
                    "X": "FILLED",
                    "l": text(float(filled) / 3),
                    "z": filled,
                    "T": one.time,
                },
            }
        )
    return frames


def bybit(*symbols: str) -> Callable[[Any], Reply]:
    def answer(found: Any) -> Reply:
        if found.get("op") == "ping":
            return Reply(({"success": True, "ret_msg": "pong", "conn_id": "c", "req_id": "", "op": "ping"},))
        unknown = [
            topic
            for topic in found.get("args", ["none"])
            if topic not in [f"allLiquidation.{symbol}" for symbol in symbols]
        ]
        if found.get("op") != "subscribe" or unknown:
            return Reply(
                (
                    {
                        "success": False,
                        "ret_msg": f"error:handler not found,topic:{','.join(unknown)}",
                        "conn_id": "c",
                        "req_id": "",
                        "op": "subscribe",
                    },
                )
            )
        return Reply(
            ({"success": True, "ret_msg": "", "conn_id": "c", "req_id": "", "op": "subscribe"},),
            tuple(topic.split(".")[1] for topic in found["args"]),
        )

    return answer


def bybit_frames(events: list[Event], symbol: str) -> list[Any]:
    rows = [
        {
            "T": one.time,
            "s": symbol,
            "S": held(one).title(),
            "v": contracts(one, symbol, 1.0, ("BTCUSD",)),
            "p": text(one.price),
        }
        for one in events
    ]
    return [
        {"topic": f"allLiquidation.{symbol}", "type": "snapshot", "ts": events[-1].time + 9, "data": rows}
    ]


def okx(found: Any) -> Reply:
    if found == "ping":
        return Reply(("pong",))
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


def okx_frames(events: list[Event], symbol: str) -> list[Any]:
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


def gate(*symbols: str) -> Callable[[Any], Reply]:
    def answer(found: Any) -> Reply:
        told = {"time": found.get("time"), "channel": found.get("channel"), "event": found.get("event", "")}
        if not isinstance(found.get("time"), int):
            return Reply(
                ({**told, "error": {"code": 1, "message": "invalid argument: time"}, "result": None},)
            )
        if found["channel"] == "futures.ping":
            return Reply(({**told, "channel": "futures.pong", "error": None, "result": None},))
        unknown = [one for one in found.get("payload", ["none"]) if one not in symbols]
        if found["channel"] != "futures.public_liquidates" or found.get("event") != "subscribe" or unknown:
            return Reply(
                (
                    {
                        **told,
                        "error": {"code": 2, "message": f"unknown contract {','.join(unknown)}"},
                        "result": None,
                    },
                )
            )
        return Reply(({**told, "error": None, "result": {"status": "success"}},), tuple(found["payload"]))

    return answer


def gate_frames(events: list[Event], symbol: str) -> list[Any]:
    rows = [
        {
            "price": text(one.price),
            "size": (
                ("" if one.side == "long" else "-")
                + contracts(one, symbol, 1.0 if symbol == "BTC_USD" else 0.0001, ("BTC_USD",))
            ),
            "time": one.time // 1000,
            "time_ms": one.time,
            "contract": symbol,
        }
        for one in events
    ]
    other = {
        "price": "2000",
        "size": "7",
        "time": events[0].time // 1000,
        "time_ms": events[0].time,
        "contract": "ETH_USDT",
    }
    return [
        {
            "time": events[-1].time // 1000,
            "time_ms": events[-1].time,
            "channel": "futures.public_liquidates",
            "event": "update",
            "result": [*rows, other],
        }
    ]


def bitget(found: Any) -> Reply:
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


def bitget_frames(events: list[Event], symbol: str) -> list[Any]:
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


def htx(*symbols: str) -> Callable[[Any], Reply]:
    def answer(found: Any) -> Reply:
        if found.get("op") == "pong":
            return Reply(pong=str(found.get("ts", "")).isdigit())
        told = {"op": "sub", "cid": found.get("cid"), "topic": found.get("topic"), "ts": 1}
        known = {f"public.{symbol}.liquidation_orders": symbol for symbol in symbols}
        if found.get("op") != "sub" or found.get("topic") not in known:
            return Reply(({**told, "err-code": 2011, "err-msg": "Invalid topic"},))
        return Reply(({**told, "err-code": 0},), (known[found["topic"]],))

    return answer


def htx_frames(events: list[Event], symbol: str) -> list[Any]:
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


def bitfinex(found: Any) -> Reply:
    if found.get("event") == "ping":
        return Reply(({"event": "pong", "ts": 1, "cid": found.get("cid")}, [386841, "hb"]))
    if {name: found.get(name) for name in ("event", "channel", "key")} != {
        "event": "subscribe",
        "channel": "status",
        "key": "liq:global",
    }:
        return Reply(
            ({"event": "error", "msg": "key: invalid", "code": 10300, "channel": found.get("channel")},)
        )
    return Reply(
        ({"event": "subscribed", "channel": "status", "chanId": 386841, "key": "liq:global"},),
        ("tBTCF0:USTF0",),
    )


def bitfinex_frames(events: list[Event], symbol: str) -> list[Any]:
    def row(one: Event, match: int, coin: str) -> list[Any]:
        amount = one.quantity if one.side == "long" else -one.quantity
        return [
            "pos",
            one.time % 10**9,
            one.time,
            None,
            coin,
            amount,
            one.price * 1.01,
            None,
            match,
            1,
            None,
            one.price if match else None,
        ]

    return [
        [
            386841,
            [
                row(one, match, coin)
                for one in events
                for match, coin in ((0, symbol), (1, symbol), (1, "tETHF0:USTF0"))
            ],
            7,
            events[-1].time,
            "liquidations",
            "global",
        ]
    ]


def deribit(found: Any) -> Reply:
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


def deribit_frames(events: list[Event], symbol: str) -> list[Any]:
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


def kraken(found: Any) -> Reply:
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


def kraken_frames(events: list[Event], symbol: str) -> list[Any]:
    return [
        _kraken_trade(one, symbol, kind, number)
        for number, one in enumerate(events)
        for kind in ("fill", "liquidation")
    ]


def kraken_snapshot(events: list[Event], symbol: str) -> Any:
    return {
        "feed": "trade_snapshot",
        "product_id": symbol,
        "trades": [
            _kraken_trade(one, symbol, "liquidation", number) for number, one in enumerate(events[-100:])
        ],
    }


def dydx(found: Any) -> Reply:
    if found.get("type") != "subscribe" or found.get("channel") != "v4_trades":
        return Reply(
            (
                {
                    "type": "error",
                    "message": f"Invalid channel: {found.get('channel')}",
                    "connection_id": "x",
                    "message_id": 1,
                },
            )
        )
    if found.get("id") != "BTC-USD":
        return Reply(
            (
                {
                    "type": "error",
                    "message": f"Invalid subscription id for channel: ({found['channel']}-{found.get('id')})",
                    "connection_id": "x",
                    "message_id": 1,
                },
            )
        )
    # The confirmation is the snapshot.
    return Reply((), ("BTC-USD",))


def _dydx_trades(events: list[Event], kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{one.time}{kind}",
            "size": text(one.quantity),
            "price": text(one.price),
            "side": order(one).upper(),
            "createdAt": iso(one.time),
            "type": kind,
        }
        for one in events
        for kind in kinds
    ]


def dydx_frames(events: list[Event], symbol: str) -> list[Any]:
    return [
        {
            "type": "channel_data",
            "connection_id": "x",
            "message_id": 3,
            "id": symbol,
            "channel": "v4_trades",
            "version": "2.1.0",
            "contents": {"trades": _dydx_trades(events, ("LIMIT", "LIQUIDATED"))},
        }
    ]


def dydx_snapshot(events: list[Event], symbol: str) -> Any:
    return {
        "type": "subscribed",
        "connection_id": "x",
        "message_id": 1,
        "channel": "v4_trades",
        "id": symbol,
        "contents": {"trades": _dydx_trades(events[-100:], ("LIQUIDATED",))[::-1]},
    }


DOORS: dict[str, Door] = {
    "fstream.binance.com/market/ws": Door("binance", binance("BTCUSDT", "BTCUSDC"), binance_frames, 1),
    "dstream.binance.com/ws": Door("binance-coin", binance("BTCUSD_PERP"), binance_frames, 1),
    "stream.bybit.com/v5/public/linear": Door("bybit", bybit("BTCUSDT", "BTCPERP"), bybit_frames, 3),
    "stream.bybit.com/v5/public/inverse": Door("bybit", bybit("BTCUSD"), bybit_frames, 3),
    "ws.okx.com/ws/v5/public": Door("okx", okx, okx_frames, 2),
    "fx-ws.gateio.ws/v4/ws/usdt": Door("gate", gate("BTC_USDT"), gate_frames, 20),
    "fx-ws.gateio.ws/v4/ws/btc": Door("gate", gate("BTC_USD"), gate_frames, 20),
    "ws.bitget.com/v3/ws/public": Door("bitget", bitget, bitget_frames, 5),
    "api.hbdm.com/linear-swap-notification": Door(
        "htx", htx("BTC-USDT"), htx_frames, 4, ping={"op": "ping", "ts": "1790000000000"}, gzip=True
    ),
    "api.hbdm.com/swap-notification": Door(
        "htx", htx("BTC-USD"), htx_frames, 4, ping={"op": "ping", "ts": "1790000000000"}, gzip=True
    ),
    "api-pub.bitfinex.com/ws/2": Door(
        "bitfinex",
        bitfinex,
        bitfinex_frames,
        3,
        greeting=({"event": "info", "version": 2, "serverId": "s", "platform": {"status": 1}},),
    ),
    "www.deribit.com/ws/api/v2": Door(
        "deribit",
        deribit,
        deribit_frames,
        10,
        ping={"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": "test_request"}},
    ),
    "futures.kraken.com/ws/v1": Door(
        "kraken",
        kraken,
        kraken_frames,
        1,
        greeting=({"event": "info", "version": 1},),
        snapshot=kraken_snapshot,
    ),
    "indexer.dydx.trade/v4/ws": Door(
        "dydx",
        dydx,
        dydx_frames,
        5,
        greeting=({"type": "connected", "connection_id": "x", "message_id": 0},),
        ping=b"dydx",
        snapshot=dydx_snapshot,
    ),
}
FIRST = {
    "binance": "BTCUSDT",
    "binance-coin": "BTCUSD_PERP",
    "bybit": "BTCUSDT",
    "okx": "BTC-USDT-SWAP",
    "gate": "BTC_USDT",
    "bitget": "BTCUSDT",
    "htx": "BTC-USDT",
    "bitfinex": "tBTCF0:USTF0",
    "deribit": "BTC_USDC-PERPETUAL",
    "kraken": "PF_XBTUSD",
    "dydx": "BTC-USD",
}


def decoded(data: Any) -> Any:
    """A client's frame: JSON, or the bare word."""
    return data if data in ("ping", "pong") else json.loads(data)
