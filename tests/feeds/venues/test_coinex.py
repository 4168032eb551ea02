"""CoinEx: positions in words, in pages whose order nobody documents."""

from collections.abc import Mapping
from typing import Any

import pytest

from liqcore.feeds import FeedError, parse_liquidations
from liqcore.feeds.venues.history import liquidation_history
from liqcore.feeds.venues.market import candles
from tests.loopback.truth import END, START, Dialect, Event, T, made_events, rows, rows_of


def _row(side: str, price: str, amount: str, moment: int, market: str = "BTCUSDT") -> dict[str, Any]:
    told = {"market": market, "side": side, "liq_price": "1", "liq_amount": amount}
    return {**told, "bkr_price": price, "created_at": moment}


def _page(found: list[dict[str, Any]], more: bool = False) -> dict[str, Any]:
    return {"code": 0, "data": found, "pagination": {"has_next": more}, "message": "OK"}


def _rest(events: list[Event], path: str, query: Mapping[str, str]) -> Any:
    if path != "v2/futures/liquidation-history" or query["market"] != "BTCUSDT":
        return {"code": 3639, "data": {}, "message": "Invalid Parameter"}
    inside = [one for one in events if int(query["start_time"]) <= one.time <= int(query["end_time"])]
    done, full = (int(query["page"]) - 1) * int(query["limit"]), int(query["limit"])
    found = [
        _row(one.side, str(one.price), str(one.quantity), one.time) for one in inside[done : done + full]
    ]
    return _page(found, done + full < len(inside))


DIALECT = Dialect(
    rest={"api.coinex.com": _rest},
    samples={
        "coinex": [
            (
                "both sides",
                _page([_row("long", "50000", "0.4", T), _row("short", "50000", "0.1", T, " BTCUSDT")]),
                [("long", 0.4, 20_000.0, T * 1000), ("short", 0.1, 5_000.0, T * 1000)],
            )
        ]
    },
    quiet={"coinex": [_page([]), _page([_row("long", "2000", "3", T, "ETHUSDT")])]},
    left_out={"coinex": [(_page([_row("long", "50000", "700", T, "BTCUSD")]), {"BTCUSD": 1})]},
    refused={"coinex": [({"code": 3639, "data": {}, "message": "Invalid Parameter"}, "Invalid Parameter")]},
)


def test_a_span_of_several_pages_comes_whole(session):
    found = liquidation_history(session, "CoinEx", START, END)
    assert rows(found.table) == rows_of(made_events())
    assert (found.status.state, found.requests) == ("live", 3)


def test_an_order_s_side_is_no_position():
    with pytest.raises(FeedError, match="neither long nor short"):
        parse_liquidations("coinex", _page([_row("sell", "50000", "0.4", T)]), arrived=T * 1000)


def test_it_has_no_candles_here(session):
    with pytest.raises(FeedError, match="Heatlab reads no candles of CoinEx"):
        candles(session, "coinex", "1m", START, END)
