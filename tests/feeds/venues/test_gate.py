"""Gate: the sign of a size is the position's, times are whole seconds in history."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from liqcore.feeds.venues.market import candles, funding, leverage_tiers
from tests.loopback import truth
from tests.loopback.truth import (
    END,
    SPANS,
    START,
    Dialect,
    Door,
    Event,
    Refused,
    Reply,
    T,
    bars,
    contracts,
    hours,
    text,
)


def _liquidations(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
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


def _rest(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
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
        span = SPANS[query["interval"]]
        first = int(query["from"]) * 1000
        return [
            {
                "time": one // 1000,
                "open_interest": text(truth.open_interest(one) / 0.0001),
                **{
                    f"{side}_liq_usd": sum(
                        event.quantity * event.price
                        for event in events
                        if event.side == side and one <= event.time < one + span
                    )
                    for side in ("long", "short")
                },
            }
            for one in bars(first, first + (int(query["limit"]) - 1) * span, span)
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
                "deduction": deduction,
            }
            for number, (rate, lever, limit, deduction) in enumerate(
                (("0.004", "125", "1000000", "0"), ("0.005", "100", "2000000", "1000")), start=1
            )
        ]
    return _liquidations(events, path, query)


def _answer(*symbols: str) -> Callable[[Any], Reply]:
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


def _frames(events: list[Event], symbol: str) -> list[Any]:
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


DIALECT = Dialect(
    rest={"api.gateio.ws": _rest},
    doors={
        "fx-ws.gateio.ws/v4/ws/usdt": Door("gate", _answer("BTC_USDT"), _frames, 20),
        "fx-ws.gateio.ws/v4/ws/btc": Door("gate", _answer("BTC_USD"), _frames, 20),
    },
    samples={
        "gate": [
            (
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
                "socket",
                {
                    "channel": "futures.public_liquidates",
                    "event": "update",
                    "time_ms": T,
                    "result": [
                        {
                            "price": "50000",
                            "size": "-200",
                            "time": T // 1000,
                            "time_ms": T,
                            "contract": "BTC_USDT",
                        }
                    ],
                },
                [("short", 0.02, 1_000.0, T * 1000)],
            ),
        ]
    },
    quiet={
        "gate": [
            {
                "channel": "futures.public_liquidates",
                "event": "subscribe",
                "error": None,
                "result": {"status": "success"},
            },
            [],
        ]
    },
    left_out={
        "gate": [
            (
                {
                    "channel": "futures.trades",
                    "event": "update",
                    "result": [{"contract": "BTC_USDT", "size": 1}],
                },
                {"channel futures.trades": 1},
            )
        ]
    },
    refused={"gate": [({"label": "INVALID_PARAM_VALUE", "message": "invalid from"}, "invalid from")]},
)


def test_gate_is_asked_at_the_address_it_has_and_its_contracts_become_bitcoin(session):
    found = candles(session, "gate", "1h", START, END)
    assert (found.status.state, found.status.message) == ("live", "")
    assert found.table["volume"].tolist() == [pytest.approx(12.5)] * len(found.table)
    assert len(found.table) >= 5
    paid = funding(session, "gate", END - np.timedelta64(2, "D"), END)
    assert paid.table["rate"].tolist() == [0.0001] * 3
    assert set(paid.table["interval_hours"]) == {8.0}
    tiers = leverage_tiers(session, "gate", END)
    assert tiers.floors == (0.0, 1e6)
    assert tiers.rates == (0.004, 0.005)
    assert tiers.cap == 2e6
    assert tiers.kind == "marginal"
