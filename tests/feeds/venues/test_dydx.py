"""dYdX: liquidations among ordinary trades; the confirmation is a snapshot."""

from collections.abc import Mapping
from typing import Any

from tests.loopback import truth
from tests.loopback.truth import (
    SPANS,
    Dialect,
    Door,
    Event,
    Reply,
    T,
    bar,
    bars,
    iso,
    order,
    since,
    text,
    texts,
)


def _liquidations(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
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


def _rest(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """dYdX answers the newest bars of the span first and no more than a thousand."""
    if "/candles/" not in path:
        return _liquidations(events, path, query)
    last = since(query["toIso"]) - 1 if "toIso" in query else truth.NOW
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
                    zip(("open", "high", "low", "close", "baseTokenVolume"), texts(*bar(one)), strict=True)
                ),
            }
            for one in starts
        ]
    }


def _answer(found: Any) -> Reply:
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


def _frames(events: list[Event], symbol: str) -> list[Any]:
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


def _snapshot(events: list[Event], symbol: str) -> Any:
    return {
        "type": "subscribed",
        "connection_id": "x",
        "message_id": 1,
        "channel": "v4_trades",
        "id": symbol,
        "contents": {"trades": _dydx_trades(events[-100:], ("LIQUIDATED",))[::-1]},
    }


DIALECT = Dialect(
    rest={"indexer.dydx.trade": _rest},
    doors={
        "indexer.dydx.trade/v4/ws": Door(
            "dydx",
            _answer,
            _frames,
            5,
            greeting=({"type": "connected", "connection_id": "x", "message_id": 0},),
            ping=b"dydx",
            snapshot=_snapshot,
        )
    },
    samples={
        "dydx": [
            (
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
            )
        ]
    },
    quiet={"dydx": [{"type": "connected", "connection_id": "x"}]},
    day={"dydx": 2},
    recorded={"dydx-v4": "dydx"},
)
