"""Binance: USD-M and COIN-M futures. Its sockets send a sample, its history is for its own customers only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from liqcore import tables
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
from liqcore.feeds.venues.series import client, funding, interest, milliseconds, spans, table_of
from liqcore.feeds.venues.venue import ALL_CONTRACTS, Line, Meaning, Message, Series, Tick, Venue

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession
    from liqcore.margins import TierTable

_SUBSCRIBE: Final = 1
# The last price, about once a second.
_PRICE: Final = "24hrMiniTicker"
_USD: Final = ("BTCUSDT", "BTCUSDC")
_COIN: Final = ("BTCUSD_PERP",)
SAMPLED: Final = (
    "{name} sends a sample: at most one liquidation a second and contract is published, so sums are too"
    " small."
)


def parse(venue: Venue, message: Message) -> list[Found]:
    """`forceOrder`, alone, in a combined stream, or in the array of all markets."""
    events = kit.as_list(message.data)
    events = [event.get("data", event) if isinstance(event, dict) else event for event in events]
    flat = [one for event in events for one in kit.as_list(event) if isinstance(one, dict)]
    orders = [one["o"] for one in flat if one.get("e") == "forceOrder" and "o" in one]
    other = [one["e"] for one in flat if one.get("e", "forceOrder") not in ("forceOrder", _PRICE)]
    return [
        *read_all(venue, orders, _order),
        *(left for name in other for left in other_topic("stream", name)),
    ]


def _order(venue: Venue, order: Any) -> LiquidationRow | LeftOut | None:
    if order["s"] not in venue.symbols:
        return other_contract(order["s"])
    # `l` is the last fill only and `p` the limit of the order near bankruptcy.
    filled = number(order["z"], "the filled quantity")
    if filled == 0:
        return None
    side, price = position(order["S"], order=True), number(order["ap"], "the price")
    return row(venue, order["s"], micros(order["T"]), side, price, filled)


def refusal(found: Any) -> str | None:
    """REST tells `code` and `msg`, a socket puts them into `error`."""
    return kit.coded(found, "code", "msg", ("0", "200", "000000")) or kit.about(found, "msg")


def meaning(found: Any) -> Meaning:
    """A stream that does not exist is confirmed like one that does."""
    confirmed = isinstance(found, dict) and found.get("id") == _SUBSCRIBE and "result" in found
    return kit.answered(refusal(found), confirmed)


def tick(found: Any) -> Tick | None:
    """The last price of a `miniTicker` frame."""
    told = found.get("data", found) if isinstance(found, dict) else None
    if not isinstance(told, dict) or told.get("e") != _PRICE:
        return None
    return kit.tick(told.get("c"), told.get("E"))


def line(url: str, symbols: tuple[str, ...], priced: str = "") -> Line:
    """The socket at `url` for the liquidations of some contracts, and the price of one."""
    streams = [f"{symbol.lower()}@forceOrder" for symbol in symbols]
    streams += [f"{priced.lower()}@miniTicker"] if priced else []
    frame = kit.text({"method": "SUBSCRIBE", "params": streams, "id": _SUBSCRIBE})
    return Line(url, ALL_CONTRACTS, (frame,), 1, every=30.0, silence=95.0)


def candles(method: str, volume: int = 5, taker: int = 9) -> Series:
    """Raw bars through ccxt's `method`, which drops their taker-buy volume from its unified ones; `volume`
    and `taker` are the columns in BTC."""

    def read(session: FeedSession, venue: Venue, timeframe: str, first: int, last: int) -> pd.DataFrame:
        ask, step = getattr(client(session, venue), method), milliseconds(timeframe)
        query = {"symbol": venue.symbols[0], "interval": timeframe, "endTime": last, "limit": 1500}
        bars: list[Any] = []
        while first <= last:
            page = ask({**query, "startTime": first})
            bars += page
            if len(page) < 1500 or int(page[-1][0]) + step <= first:
                break
            first = int(page[-1][0]) + step
        columns = [[bar[place] for place in (0, 1, 2, 3, 4, volume, taker)] for bar in bars]
        return pd.DataFrame(columns, columns=list(tables.CANDLES)).drop_duplicates("time")

    return Series(read, 1500)


def _interest(host: str, query: dict[str, str], quantity: str) -> Series:
    def read(session: FeedSession, venue: Venue, timeframe: str, first: int, last: int) -> pd.DataFrame:
        found: list[Any] = []
        for lower, upper in spans(first, last, 500 * milliseconds(timeframe)):
            asked = {**query, "period": timeframe, "limit": 500, "startTime": lower, "endTime": upper}
            found += session.fetch(f"https://{host}/futures/data/openInterestHist", asked).data
        return interest(venue, [one["timestamp"] for one in found], [one[quantity] for one in found])

    # The thirtieth day may be refused while it is asked for.
    return Series(read, 500, reach=29.9)


def _brackets(kind: str) -> Callable[[FeedSession, Venue, str], TierTable]:
    """Its maintenance brackets as its own site reads them: the documented address wants a key."""

    def read(session: FeedSession, venue: Venue, day: str) -> TierTable:
        address = f"https://www.binance.com/bapi/futures/v1/friendly/{kind}/common/brackets"
        found = session.fetch(address, {}).data["data"]["brackets"]
        symbol = venue.symbols[0]
        (held,) = (one["riskBrackets"] for one in found if one["symbol"] == symbol)
        ordered = sorted(held, key=lambda one: float(one["bracketNotionalCap"]))
        caps, rates, most, amounts = (
            [float(one[name]) for one in ordered]
            for name in (
                "bracketNotionalCap",
                "bracketMaintenanceMarginRate",
                "maxOpenPosLeverage",
                "cumFastMaintenanceAmount",
            )
        )
        return table_of(venue, day, caps, rates, most, amounts)

    return read


VENUES: Final = (
    Venue(
        id="binance",
        name="Binance USD-M",
        ccxt="binanceusdm",
        hosts=("binance",),
        side="order",
        price_kind="fill",
        completeness="sampled",
        completeness_words=SAMPLED.format(name="Binance"),
        linear=_USD,
        aliases=("binance-usdm", "binance-futures"),
        refuses=("United States",),
        reference=1,
        parse=parse,
        refusal=refusal,
        lines=(line("wss://fstream.binance.com/market/ws", _USD, _USD[0]),),
        meaning=meaning,
        tick=tick,
        candles=candles("fapiPublicGetKlines"),
        taker_volume=True,
        open_interest=_interest("fapi.binance.com", {"symbol": _USD[0]}, "sumOpenInterest"),
        funding=funding(1000),
        tiers=_brackets("future"),
    ),
    Venue(
        id="binance-coin",
        name="Binance COIN-M",
        ccxt="binancecoinm",
        hosts=("dapi.binance", "dstream.binance"),
        side="order",
        price_kind="fill",
        completeness="sampled",
        completeness_words=SAMPLED.format(name="Binance"),
        inverse=_COIN,
        contract=((_COIN[0], 100.0),),
        unified="BTC/USD:BTC",
        aliases=("binance-coinm", "binance-delivery"),
        refuses=("United States",),
        parse=parse,
        refusal=refusal,
        lines=(line("wss://dstream.binance.com/ws", _COIN),),
        meaning=meaning,
        # Contracts first; what is called the quote volume is in BTC.
        candles=candles("dapiPublicGetKlines", 7, 10),
        taker_volume=True,
        open_interest=_interest(
            "dapi.binance.com", {"pair": "BTCUSD", "contractType": "PERPETUAL"}, "sumOpenInterestValue"
        ),
        funding=funding(1000),
        tiers=_brackets("delivery"),
    ),
)
