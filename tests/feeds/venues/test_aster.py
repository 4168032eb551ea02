"""Aster: Binance's shape at addresses of its own."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from liqcore.feeds.venues.market import funding
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
    order,
    text,
    texts,
)


def _rest(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """Bars and funding only."""
    if query.get("symbol") != "BTCUSDT":
        raise Refused(400, {"code": -1121, "msg": "Invalid symbol."})
    if path.endswith("klines"):
        span = SPANS[query["interval"]]
        starts = bars(int(query["startTime"]), int(query.get("endTime", truth.NOW)), span)
        return [
            [one, *texts(o, h, low, c, v), one + span - 1, text(v * c), 40, text(v / 2), text(v * c / 2), "0"]
            for one in starts[: int(query["limit"])]
            for o, h, low, c, v in (bar(one),)
        ]
    if path.endswith("fundingRate"):
        paid = [one for one in truth.hours(96)[::8] if one >= int(query["startTime"])]
        return [{"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingTime": one} for one in paid]
    raise Refused(404, {"code": -1, "msg": f"no such path {path}"})


def _answer(found: Any) -> Reply:
    if found.get("method") != "SUBSCRIBE":
        return Reply(({"error": {"code": 2, "msg": "Invalid request: unknown method"}},))
    asked = ("BTCUSDT",) if "btcusdt@forceOrder" in found["params"] else ()
    return Reply(({"result": None, "id": found["id"]},), asked)


def _order(side: str, price: str, filled: str, moment: int, symbol: str = "BTCUSDT") -> dict[str, Any]:
    told = {"s": symbol, "S": side, "o": "LIMIT", "f": "IOC", "q": filled, "p": "1", "ap": price}
    return {
        "e": "forceOrder",
        "E": moment + 5,
        "o": {**told, "X": "FILLED", "l": "0.001", "z": filled, "T": moment},
    }


def _frames(events: list[Event], symbol: str) -> list[Any]:
    return [_order(order(one).upper(), text(one.price), text(one.quantity), one.time) for one in events]


DIALECT = Dialect(
    rest={"fapi.asterdex.com": _rest},
    doors={"fstream.asterdex.com/ws": Door("aster", _answer, _frames, 1, lenient=True)},
    samples={
        "aster": [
            ("a long", _order("SELL", "50000", "0.3", T), [("long", 0.3, 15_000.0, T * 1000)]),
            ("a short", _order("BUY", "50000", "0.1", T), [("short", 0.1, 5_000.0, T * 1000)]),
        ]
    },
    quiet={"aster": [{"result": None, "id": 1}, _order("BUY", "2000", "1", T, "ETHUSDT")]},
    left_out={"aster": [(_order("BUY", "50000", "1", T, "BTCUSD1"), {"BTCUSD1": 1})]},
    refused={"aster": [({"code": -1121, "msg": "Invalid symbol."}, "Invalid symbol")]},
    day={"aster": 1},
)


def test_funding_is_paid_every_eight_hours(session):
    paid = funding(session, "aster", END - np.timedelta64(2, "D"), END)
    assert (paid.status.state, paid.status.message) == ("live", "")
    assert paid.table["rate"].tolist() == [0.0001] * 6
    assert set(paid.table["interval_hours"]) == {8.0}
