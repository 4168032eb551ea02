"""Kraken Futures: marks liquidation trades, of which a few hundred are told again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

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
from liqcore.feeds.venues.series import candles, funding
from liqcore.feeds.venues.venue import ALL_CONTRACTS, History, Line, Meaning, Message, Pages, Tick, Venue

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

_LINEAR: Final = ("PF_XBTUSD",)
_INVERSE: Final = ("PI_XBTUSD",)
_QUIET: Final = ("trade", "heartbeat", None)


def _parse(venue: Venue, message: Message) -> list[Found]:
    """Trades of the socket, its snapshot, and `history`, which does not name its contract."""
    found = message.data
    if not isinstance(found, dict) or "event" in found:
        # The confirmation of a subscription carries the feed's name too.
        return []
    if "history" in found:
        asked = message.symbol or venue.symbols[0]
        named = [
            {"product_id": asked, **trade} if isinstance(trade, dict) else trade
            for trade in kit.as_list(found["history"])
        ]
        return read_all(venue, named, _trade)
    if found.get("feed") == "trade_snapshot":
        return read_all(venue, found.get("trades"), _trade)
    if found.get("feed") == "trade":
        return read_all(venue, [found], _trade)
    return [] if found.get("feed") in _QUIET else other_topic("feed", found["feed"])


def _trade(venue: Venue, trade: Any) -> LiquidationRow | LeftOut | None:
    if trade.get("type") != "liquidation":
        return None
    symbol = trade["product_id"]
    if symbol not in venue.symbols:
        return other_contract(symbol)
    amount = number(trade["qty"] if "qty" in trade else trade["size"], "the quantity")
    side, price = position(trade["side"], order=True), number(trade["price"], "the price")
    return row(venue, symbol, micros(trade["time"]), side, price, amount)


def _refusal(found: Any) -> str | None:
    if not isinstance(found, dict):
        return None
    if found.get("event") in ("error", "alert") or found.get("result") == "error":
        return kit.told(found, "message", "error")
    problems = found.get("errors")
    return kit.told(problems[0], "message") if isinstance(problems, list) and problems else kit.about(found)


def _tick(found: Any) -> Tick | None:
    """The price of a trade, which the feed tells of anyway."""
    if not isinstance(found, dict) or found.get("feed") != "trade" or found.get("product_id") != _LINEAR[0]:
        return None
    return kit.tick(found.get("price"), found.get("time"))


def _meaning(found: Any) -> Meaning:
    confirmed = isinstance(found, dict) and found.get("event") == "subscribed"
    return kit.answered(_refusal(found), confirmed)


def _pages(session: FeedSession, venue: Venue, first: int, last: int) -> Pages:
    begin = pd.Timestamp(first, unit="ms", tz="UTC")
    for symbol in venue.symbols:
        upper: pd.Timestamp = pd.Timestamp(last, unit="ms", tz="UTC")
        for _ in range(5):
            query = {"symbol": symbol, "lastTime": upper.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
            answer = session.fetch("https://futures.kraken.com/derivatives/api/v3/history", query)
            yield answer, symbol
            told = [one["time"] for one in answer.data["history"]]
            times = pd.to_datetime(told, utc=True, format="ISO8601")
            if len(times) < 100 or times.min() >= upper or times.min() < begin:
                break
            upper = times.min()


VENUES: Final = (
    Venue(
        id="kraken",
        name="Kraken Futures",
        ccxt="krakenfutures",
        hosts=("kraken",),
        side="flag",
        price_kind="fill",
        completeness="all",
        completeness_words="Kraken marks liquidation trades; history reaches back 100 trades a request.",
        linear=_LINEAR,
        inverse=_INVERSE,
        unified="BTC/USD:USD",
        aliases=("cryptofacilities",),
        reference=6,
        parse=_parse,
        refusal=_refusal,
        lines=(
            Line(
                "wss://futures.kraken.com/ws/v1",
                ALL_CONTRACTS,
                tuple(
                    kit.text({"event": "subscribe", "feed": "trade", "product_ids": [symbol]})
                    for symbol in _LINEAR + _INVERSE
                ),
                2,
            ),
        ),
        meaning=_meaning,
        tick=_tick,
        history=History(_pages, "the last few hundred trades", short=True),
        candles=candles(1000),
        funding=funding(100, every=1),
    ),
)
