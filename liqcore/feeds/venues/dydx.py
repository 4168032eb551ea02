"""dYdX: marks liquidation trades; the indexer tells the last thousand trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from liqcore.feeds.venues import kit
from liqcore.feeds.venues.rows import (
    Found,
    LiquidationRow,
    micros,
    number,
    other_contract,
    other_topic,
    position,
    read_all,
    row,
)
from liqcore.feeds.venues.series import candles, funding
from liqcore.feeds.venues.venue import ALL_CONTRACTS, History, Line, Meaning, Message, Pages, Venue

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

_MARKET: Final = "BTC-USD"
_CHANNEL: Final = "v4_trades"


def _parse(venue: Venue, message: Message) -> list[Found]:
    """Trades of the indexer; rows do not name their market, the message does."""
    found = message.data
    if not isinstance(found, dict):
        return []
    if "channel" not in found:
        return read_all(venue, found["trades"], _trade) if "trades" in found else []
    contents = found.get("contents")
    if contents is None:
        return []
    if found["channel"] != _CHANNEL:
        return other_topic("channel", found["channel"])
    if found.get("id") not in venue.symbols:
        other = other_contract(found.get("id"))
        return [] if other is None else [other]
    batches = [one.get("trades") if isinstance(one, dict) else one for one in kit.as_list(contents)]
    return read_all(venue, [one for batch in batches for one in kit.as_list(batch)], _trade)


def _trade(venue: Venue, trade: Any) -> LiquidationRow | None:
    if trade.get("type") != "LIQUIDATED":
        return None
    side, price = position(trade["side"], order=True), number(trade["price"], "the price")
    return row(venue, _MARKET, micros(trade["createdAt"]), side, price, number(trade["size"], "the size"))


def _refusal(found: Any) -> str | None:
    if not isinstance(found, dict):
        return None
    if found.get("type") == "error":
        return kit.told(found, "message")
    problems = found.get("errors")
    return kit.told(problems[0], "msg") if isinstance(problems, list) and problems else None


def _meaning(found: Any) -> Meaning:
    confirmed = isinstance(found, dict) and found.get("type") == "subscribed"
    return kit.answered(_refusal(found), confirmed)


def _pages(session: FeedSession, venue: Venue, first: int, last: int) -> Pages:
    upper = pd.Timestamp(last, unit="ms", tz="UTC").strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    url = f"https://indexer.dydx.trade/v4/trades/perpetualMarket/{_MARKET}"
    yield kit.listed(session.fetch(url, {"limit": 1000, "createdBeforeOrAt": upper}), "trades"), None


VENUES: Final = (
    Venue(
        id="dydx",
        name="dYdX",
        ccxt="dydx",
        hosts=("dydx",),
        side="flag",
        price_kind="fill",
        completeness="all",
        completeness_words="dYdX marks liquidation trades; all trades are public.",
        linear=(_MARKET,),
        unified="BTC/USD:USD",
        aliases=("dydx-v4",),
        parse=_parse,
        refusal=_refusal,
        lines=(
            Line(
                "wss://indexer.dydx.trade/v4/ws",
                ALL_CONTRACTS,
                (kit.text({"type": "subscribe", "channel": _CHANNEL, "id": _MARKET}),),
                1,
            ),
        ),
        meaning=_meaning,
        history=History(_pages, "the last thousand trades", short=True),
        # It answers the newest bars where no end is asked for.
        candles=candles(1000, until=True),
        funding=funding(100, every=1),
    ),
)
