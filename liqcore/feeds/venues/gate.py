"""Gate: every liquidation, live and hour by hour; both the socket and REST count contracts."""

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
    read_all,
    row,
)
from liqcore.feeds.venues.series import brackets, candles, funding, interest, milliseconds, spans
from liqcore.feeds.venues.venue import INVERSE, LINEAR, History, Line, Meaning, Message, Pages, Series, Venue

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

_CHANNEL: Final = "futures.public_liquidates"
_REST: Final = "https://api.gateio.ws/api/v4/futures"
_CONTRACT: Final = 0.0001


def _parse(venue: Venue, message: Message) -> list[Found]:
    """`liq_orders` (a list) and `futures.public_liquidates`; the sign of `size` is the position's."""
    found = message.data
    if isinstance(found, list):
        return read_all(venue, found, _order)
    if found.get("event") != "update":
        return []
    if found.get("channel") != _CHANNEL:
        return other_topic("channel", found.get("channel"))
    told = found.get("result")
    return read_all(venue, [told] if isinstance(told, dict) else told, _order)


def _order(venue: Venue, entry: Any) -> LiquidationRow | LeftOut | None:
    symbol = entry["contract"]
    if symbol not in venue.symbols:
        return other_contract(symbol)
    size = number(entry["size"], "the size")
    if size == 0:
        return None
    # `size` is the whole position and `left` what the order did not fill.
    ordered = number(entry.get("order_size", size), "the order size")
    filled = abs(ordered) - abs(number(entry.get("left", 0), "the rest"))
    price = number(entry["fill_price"] if "fill_price" in entry else entry["price"], "the price")
    if "time_ms" in entry:
        moment = micros(entry["time_ms"])
    else:
        moment = micros(entry["time"], 1e6 if number(entry["time"], "the time") < 1e11 else 1e3)
    return None if filled == 0 else row(venue, symbol, moment, "long" if size > 0 else "short", price, filled)


def _refusal(found: Any) -> str | None:
    refused = isinstance(found, dict) and "label" in found
    return kit.told(found, "message", "label") if refused else kit.about(found, "message")


def _meaning(found: Any) -> Meaning:
    confirmed = isinstance(found, dict) and found.get("event") == "subscribe"
    return kit.answered(_refusal(found), confirmed)


def _line(settle: str, covers: str, symbols: tuple[str, ...]) -> Line:
    body = f'{{"time":{{now}},"channel":"{_CHANNEL}","event":"subscribe","payload":{kit.text(symbols)}}}'
    ping = '{"time":{now},"channel":"futures.ping"}'
    return Line(f"wss://fx-ws.gateio.ws/v4/ws/{settle}", covers, (body,), 1, ping)


def _pages(session: FeedSession, venue: Venue, first: int, last: int) -> Pages:
    # Seconds, and at most an hour; a full page means that the window was cut, so it is halved.
    hours = list(kit.windows(first // 1000, last // 1000 + 1, 3_600))
    todo = [(symbol, *window) for symbol in venue.symbols for window in hours][::-1]
    for _ in range(kit.MOST_PAGES):
        if not todo:
            return
        symbol, lower, upper = todo.pop()
        settle = "btc" if symbol in venue.inverse else "usdt"
        query = {"contract": symbol, "from": lower, "to": upper, "limit": 1000}
        answer = session.fetch(f"{_REST}/{settle}/liq_orders", query, headers={"X-Gate-Size-Decimal": "1"})
        yield kit.listed(answer), None
        if len(answer.data) >= 1000 and upper - lower > 1:
            middle = (lower + upper) // 2
            todo += [(symbol, lower, middle), (symbol, middle, upper)]
    raise kit.too_long(venue)


def _interest(session: FeedSession, venue: Venue, timeframe: str, first: int, last: int) -> pd.DataFrame:
    found = _stats(session, venue, timeframe, first, last)
    held = [float(one["open_interest"]) * _CONTRACT for one in found]
    return interest(venue, [one["time"] for one in found], held)


def _totals(session: FeedSession, venue: Venue, timeframe: str, first: int, last: int) -> pd.DataFrame:
    found = _stats(session, venue, timeframe, first, last)
    return pd.DataFrame(
        {
            "time": pd.to_datetime([int(one["time"]) for one in found], unit="s", utc=True),
            "venue": venue.id,
            "long": [float(one["long_liq_usd"]) for one in found],
            "short": [float(one["short_liq_usd"]) for one in found],
        }
    )


def _stats(session: FeedSession, venue: Venue, timeframe: str, first: int, last: int) -> list[Any]:
    found: list[Any] = []
    step = milliseconds(timeframe)
    for lower, upper in spans(first // step * step, last, 500 * step):
        limit = min((upper - lower) // step + 1, 500)
        query = {"contract": venue.linear[0], "interval": timeframe, "from": lower // 1000, "limit": limit}
        found += session.fetch(f"{_REST}/usdt/contract_stats", query).data
    return found


VENUES: Final = (
    Venue(
        id="gate",
        name="Gate",
        ccxt="gate",
        hosts=("gateio",),
        side="position",
        price_kind="fill",
        completeness="all",
        completeness_words="Gate seems to send every liquidation; live, in batches of a second.",
        linear=("BTC_USDT",),
        inverse=("BTC_USD",),
        contract=(("BTC_USDT", _CONTRACT), ("BTC_USD", 1.0)),
        # The settlement coin stands in its paths, in small letters.
        ccxt_market=(("settleId", "usdt"),),
        aliases=("gateio", "gate-io"),
        parse=_parse,
        refusal=_refusal,
        lines=(_line("usdt", LINEAR, ("BTC_USDT",)), _line("btc", INVERSE, ("BTC_USD",))),
        meaning=_meaning,
        history=History(_pages, "asked hour by hour", whole_seconds=True),
        candles=candles(1000, unit=_CONTRACT),
        open_interest=Series(_interest, 500),
        funding=funding(),
        totals=Series(_totals, 500),
        tiers=brackets(deduction="deduction"),
    ),
)
