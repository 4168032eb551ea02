"""Bybit: the only large venue that says it sends every liquidation, live only."""

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
from liqcore.feeds.venues.series import brackets, candles, funding, interest, milliseconds, spans
from liqcore.feeds.venues.venue import INVERSE, LINEAR, Line, Meaning, Message, Series, Tick, Venue

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

_LINEAR: Final = ("BTCUSDT", "BTCPERP")
_INVERSE: Final = ("BTCUSD",)
_PRICE: Final = f"tickers.{_LINEAR[0]}"
_INTERVALS: Final = {"5m": "5min", "15m": "15min", "30m": "30min"}


def _parse(venue: Venue, message: Message) -> list[Found]:
    """`allLiquidation.*`; the side is the position's, the price the bankruptcy price."""
    found = message.data
    if not isinstance(found, dict) or "topic" not in found:
        return []
    if found["topic"] == _PRICE:
        return []
    if not str(found["topic"]).startswith("allLiquidation"):
        return other_topic("topic", found["topic"])
    return read_all(venue, found.get("data"), _entry)


def _entry(venue: Venue, entry: Any) -> LiquidationRow | LeftOut | None:
    if entry["s"] not in venue.symbols:
        return other_contract(entry["s"])
    side, price = position(entry["S"], order=False), number(entry["p"], "the price")
    return row(venue, entry["s"], micros(entry["T"]), side, price, number(entry["v"], "the quantity"))


def _refusal(found: Any) -> str | None:
    refused = isinstance(found, dict) and found.get("success") is False
    return kit.told(found, "ret_msg") if refused else kit.coded(found, "retCode", "retMsg")


def _meaning(found: Any) -> Meaning:
    confirmed = isinstance(found, dict) and found.get("op") == "subscribe"
    refused = _refusal(found)
    # Without the price, liquidations lack nothing.
    return Meaning() if refused and _PRICE.split(".")[0] in refused else kit.answered(refused, confirmed)


def _tick(found: Any) -> Tick | None:
    """The last price of a `tickers` frame; a change of something else carries none."""
    if not isinstance(found, dict) or found.get("topic") != _PRICE or not isinstance(found.get("data"), dict):
        return None
    return kit.tick(found["data"].get("lastPrice"), found.get("ts"))


def _line(kind: str, covers: str, symbols: tuple[str, ...], *more: str) -> Line:
    # One unknown topic would refuse a whole list.
    topics = [*(f"allLiquidation.{symbol}" for symbol in symbols), *more]
    frames = tuple(kit.text({"op": "subscribe", "args": [topic]}) for topic in topics)
    url = f"wss://stream.bybit.com/v5/public/{kind}"
    return Line(url, covers, frames, len(symbols), kit.text({"op": "ping"}))


def _interest(session: FeedSession, venue: Venue, timeframe: str, first: int, last: int) -> pd.DataFrame:
    found: list[Any] = []
    for lower, upper in spans(first, last, 200 * milliseconds(timeframe)):
        query = {
            "category": "linear",
            "symbol": venue.linear[0],
            "intervalTime": _INTERVALS.get(timeframe, timeframe),
            "limit": 200,
            "startTime": lower,
            "endTime": upper,
        }
        answer = session.fetch("https://api.bybit.com/v5/market/open-interest", query)
        found += answer.data["result"]["list"]
    return interest(venue, [one["timestamp"] for one in found], [one["openInterest"] for one in found])


def _maintenance(tier: Any) -> float:
    """Its maintenance rate: a fraction, or, as its documents have it, in per cent (then the initial margin at
    the highest leverage is 100)."""
    told = tier["info"]
    whole = float(told["initialMargin"]) * float(told["maxLeverage"])
    return float(told["maintenanceMargin"]) / (100 if whole > 10 else 1)


VENUES: Final = (
    Venue(
        id="bybit",
        name="Bybit",
        ccxt="bybit",
        hosts=("bybit", "bytick"),
        side="position",
        price_kind="bankruptcy",
        completeness="all",
        completeness_words="Bybit says that it sends every liquidation, twice a second.",
        linear=_LINEAR,
        inverse=_INVERSE,
        refuses=("United States", "mainland China"),
        geo_statuses=(403,),
        reference=2,
        parse=_parse,
        refusal=_refusal,
        lines=(_line("linear", LINEAR, _LINEAR, _PRICE), _line("inverse", INVERSE, _INVERSE)),
        meaning=_meaning,
        tick=_tick,
        candles=candles(1000),
        open_interest=Series(_interest, 200),
        funding=funding(200),
        tiers=brackets(deduction="mmDeduction", rate=_maintenance),
    ),
)
