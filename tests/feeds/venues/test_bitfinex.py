"""Bitfinex: triggers and executions of all coins; only an execution counts."""

from collections.abc import Mapping
from typing import Any

from tests.loopback import truth
from tests.loopback.truth import SPANS, Dialect, Door, Event, Refused, Reply, T, bar, bars


def _liquidations(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
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


def _rest(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """Bitfinex puts the close before the high and the low."""
    if "/candles/" not in path:
        return _liquidations(events, path, query)
    _, span, symbol = path.split("/")[-2].split(":", 2)
    if symbol != "tBTCF0:USTF0":
        raise Refused(500, ["error", 10020, "symbol: invalid"])
    starts = bars(int(query["start"]), truth.NOW, SPANS[span])[: int(query["limit"])]
    return [[one, o, c, h, low, v] for one in starts for o, h, low, c, v in (bar(one),)]


def _answer(found: Any) -> Reply:
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


def _frames(events: list[Event], symbol: str) -> list[Any]:
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


def pos(amount: float, match: int, price: float | None, symbol: str = "tBTCF0:USTF0") -> list[Any]:
    return ["pos", 171, T, None, symbol, amount, 50_500.0, None, match, match, None, price]


DIALECT = Dialect(
    rest={"api-pub.bitfinex.com": _rest},
    doors={
        "api-pub.bitfinex.com/ws/2": Door(
            "bitfinex",
            _answer,
            _frames,
            3,
            greeting=({"event": "info", "version": 2, "serverId": "s", "platform": {"status": 1}},),
        )
    },
    samples={
        "bitfinex": [
            (
                "history: trigger, execution, other coin",
                [[pos(0.4, 0, None)], [pos(0.4, 1, 50_000.0)], [pos(9.0, 1, 2_000.0, "tETHF0:USTF0")]],
                [("long", 0.4, 20_000.0, T * 1000)],
            ),
            (
                "socket",
                [907, [pos(-0.1, 1, 50_000.0)], 7, T, "liquidations", "global"],
                [("short", 0.1, 5_000.0, T * 1000)],
            ),
        ]
    },
    quiet={"bitfinex": [[907, "hb"], {"event": "subscribed", "channel": "status", "key": "liq:global"}]},
    refused={"bitfinex": [(["error", 10020, "limit: invalid"], "limit: invalid")]},
    day={"bitfinex": 1},
    recorded={"bitfinex": "bitfinex"},
)
