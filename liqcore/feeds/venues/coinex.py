"""CoinEx: liquidations by REST only, months back; ccxt does not know it, so neither candles nor funding."""

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
from liqcore.feeds.venues.venue import History, Message, Pages, Venue

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

_MARKET: Final = "BTCUSDT"
_FULL: Final = 100


def _parse(venue: Venue, message: Message) -> list[Found]:
    """`futures/liquidation-history`; the side is the position's, in words, and the amount in BTC."""
    found = message.data
    return read_all(venue, found.get("data"), _entry) if isinstance(found, dict) and "data" in found else []


def _entry(venue: Venue, entry: Any) -> LiquidationRow | LeftOut | None:
    # Its documentation shows a blank before the name.
    symbol = entry["market"].strip()
    if symbol not in venue.symbols:
        return other_contract(symbol)
    side = entry["side"]
    if side not in ("long", "short"):
        raise ValueError(f"the side is {side!r}, neither long nor short")
    # `liq_price` is that of the mark which triggered it.
    price, amount = number(entry["bkr_price"], "the price"), number(entry["liq_amount"], "the amount")
    return row(venue, symbol, micros(entry["created_at"]), side, price, amount)


def _refusal(found: Any) -> str | None:
    return kit.coded(found, "code", "message")


def _pages(session: FeedSession, venue: Venue, first: int, last: int) -> Pages:
    # The order of its rows is not documented, so all pages of the span are asked for.
    for page in range(1, kit.MOST_PAGES + 1):
        query = {"market": _MARKET, "start_time": first, "end_time": last, "page": page, "limit": _FULL}
        answer = session.fetch("https://api.coinex.com/v2/futures/liquidation-history", query)
        yield kit.listed(answer, "data"), None
        if not answer.data["data"] or not answer.data["pagination"]["has_next"]:
            return
    raise kit.too_long(venue)


VENUES: Final = (
    Venue(
        id="coinex",
        name="CoinEx",
        ccxt="coinex",
        hosts=("coinex",),
        side="position",
        price_kind="bankruptcy",
        completeness="unknown",
        completeness_words="CoinEx does not say whether every liquidation is published.",
        linear=(_MARKET,),
        parse=_parse,
        refusal=_refusal,
        history=History(_pages, "months, asked page by page"),
    ),
)
