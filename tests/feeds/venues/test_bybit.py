"""Bybit: the side is the position's, and one unknown topic refuses a whole list."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.loopback import truth
from tests.loopback.truth import SPANS, Dialect, Door, Event, Reply, T, bars, contracts, held, text


def _rest(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    if path.endswith("/risk-limit"):
        found: list[Any] = [
            {
                "id": number,
                "symbol": "BTCUSDT",
                "riskLimitValue": str(2_000_000 * number),
                "maintenanceMargin": str(per_cent * 0.005 * number),
                "initialMargin": str(per_cent * 0.01 * number),
                "isLowestRisk": int(number == 1),
                "maxLeverage": str(100 / number),
                "mmDeduction": ("", "10000")[number - 1],
            }
            # In per cent, as its documents have it; what people record are fractions.
            for number, per_cent in ((1, 100), (2, 100))
        ]
    elif path.endswith("/kline"):
        # Newest first, the newest ones up to the end where there are more than were asked for.
        span = SPANS[query.get("interval", "1")]
        last = min(int(query.get("end", truth.NOW)), truth.NOW) // span * span
        found = [
            [str(last - i * span), "50000", "50060", "49940", "50015", "12.5", "625000"]
            for i in range(int(query.get("limit", 200)))
            if last - i * span >= int(query.get("start", 0))
        ]
    elif path.endswith("/open-interest"):
        first, last = int(query.get("startTime", 0)), int(query.get("endTime", truth.NOW))
        span = SPANS[query.get("intervalTime", "5min")]
        starts = bars(max(first, last - 200 * span), last, span)
        found = [
            {"openInterest": text(truth.open_interest(one)), "timestamp": str(one)}
            for one in starts[::-1][: min(int(query.get("limit", 50)), 200)]
        ]
    else:
        found = [
            {
                "symbol": "BTCUSDT",
                "fundingRate": "0.0001",
                "fundingRateTimestamp": str(truth.NOW // 28_800_000 * 28_800_000 - i * 28_800_000),
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
        "time": truth.NOW,
    }


def _answer(*symbols: str) -> Callable[[Any], Reply]:
    def answer(found: Any) -> Reply:
        if found.get("op") == "ping":
            return Reply(({"success": True, "ret_msg": "pong", "conn_id": "c", "req_id": "", "op": "ping"},))
        unknown = [
            topic
            for topic in found.get("args", ["none"])
            if topic not in ["tickers.BTCUSDT", *(f"allLiquidation.{symbol}" for symbol in symbols)]
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
            tuple(topic.split(".")[1] for topic in found["args"] if topic.startswith("all")),
        )

    return answer


def _frames(events: list[Event], symbol: str) -> list[Any]:
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


DIALECT = Dialect(
    rest={"api.bybit.com": _rest},
    doors={
        "stream.bybit.com/v5/public/linear": Door("bybit", _answer("BTCUSDT", "BTCPERP"), _frames, 3),
        "stream.bybit.com/v5/public/inverse": Door("bybit", _answer("BTCUSD"), _frames, 3),
    },
    samples={
        "bybit": [
            (
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
                "inverse",
                {
                    "topic": "allLiquidation.BTCUSD",
                    "data": [{"T": T, "s": "BTCUSD", "S": "Buy", "v": "5000", "p": "50000"}],
                },
                [("long", 0.1, 5_000.0, T * 1000)],
            ),
        ]
    },
    left_out={
        "bybit": [
            (
                {
                    "topic": "liquidation.BTCUSDT",
                    "type": "snapshot",
                    "ts": T,
                    "data": {
                        "updatedTime": T,
                        "symbol": "BTCUSDT",
                        "side": "Sell",
                        "size": "0.1",
                        "price": "50000",
                    },
                },
                {"topic liquidation.BTCUSDT": 1},
            ),
            (
                {
                    "topic": "allLiquidation.BTC-25DEC26",
                    "data": [{"T": T, "s": "BTC-25DEC26", "S": "Buy", "v": "0.1", "p": "50000"}],
                },
                {"BTC-25DEC26": 1},
            ),
        ]
    },
    quiet={"bybit": [{"success": True, "ret_msg": "", "op": "subscribe"}]},
    refused={"bybit": [({"retCode": 10001, "retMsg": "params error", "result": {}}, "params error")]},
    recorded={"bybit": "bybit"},
)
