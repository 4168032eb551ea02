"""HTX: both contracts by socket and 90 days back, by two addresses that speak differently."""

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
from liqcore.feeds.venues.series import candles, funding
from liqcore.feeds.venues.venue import INVERSE, LINEAR, History, Line, Meaning, Message, Pages, Venue

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

_LINEAR: Final = ("BTC-USDT",)
_INVERSE: Final = ("BTC-USD",)


def _parse(venue: Venue, message: Message) -> list[Found]:
    """v5 and v3 history, and `public.*.liquidation_orders`; quantities are contracts."""
    found = message.data
    if not isinstance(found, dict) or "ping" in found:
        return []
    if "op" not in found and "topic" not in found:
        return read_all(venue, found.get("data"), _order)
    if found.get("op") != "notify":
        return []
    if not str(found.get("topic", "")).endswith("liquidation_orders"):
        return other_topic("topic", found.get("topic"))
    return read_all(venue, found.get("data"), _order)


def _order(venue: Venue, entry: Any) -> LiquidationRow | LeftOut | None:
    symbol = entry["contract_code"]
    if symbol not in venue.symbols:
        return other_contract(symbol)
    side = str(entry.get("position_side", "")).lower()
    if side not in ("long", "short"):
        side = position(entry["side"] if "side" in entry else entry["direction"], order=True)
    moment = micros(entry["liquidation_time"] if "liquidation_time" in entry else entry["created_at"])
    price = number(entry["bankrupt_price"] if "bankrupt_price" in entry else entry["price"], "the price")
    return row(venue, symbol, moment, side, price, number(entry["volume"], "the volume"))


def _refusal(found: Any) -> str | None:
    if not isinstance(found, dict):
        return None
    words = "msg" if "msg" in found else "message"
    return kit.coded(found, "code", words, ("0", "200")) or kit.coded(found, "err-code", "err-msg")


def _meaning(found: Any) -> Meaning:
    if isinstance(found, dict) and found.get("op") == "ping":
        return Meaning(answer=kit.text({"op": "pong", "ts": found.get("ts")}))
    if isinstance(found, dict) and "ping" in found:
        return Meaning(answer=kit.text({"pong": found["ping"]}))
    return kit.answered(_refusal(found), isinstance(found, dict) and found.get("op") == "sub")


def _line(path: str, covers: str, symbols: tuple[str, ...]) -> Line:
    frames = tuple(
        kit.text({"op": "sub", "cid": symbol, "topic": f"public.{symbol}.liquidation_orders"})
        for symbol in symbols
    )
    # It pings every five seconds itself.
    return Line(f"wss://api.hbdm.com/{path}", covers, frames, len(frames), every=30.0, silence=60.0)


def _pages(session: FeedSession, venue: Venue, first: int, last: int) -> Pages:
    # The coin-margined contract has an older address with words of its own, which tells no page size: it is
    # asked until a page is empty.
    contracts: tuple[tuple[str, str, str, int, int, dict[str, Any]], ...] = (
        (
            "v5/market/liquidation_orders",
            "id",
            "from",
            100,
            2 * kit.HOUR,
            {"contract_code": venue.linear[0], "limit": 100},
        ),
        (
            "swap-api/v3/swap_liquidation_orders",
            "query_id",
            "from_id",
            1,
            48 * kit.HOUR,
            {"contract": venue.inverse[0], "trade_type": 0},
        ),
    )
    cut = False
    for path, ident, mark, full, length, which in contracts:
        left = kit.MOST_PAGES
        for lower, upper in kit.windows(first, last, length):
            query: dict[str, Any] | None = {**which, "start_time": lower, "end_time": upper, "direct": "prev"}
            while query is not None and left:
                left -= 1
                answer = session.fetch(f"https://api.hbdm.com/{path}", query)
                yield answer, None
                ids = [int(one[ident]) for one in answer.data["data"]]
                more = len(ids) >= full and min(ids) < query.get(mark, min(ids) + 1)
                query = {**query, mark: min(ids)} if more else None
            cut = cut or query is not None
    # One contract that is too long must not cost the other its history.
    if cut:
        raise kit.too_long(venue)


VENUES: Final = (
    Venue(
        id="htx",
        name="HTX",
        ccxt="htx",
        hosts=("hbdm", "huobi", "htx"),
        side="order",
        price_kind="bankruptcy",
        completeness="unknown",
        completeness_words="HTX seems to publish every liquidation but does not say so.",
        linear=_LINEAR,
        inverse=_INVERSE,
        contract=((_LINEAR[0], 0.001), (_INVERSE[0], 100.0)),
        aliases=("huobi", "huobipro", "huobi-dm-swap"),
        parse=_parse,
        refusal=_refusal,
        lines=(
            _line("linear-swap-notification", LINEAR, _LINEAR),
            _line("swap-notification", INVERSE, _INVERSE),
        ),
        meaning=_meaning,
        history=History(_pages, "the last 90 days, asked two hours at a time"),
        # What a unit of its volume is could not be established.
        candles=candles(2000, unit=None, counted=False),
        funding=funding(),
    ),
)
