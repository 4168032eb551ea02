"""Bitget: one socket for all contracts, three days of history; counts BTC everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from liqcore.feeds.venues import kit
from liqcore.feeds.venues.rows import (
    Found,
    LeftOut,
    LiquidationRow,
    micros,
    number,
    other_contract,
    other_topic,
    position,
    read_all,
    row,
)
from liqcore.feeds.venues.series import brackets, candles, funding
from liqcore.feeds.venues.venue import ALL_CONTRACTS, History, Line, Meaning, Message, Pages, Venue

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

_TOPIC: Final = "liquidation"
_MOST_BITCOIN: Final = 1_000.0
_GROUPS: Final = (("USDT-FUTURES", "BTCUSDT"), ("USDC-FUTURES", "BTCPERP"), ("COIN-FUTURES", "BTCUSD"))


def _parse(venue: Venue, message: Message) -> list[Found]:
    """`v3/market/liquidations` and the `liquidation` topic; the side is the position's, the amount in BTC."""
    found = message.data
    if not isinstance(found, dict) or "event" in found:
        return []
    if "arg" in found:
        topic = found["arg"].get("topic") if isinstance(found["arg"], dict) else None
        known = topic == _TOPIC
        return read_all(venue, found.get("data"), _entry) if known else other_topic("topic", topic)
    told = found.get("data")
    return read_all(venue, told.get("list") if isinstance(told, dict) else told, _entry)


def _entry(venue: Venue, entry: Any) -> LiquidationRow | LeftOut | None:
    if entry["symbol"] not in venue.symbols:
        return other_contract(entry["symbol"])
    amount = number(entry["amount"], "the amount")
    if amount > _MOST_BITCOIN:
        raise ValueError(f"the amount {amount:g} is too large for BTC")
    price = number(entry["price"], "the price")
    # BTC on its inverse contracts too, where `row` expects USD.
    size = amount * price if entry["symbol"] in venue.inverse else amount
    return row(venue, entry["symbol"], micros(entry["ts"]), position(entry["side"], order=False), price, size)


def _refusal(found: Any) -> str | None:
    return kit.coded(found, "code", "msg", ("00000", "0"))


def _meaning(found: Any) -> Meaning:
    confirmed = isinstance(found, dict) and found.get("event") == "subscribe"
    return kit.answered(_refusal(found), confirmed)


def _pages(session: FeedSession, venue: Venue, first: int, last: int) -> Pages:
    pages = 0
    for category, symbol in _GROUPS:
        query: dict[str, Any] = {"category": category, "symbol": symbol, "limit": 100}
        while True:
            pages += 1
            if pages > kit.MOST_PAGES:
                raise kit.too_long(venue)
            answer = session.fetch("https://api.bitget.com/api/v3/market/liquidations", query)
            yield answer, None
            found = answer.data["data"]
            rows, mark = found["list"], found.get("cursor")
            ended = not rows or not mark or mark == query.get("cursor")
            if ended or min(int(one["ts"]) for one in rows) < first:
                break
            query = {**query, "cursor": mark}


VENUES: Final = (
    Venue(
        id="bitget",
        name="Bitget",
        ccxt="bitget",
        hosts=("bitget",),
        side="position",
        price_kind="bankruptcy",
        completeness="unknown",
        completeness_words="Bitget does not say whether every liquidation is published.",
        linear=("BTCUSDT", "BTCPERP"),
        inverse=("BTCUSD",),
        reference=5,
        parse=_parse,
        refusal=_refusal,
        lines=(
            Line(
                "wss://ws.bitget.com/v3/ws/public",
                ALL_CONTRACTS,
                tuple(
                    kit.text({"op": "subscribe", "args": [{"instType": group.lower(), "topic": _TOPIC}]})
                    for group, _ in _GROUPS
                ),
                3,
                "ping",
            ),
        ),
        meaning=_meaning,
        history=History(_pages, "the last 3 days"),
        candles=candles(200),
        funding=funding(),
        tiers=brackets(),
    ),
)
