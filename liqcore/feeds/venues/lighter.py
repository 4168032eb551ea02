"""Lighter: a list of liquidations beside the trades of its socket; nothing of them by REST."""

from __future__ import annotations

from typing import Any, Final

from liqcore.feeds.venues import kit
from liqcore.feeds.venues.rows import (
    Found,
    LiquidationRow,
    micros,
    number,
    other_topic,
    position,
    read_all,
    row,
)
from liqcore.feeds.venues.venue import ALL_CONTRACTS, Line, Meaning, Message, Venue

_SYMBOL: Final = "BTC"
# It numbers its markets, and puts a colon where the subscription has a slash.
_MARKET: Final = 1
_CHANNEL: Final = f"trade:{_MARKET}"


def _parse(venue: Venue, message: Message) -> list[Found]:
    """`liquidation_trades` of `trade:1`; its ordinary `trades` are left alone."""
    found = message.data
    if not isinstance(found, dict) or "channel" not in found:
        return []
    if found["channel"] != _CHANNEL:
        return other_topic("channel", found["channel"])
    # Null where there is none.
    return read_all(venue, found.get("liquidation_trades") or [], _trade)


def _trade(venue: Venue, trade: Any) -> LiquidationRow | None:
    if trade["market_id"] != _MARKET:
        return None
    if not isinstance(trade["is_maker_ask"], bool):
        raise ValueError(f"is_maker_ask is {trade['is_maker_ask']!r}, neither true nor false")
    side = position("buy" if trade["is_maker_ask"] else "sell", order=True)
    # The taker is who was closed, so the sign of what it held must agree.
    held = number(trade["taker_position_size_before"], "the position before")
    if held == 0 or (held > 0) != (side == "long"):
        raise ValueError(f"the taker held {held:g} before, which is no {side} position")
    price, size = number(trade["price"], "the price"), number(trade["size"], "the size")
    return row(venue, _SYMBOL, micros(trade["timestamp"]), side, price, size)


def _refusal(found: Any) -> str | None:
    return kit.about(found, "message")


def _meaning(found: Any) -> Meaning:
    told = found.get("type") if isinstance(found, dict) else None
    if told == "ping":
        return Meaning(answer=kit.text({"type": "pong"}))
    return kit.answered(_refusal(found), told == "subscribed/trade")


VENUES: Final = (
    Venue(
        id="lighter",
        name="Lighter",
        ccxt="lighter",
        hosts=("zklighter",),
        side="flag",
        price_kind="fill",
        completeness="all",
        completeness_words="Lighter lists liquidations beside its trades; all trades are public.",
        linear=(_SYMBOL,),
        parse=_parse,
        refusal=_refusal,
        lines=(
            Line(
                "wss://mainnet.zklighter.elliot.ai/stream?readonly=true",
                ALL_CONTRACTS,
                (kit.text({"type": "subscribe", "channel": f"trade/{_MARKET}"}),),
                1,
            ),
        ),
        meaning=_meaning,
    ),
)
