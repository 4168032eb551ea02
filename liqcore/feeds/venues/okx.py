"""OKX: one socket for all swaps, a sample; about a day of the same by REST."""

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
from liqcore.feeds.venues.venue import (
    ALL_CONTRACTS,
    History,
    Line,
    Meaning,
    Message,
    Pages,
    Series,
    Tick,
    Venue,
)

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

_CHANNEL: Final = "liquidation-orders"
_PRICE: Final = {"channel": "tickers", "instId": "BTC-USDT-SWAP"}
# Sent before an upgrade closes the connection: a notice with a code, and no refusal.
_UPGRADE: Final = "64008"
_PERIODS: Final = {"1h": "1H", "2h": "2H", "4h": "4H", "6h": "6H", "12h": "12H", "1d": "1D"}


def _parse(venue: Venue, message: Message) -> list[Found]:
    """`liquidation-orders`, socket or REST: every detail of every contract."""
    found = message.data
    if not isinstance(found, dict) or "event" in found:
        return []
    asked = found.get("arg", {"channel": _CHANNEL})
    channel = asked.get("channel") if isinstance(asked, dict) else None
    if asked == _PRICE:
        return []
    if channel != _CHANNEL or "table" in found:
        return other_topic("channel", found.get("table", channel))
    if not isinstance(found.get("data"), list):
        return read_all(venue, found.get("data"), _detail)
    details: list[Any] = []
    for entry in found["data"]:
        listed = entry.get("details") if isinstance(entry, dict) else None
        details += [(entry.get("instId"), one) for one in listed] if isinstance(listed, list) else [entry]
    return read_all(venue, details, _detail)


def _detail(venue: Venue, entry: Any) -> LiquidationRow | LeftOut | None:
    symbol, detail = entry
    if symbol not in venue.symbols:
        return other_contract(symbol)
    held = detail.get("posSide")
    side = held if held in ("long", "short") else position(detail["side"], order=True)
    moment = micros(detail["ts"] if "ts" in detail else detail["time"])
    size = number(detail["sz"], "the quantity")
    return row(venue, symbol, moment, side, number(detail["bkPx"], "the price"), size)


def _refusal(found: Any) -> str | None:
    event = found.get("event", "error") if isinstance(found, dict) else "error"
    return kit.coded(found, "code", "msg") if event == "error" else None


def _tick(found: Any) -> Tick | None:
    """The last price of the `tickers` channel."""
    if not isinstance(found, dict) or found.get("arg") != _PRICE or not isinstance(found.get("data"), list):
        return None
    told = found["data"][-1] if found["data"] else None
    return kit.tick(told.get("last"), told.get("ts")) if isinstance(told, dict) else None


def _meaning(found: Any) -> Meaning:
    if isinstance(found, dict) and found.get("event") == "notice":
        return Meaning(reconnect=str(found.get("code")) == _UPGRADE)
    confirmed = isinstance(found, dict) and found.get("event") == "subscribe" and found.get("arg") != _PRICE
    refused = _refusal(found)
    # Without the price, liquidations lack nothing.
    return Meaning() if refused and _PRICE["channel"] in refused else kit.answered(refused, confirmed)


def _pages(session: FeedSession, venue: Venue, first: int, last: int) -> Pages:
    for symbol in venue.symbols:
        query: dict[str, Any] = {
            "instType": "SWAP",
            "instFamily": symbol.removesuffix("-SWAP"),
            "state": "filled",
            "limit": 100,
            "after": last + 1,
        }
        for _ in range(kit.MOST_PAGES):
            answer = session.fetch("https://www.okx.com/api/v5/public/liquidation-orders", query)
            yield answer, None
            times = [int(detail["ts"]) for entry in answer.data["data"] for detail in entry["details"]]
            # One millisecond of overlap, because several events share a time; the doubles are dropped.
            if not times or min(times) < first or min(times) + 1 >= query["after"]:
                break
            query = {**query, "after": min(times) + 1}
        else:
            raise kit.too_long(venue)


def _interest(session: FeedSession, venue: Venue, timeframe: str, first: int, last: int) -> pd.DataFrame:
    rows: list[Any] = []
    for lower, upper in spans(first, last, 100 * milliseconds(timeframe)):
        query = {
            "instId": venue.linear[0],
            "period": _PERIODS.get(timeframe, timeframe),
            "limit": 100,
            # Both are exclusive.
            "begin": lower - 1,
            "end": upper + 1,
        }
        address = "https://www.okx.com/api/v5/rubik/stat/contracts/open-interest-history"
        rows += session.fetch(address, query).data["data"]
    # Contracts, BTC and USD.
    return interest(venue, [one[0] for one in rows], [one[2] for one in rows])


VENUES: Final = (
    Venue(
        id="okx",
        name="OKX",
        ccxt="okx",
        hosts=("okx",),
        side="order",
        price_kind="bankruptcy",
        completeness="sampled",
        completeness_words=(
            "OKX sends a sample: at most one liquidation a second and contract is published, so sums are too"
            " small."
        ),
        linear=("BTC-USDT-SWAP",),
        inverse=("BTC-USD-SWAP",),
        contract=(("BTC-USDT-SWAP", 0.01), ("BTC-USD-SWAP", 100.0)),
        aliases=("okex", "okex5", "okex-swap"),
        reference=3,
        parse=_parse,
        refusal=_refusal,
        # Sizes in contracts, and one rate for the whole position: (tiered rate + fee) × its value.
        tiers=brackets(unit="quantity", each=0.01, rate=lambda tier: float(tier["info"]["mmr"])),
        lines=(
            Line(
                "wss://ws.okx.com/ws/v5/public",
                ALL_CONTRACTS,
                (
                    kit.text({"op": "subscribe", "args": [{"channel": _CHANNEL, "instType": "SWAP"}]}),
                    kit.text({"op": "subscribe", "args": [_PRICE]}),
                ),
                1,
                "ping",
            ),
        ),
        meaning=_meaning,
        tick=_tick,
        history=History(_pages, "about the last day"),
        candles=candles(300),
        open_interest=Series(_interest, 100),
        funding=funding(100, end="after"),
    ),
)
