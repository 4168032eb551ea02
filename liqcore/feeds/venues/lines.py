"""What each venue's socket is told and what its frames mean besides liquidations: a table and two pure
functions.

Addresses and subscriptions are those of the venues' own documentation. Symbols come from `venues.py`; rows
are read
by `parse.py`. A venue with linear and inverse contracts at different addresses has a line for each.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from liqcore.feeds.venues.parse import error_in
from liqcore.feeds.venues.registry import VENUES

_SUBSCRIBE: Final = 1
_HEARTBEAT: Final = 2
_TEST: Final = 3
# Bitfinex says so before a restart and after a maintenance, OKX before an upgrade.
_RECONNECT: Final = (20051, 20061, 64008)


@dataclass(frozen=True)
class Line:
    """One socket of a venue.

    `covers` names in words what it carries. `subscribe` are the frames sent after opening, of which `asked`
    are
    answered with a confirmation or a refusal; `{now}` in a frame becomes the seconds since 1970. `ping` is
    the text
    sent every `every` seconds, None for a ping of the WebSocket protocol. `silence` is the longest time, in
    seconds,
    without any frame.
    """

    url: str
    covers: str
    subscribe: tuple[str, ...]
    asked: int
    ping: str | None = None
    every: float = 20.0
    silence: float = 65.0


@dataclass(frozen=True)
class Meaning:
    """What a frame is besides liquidations.

    `answer` must be sent back; `confirmed` says that a subscription stands; `refused` are the venue's words
    for one
    that does not; `reconnect` that the venue asks for a new connection.
    """

    answer: str | None = None
    confirmed: bool = False
    refused: tuple[str, ...] = ()
    reconnect: bool = False


def meaning(found: Any) -> Meaning:
    """What a decoded frame of any venue asks for or says about a subscription."""
    if found == "ping":
        return Meaning(answer="pong")
    if not isinstance(found, dict):
        refused = error_in(found) if isinstance(found, list) else None
        return Meaning(refused=(refused,) if refused else ())
    if found.get("op") == "ping" and "ts" in found:
        return Meaning(answer=_text({"op": "pong", "ts": found["ts"]}))
    if "ping" in found:
        return Meaning(answer=_text({"pong": found["ping"]}))
    if found.get("method") == "heartbeat":
        wanted = isinstance(found.get("params"), dict) and found["params"].get("type") == "test_request"
        return Meaning(
            answer=(
                _text({"jsonrpc": "2.0", "id": _TEST, "method": "public/test", "params": {}})
                if wanted
                else None
            )
        )
    if found.get("event") in ("info", "notice"):
        return Meaning(reconnect=str(found.get("code")) in map(str, _RECONNECT))
    if refused := error_in(found) or _alert(found):
        return Meaning(refused=(refused,))
    if _names_a_subscription(found):
        return Meaning(
            confirmed=bool(found.get("result", True)) or found.get("result") is None, refused=_left_out(found)
        )
    return Meaning()


def _names_a_subscription(found: dict[str, Any]) -> bool:
    answered = found.get("id") == _SUBSCRIBE and "result" in found
    return (
        answered
        or found.get("event") in ("subscribe", "subscribed")
        or found.get("op") in ("sub", "subscribe")
        or found.get("type") == "subscribed"
    )


def _left_out(found: dict[str, Any]) -> tuple[str, ...]:
    """Deribit names the channels it took and is silent about those it did not."""
    result = found.get("result")
    if found.get("jsonrpc") is None or not isinstance(result, list):
        return ()
    return tuple(
        f"{channel} is not among the channels it took" for channel in _DERIBIT if channel not in result
    )


def _alert(found: dict[str, Any]) -> str | None:
    return (
        str(found.get("message", "no reason given"))[:200].rstrip(".")
        if found.get("event") in ("error", "alert")
        else None
    )


def _text(found: Any) -> str:
    return json.dumps(found, separators=(",", ":"))


def _binance(venue: str, url: str) -> tuple[Line, ...]:
    streams = [f"{symbol.lower()}@forceOrder" for symbol in VENUES[venue].symbols]
    frame = _text({"method": "SUBSCRIBE", "params": streams, "id": _SUBSCRIBE})
    return (Line(url, "all contracts", (frame,), 1, every=30.0, silence=95.0),)


def _bybit(kind: str, covers: str, symbols: tuple[str, ...]) -> Line:
    # One unknown topic would refuse a whole list.
    frames = tuple(_text({"op": "subscribe", "args": [f"allLiquidation.{symbol}"]}) for symbol in symbols)
    return Line(
        f"wss://stream.bybit.com/v5/public/{kind}", covers, frames, len(frames), _text({"op": "ping"})
    )


def _gate(settle: str, covers: str, symbols: tuple[str, ...]) -> Line:
    body = (
        '{"time":{now},"channel":"futures.public_liquidates","event":"subscribe","payload":'
        + _text(symbols)
        + "}"
    )
    return Line(
        f"wss://fx-ws.gateio.ws/v4/ws/{settle}", covers, (body,), 1, '{"time":{now},"channel":"futures.ping"}'
    )


def _htx(path: str, covers: str, symbols: tuple[str, ...]) -> Line:
    frames = tuple(
        _text({"op": "sub", "cid": symbol, "topic": f"public.{symbol}.liquidation_orders"})
        for symbol in symbols
    )
    # HTX pings every five seconds itself.
    return Line(f"wss://api.hbdm.com/{path}", covers, frames, len(frames), every=30.0, silence=60.0)


# The raw channels need an account, those of 100 ms do not.
_DERIBIT: Final = tuple(f"trades.{symbol}.100ms" for symbol in VENUES["deribit"].symbols)
_LINEAR: Final = "the contracts settled in stablecoins"
_INVERSE: Final = "the contracts settled in BTC"

LINES: Final[dict[str, tuple[Line, ...]]] = {
    "binance": _binance("binance", "wss://fstream.binance.com/market/ws"),
    "binance-coin": _binance("binance-coin", "wss://dstream.binance.com/ws"),
    "bybit": (
        _bybit("linear", _LINEAR, VENUES["bybit"].linear),
        _bybit("inverse", _INVERSE, VENUES["bybit"].inverse),
    ),
    "okx": (
        Line(
            "wss://ws.okx.com/ws/v5/public",
            "all contracts",
            (_text({"op": "subscribe", "args": [{"channel": "liquidation-orders", "instType": "SWAP"}]}),),
            1,
            "ping",
        ),
    ),
    "gate": (_gate("usdt", _LINEAR, VENUES["gate"].linear), _gate("btc", _INVERSE, VENUES["gate"].inverse)),
    "bitget": (
        Line(
            "wss://ws.bitget.com/v3/ws/public",
            "all contracts",
            tuple(
                _text({"op": "subscribe", "args": [{"instType": kind, "topic": "liquidation"}]})
                for kind in ("usdt-futures", "usdc-futures", "coin-futures")
            ),
            3,
            "ping",
        ),
    ),
    "htx": (
        _htx("linear-swap-notification", _LINEAR, VENUES["htx"].linear),
        _htx("swap-notification", _INVERSE, VENUES["htx"].inverse),
    ),
    "bitfinex": (
        Line(
            "wss://api-pub.bitfinex.com/ws/2",
            "all contracts",
            (_text({"event": "subscribe", "channel": "status", "key": "liq:global"}),),
            1,
            _text({"event": "ping", "cid": 1}),
        ),
    ),
    "deribit": (
        Line(
            "wss://www.deribit.com/ws/api/v2",
            "all contracts",
            (
                _text(
                    {
                        "jsonrpc": "2.0",
                        "id": _SUBSCRIBE,
                        "method": "public/subscribe",
                        "params": {"channels": _DERIBIT},
                    }
                ),
                _text(
                    {
                        "jsonrpc": "2.0",
                        "id": _HEARTBEAT,
                        "method": "public/set_heartbeat",
                        "params": {"interval": 30},
                    }
                ),
            ),
            1,
        ),
    ),
    "kraken": (
        Line(
            "wss://futures.kraken.com/ws/v1",
            "all contracts",
            tuple(
                _text({"event": "subscribe", "feed": "trade", "product_ids": [symbol]})
                for symbol in VENUES["kraken"].symbols
            ),
            2,
        ),
    ),
    "dydx": (
        Line(
            "wss://indexer.dydx.trade/v4/ws",
            "all contracts",
            tuple(
                _text({"type": "subscribe", "channel": "v4_trades", "id": symbol})
                for symbol in VENUES["dydx"].symbols
            ),
            1,
        ),
    ),
}
