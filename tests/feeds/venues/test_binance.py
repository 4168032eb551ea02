"""Binance: bars with taker-buy volume, coin-margined contracts, and the filled quantity of an order."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from liqcore.feeds.venues.market import candles, leverage_tiers, open_interest
from tests.loopback import truth
from tests.loopback.truth import (
    END,
    HOUR,
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
    order,
    text,
)


def _usd(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    if path.endswith("/klines"):
        span = SPANS[query["interval"]]
        end = min(int(query.get("endTime", truth.NOW)), truth.NOW) // span * span
        begin = max(
            -(-int(query.get("startTime", 0)) // span) * span, end - (int(query.get("limit", 500)) - 1) * span
        )
        return [
            [
                t,
                "50000.0",
                "50060.0",
                "49940.0",
                "50015.0",
                "12.5",
                t + span - 1,
                "625000",
                40,
                "5.5",
                "275000",
                "0",
            ]
            for t in range(begin, end + 1, span)
        ]
    if path.endswith("/openInterestHist"):
        if int(query["startTime"]) < truth.NOW - 30 * 24 * HOUR:
            raise Refused(400, {"code": -1130, "msg": "parameter 'startTime' is invalid."})
        starts = bars(int(query["startTime"]), int(query["endTime"]), SPANS[query["period"]])
        held = "sumOpenInterestValue" if "pair" in query else "sumOpenInterest"
        other = {"sumOpenInterest": "1", "sumOpenInterestValue": "4500000000"}
        return [
            {**other, held: text(truth.open_interest(one)), "timestamp": one}
            for one in starts[-int(query["limit"]) :]
        ]
    if path.endswith("/fundingRate"):
        return [
            {"symbol": query["symbol"], "fundingTime": one, "fundingRate": "0.0001", "markPrice": "50000"}
            for one in bars(
                int(query.get("startTime", truth.NOW - 40 * HOUR)),
                int(query.get("endTime", truth.NOW)),
                8 * HOUR,
            )[: int(query.get("limit", 100))]
        ]
    raise Refused(404, {"code": -1, "msg": f"no such path {path}"})


def _site(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """The brackets as Binance's own pages read them: every contract at once, in USD or, coin-margined, in
    BTC."""
    coin = "/delivery/" in path
    rows = (
        [(0, 5, 0.004, 0, 125), (5, 10, 0.005, 0.005, 100), (10, 25, 0.01, 0.055, 50)]
        if coin
        else [(0, 300_000, 0.004, 0, 150), (300_000, 800_000, 0.005, 300, 100)]
    )
    held = [
        {
            "bracketSeq": number,
            "bracketNotionalFloor": floor,
            "bracketNotionalCap": cap,
            "bracketMaintenanceMarginRate": rate,
            "cumFastMaintenanceAmount": amount,
            "minOpenPosLeverage": 1,
            "maxOpenPosLeverage": lever,
        }
        for number, (floor, cap, rate, amount, lever) in enumerate(rows, 1)
    ]
    symbols = ("ETHUSD_PERP", "BTCUSD_PERP") if coin else ("ETHUSDT", "BTCUSDT")
    found = [{"symbol": one, "updateTime": truth.NOW, "riskBrackets": held[::-1]} for one in symbols]
    return {"code": "000000", "message": None, "data": {"brackets": found}, "success": True}


def _coin(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    """COIN-M bars count contracts first and BTC second."""
    if path.endswith("/klines"):
        return [
            [t, "50000", "50060", "49940", "50015", "6250", t + HOUR - 1, "12.5", 40, "2750", "5.5", "0"]
            for t in hours(6)
        ]
    return _usd(events, path, query)


def _answer(*symbols: str) -> Callable[[Any], Reply]:
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


def _frames(events: list[Event], symbol: str) -> list[Any]:
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


DIALECT = Dialect(
    rest={"www.binance.com": _site, "fapi.binance.com": _usd, "dapi.binance.com": _coin},
    doors={
        "fstream.binance.com/market/ws": Door(
            "binance", _answer("BTCUSDT", "BTCUSDC"), _frames, 1, lenient=True
        ),
        "dstream.binance.com/ws": Door("binance-coin", _answer("BTCUSD_PERP"), _frames, 1, lenient=True),
    },
    samples={
        "binance": [
            (
                "combined",
                {
                    "stream": "btcusdt@forceOrder",
                    "data": binance("BTCUSDT", "SELL", "1.437", "1.000", "50000"),
                },
                [("long", 1.437, 71_850.0, T * 1000)],
            ),
            (
                "all markets",
                [
                    binance("BTCUSDT", "BUY", "0.5", "0.5", "50000"),
                    binance("ETHUSDT", "BUY", "9", "9", "2000"),
                ],
                [("short", 0.5, 25_000.0, T * 1000)],
            ),
        ],
        "binance-coin": [
            (
                "stream",
                binance("BTCUSD_PERP", "SELL", "30", "10", "50000"),
                [("long", 0.06, 3_000.0, T * 1000)],
            )
        ],
    },
    left_out={
        "binance": [
            (
                [
                    binance("BTCUSDT_261225", "BUY", "1", "1", "50000"),
                    binance("BTCDOMUSDT", "BUY", "1", "1", "5000"),
                    binance("BTCSTUSDT", "BUY", "1", "1", "1"),
                ],
                {"BTCUSDT_261225": 1},
            ),
            ({"e": "aggTrade", "s": "BTCUSDT", "p": "50000", "q": "1", "T": T}, {"stream aggTrade": 1}),
        ],
        "binance-coin": [(binance("BTCUSD_261225", "SELL", "3", "3", "50000"), {"BTCUSD_261225": 1})],
    },
    quiet={"binance": [{"result": None, "id": 1}]},
    recorded={"binance futures": "binance", "binance delivery": "binance-coin"},
)


def test_the_volume_of_coin_margined_bars_is_bitcoin(session):
    found = candles(session, "binance-coin", "1h", START, END).table
    assert found["volume"].tolist() == [12.5] * len(found)
    assert found["taker_buy_volume"].tolist() == [5.5] * len(found)
    assert len(found) >= 5


def test_open_interest_is_not_asked_for_from_before_it_is_told(session, monkeypatch):
    monkeypatch.setattr(truth, "NOW", int(time.time()) * 1000)
    now = np.datetime64(truth.NOW, "ms")
    found = open_interest(session, "binance", now - np.timedelta64(60, "D"), now, "1h")
    assert (found.status.state, found.status.message) == ("live", "")
    assert 29 * 24 <= len(found.table) <= 30 * 24
    assert found.requests == 2


def test_brackets_need_no_key(session):
    usd, coin = (leverage_tiers(session, venue, END) for venue in ("binance", "binance-coin"))
    assert (usd.contract, usd.kind, usd.floors, usd.cap) == ("linear", "marginal", (0, 300_000), 800_000)
    assert usd.amounts.tolist() == pytest.approx([0, 300])
    assert (coin.contract, coin.symbol) == ("inverse", "BTCUSD_PERP")
    assert coin.amounts.tolist() == pytest.approx([0, 0.005, 0.055])
