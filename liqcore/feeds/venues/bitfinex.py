"""Bitfinex: triggers and executions of all coins in one stream; only executions count."""

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
    read_all,
    row,
)
from liqcore.feeds.venues.series import candles, funding
from liqcore.feeds.venues.venue import ALL_CONTRACTS, History, Line, Meaning, Message, Pages, Venue

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

# Sent before a restart and after a maintenance.
_RECONNECT: Final = ("20051", "20061")


def _parse(venue: Venue, message: Message) -> list[Found]:
    """`liquidations/hist` and `liq:global`: rows that start with `pos`, however they are nested."""
    return read_all(venue, _positions(message.data), _entry)


def _positions(found: Any, depth: int = 4) -> list[Any]:
    if not isinstance(found, list) or depth == 0:
        return []
    if found and found[0] == "pos":
        return [found]
    return [one for part in found for one in _positions(part, depth - 1)]


def _entry(venue: Venue, entry: Any) -> LiquidationRow | LeftOut | None:
    # A trigger comes first and its executions follow; counting both would double.
    if entry[8] != 1:
        return None
    if entry[4] not in venue.symbols:
        return other_contract(entry[4])
    amount = number(entry[5], "the amount")
    side = "long" if amount > 0 else "short"
    return row(venue, entry[4], micros(entry[2]), side, number(entry[11], "the price"), abs(amount))


def _refusal(found: Any) -> str | None:
    if isinstance(found, list):
        refused = len(found) >= 3 and found[0] == "error"
        return f"{found[2]} (code {found[1]})" if refused else None
    return kit.coded(found, "code", "msg") if found.get("event") == "error" else None


def _meaning(found: Any) -> Meaning:
    event = found.get("event") if isinstance(found, dict) else None
    if event == "info":
        return Meaning(reconnect=str(found.get("code")) in _RECONNECT)
    return kit.answered(_refusal(found) if isinstance(found, (dict, list)) else None, event == "subscribed")


def _pages(session: FeedSession, venue: Venue, first: int, last: int) -> Pages:
    # Three requests a minute are allowed, so a second page would cost the visitor 20 seconds.
    query = {"start": first, "end": last, "limit": 500, "sort": -1}
    yield kit.listed(session.fetch("https://api-pub.bitfinex.com/v2/liquidations/hist", query)), None


VENUES: Final = (
    Venue(
        id="bitfinex",
        name="Bitfinex",
        ccxt="bitfinex",
        hosts=("bitfinex",),
        side="position",
        price_kind="fill",
        completeness="all",
        completeness_words=(
            "Bitfinex publishes every liquidation; its trigger rows are left out, only executions count."
        ),
        linear=("tBTCF0:USTF0",),
        slow=(("api-pub.bitfinex.com/v2/liquidations", 3, 60.0),),
        parse=_parse,
        refusal=_refusal,
        lines=(
            Line(
                "wss://api-pub.bitfinex.com/ws/2",
                ALL_CONTRACTS,
                (kit.text({"event": "subscribe", "channel": "status", "key": "liq:global"}),),
                1,
                kit.text({"event": "ping", "cid": 1}),
            ),
        ),
        meaning=_meaning,
        history=History(_pages, "the last 500 rows of all coins", short=True),
        candles=candles(10_000),
        funding=funding(),
    ),
)
