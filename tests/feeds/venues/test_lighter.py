"""Lighter: liquidations beside ordinary trades, by the number of a market, with what the taker held
before."""

from typing import Any

import pytest

from liqcore.feeds import FeedError, parse_liquidations
from tests.loopback.truth import Dialect, Door, Event, Reply, T, text


def _trade(side: str, price: str, size: str, moment: int, kind: str = "liquidation", market: int = 1) -> Any:
    short = side == "short"
    return {
        "trade_id": moment % 10**9,
        "type": kind,
        "market_id": market,
        "size": size,
        "price": price,
        "is_maker_ask": short,
        "timestamp": moment,
        "taker_position_size_before": f"{'-' if short else ''}{size}",
        "maker_position_size_before": "7.5",
    }


def _told(*liquidations: Any, kind: str = "update", market: int = 1) -> dict[str, Any]:
    other = [_trade("long", "50000", "9", T, "trade", market)]
    found = {"liquidation_trades": list(liquidations) or None, "trades": other}
    return {"channel": f"trade:{market}", "type": f"{kind}/trade", **found}


def _answer(found: Any) -> Reply:
    if found.get("type") == "pong":
        return Reply(pong=True)
    if found != {"type": "subscribe", "channel": "trade/1"}:
        return Reply(({"error": {"code": 30005, "message": f"Invalid Channel: ({found.get('channel')})"}},))
    return Reply((_told(kind="subscribed"),), ("BTC",))


def _frames(events: list[Event], symbol: str) -> list[Any]:
    return [_told(*(_trade(one.side, text(one.price), text(one.quantity), one.time) for one in events))]


DIALECT = Dialect(
    doors={
        "mainnet.zklighter.elliot.ai/stream": Door(
            "lighter", _answer, _frames, 5, greeting=({"type": "connected"},), ping={"type": "ping"}
        )
    },
    samples={
        "lighter": [
            (
                "both sides",
                _told(_trade("long", "50000", "0.4", T), _trade("short", "50000", "0.1", T)),
                [("long", 0.4, 20_000.0, T * 1000), ("short", 0.1, 5_000.0, T * 1000)],
            )
        ]
    },
    quiet={"lighter": [{"type": "connected"}, {"type": "ping"}, _told(), _told(kind="subscribed")]},
    left_out={
        "lighter": [(_told(_trade("long", "2000", "1", T, market=0), market=0), {"channel trade:0": 1})]
    },
    refused={"lighter": [({"error": {"code": 30005, "message": "Invalid Channel"}}, "Invalid Channel")]},
)


@pytest.mark.parametrize("held", ["-0.4", "0.0"])
def test_a_side_that_the_taker_s_position_denies_is_not_read(held):
    trade = {**_trade("long", "50000", "0.4", T), "taker_position_size_before": held}
    with pytest.raises(FeedError, match="is no long position") as caught:
        parse_liquidations("lighter", _told(trade, _trade("short", "50000", "0.1", T)), arrived=T * 1000)
    assert [row.side for row in caught.value.rows] == ["short"]
